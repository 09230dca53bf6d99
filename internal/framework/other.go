package framework

import (
	"path"
	"regexp"
)

// The action's container sees nothing that earlier steps install.
const (
	hugoNote   = "Hugo must be installed where the build runs: the action's image has Node.js only."
	jekyllNote = "Ruby and Jekyll must be installed where the build runs: the action's image has Node.js only."
)

// hugoPublish matches publishDir in the three languages of Hugo's
// configuration.
var (
	hugoPublish = regexp.MustCompile(`(?i)\bpublishDir["']?\s*[:=]\s*["']?([^"'\s,}]+)`)
	hugoSeen    = regexp.MustCompile(`(?i)\bpublishDir\b`)
)

// hugo is recognised by its configuration: hugo.*, or config.* or
// config/_default beside one of its directories.
// https://gohugo.io/configuration/introduction/
func hugo(r *repo) (Guess, bool) {
	file, text := r.config("hugo", "toml", "yaml", "yml", "json")
	if file == "" {
		file, text = r.config("config/_default/hugo", "toml", "yaml", "yml", "json")
	}
	if file == "" && (r.has("archetypes") || r.has("layouts") || r.has("themes")) && r.has("content") {
		file, text = r.config("config", "toml", "yaml", "yml", "json")
		if file == "" {
			file, text = r.config("config/_default/config", "toml", "yaml", "yml", "json")
		}
	}
	if file == "" {
		return Guess{}, false
	}
	g := Guess{Framework: "hugo", Title: "Hugo", BuildCommand: "hugo --minify", OutputDir: "public", Confidence: High, Evidence: []string{file}}
	if name := r.scriptOf("hugo", ""); name != "" {
		g.BuildCommand = r.run(name)
		g.Evidence = append(g.Evidence, "package.json")
	}
	dir, certain := setting(text, hugoPublish, hugoSeen)
	switch {
	case !certain:
		g.unsure(file, "publishDir")
	case dir != "":
		g.OutputDir = dir
	}
	g.Notes = append(g.Notes, hugoNote)
	return g, true
}

var (
	jekyllDestination = regexp.MustCompile(`(?m)^destination:[ \t]*["']?([^"'\s]+)["']?\s*$`)
	jekyllSeen        = regexp.MustCompile(`(?m)^destination:`)
	jekyllGem         = regexp.MustCompile(`(?m)^\s*gem\s*\(?\s*["'](jekyll|github-pages)["']`)
)

// jekyll is recognised by _config.yml, or by a Gemfile that asks for it.
func jekyll(r *repo) (Guess, bool) {
	file, text := r.config("_config", "yml", "yaml", "toml")
	gemfile := r.text("Gemfile")
	if file == "" && !jekyllGem.MatchString(gemfile) {
		return Guess{}, false
	}
	g := Guess{Framework: "jekyll", Title: "Jekyll", BuildCommand: "jekyll build", OutputDir: "_site", Confidence: High}
	if file != "" {
		g.Evidence = append(g.Evidence, file)
	}
	if gemfile != "" {
		g.BuildCommand = "bundle exec jekyll build"
		g.Evidence = append(g.Evidence, "Gemfile")
	}
	if dir, certain := setting(text, jekyllDestination, jekyllSeen); !certain {
		g.unsure(file, "destination")
	} else if dir != "" {
		g.OutputDir = dir
	}
	g.Notes = append(g.Notes, jekyllNote)
	return g, true
}

// plainDirs are where sites without a generator lie, in this order.
var plainDirs = []string{"public", "site", "docs", "www", "html", "dist", "build", "_site", "out"}

// plain is HTML that lies there already: index.html at the top, or in one of
// the usual directories. A package.json with a build script makes it a guess,
// as the script may be what writes the files.
func plain(r *repo) (Guess, bool) {
	dir := ""
	if r.has("index.html") {
		dir = "."
	}
	for _, d := range plainDirs {
		if dir == "" && r.has(path.Join(d, "index.html")) {
			dir = d
		}
	}
	script := r.pkg != nil && r.pkg.Scripts["build"] != ""
	if dir == "" && !script {
		return Guess{}, false
	}
	g := Guess{Framework: "html", Title: "plain HTML", OutputDir: dir, Confidence: High}
	if dir != "" {
		g.Evidence = []string{path.Join(dir, "index.html")}
	}
	if !script {
		return g, true
	}
	g.Framework, g.Title, g.Confidence = "node", "a package.json with a build script", Low
	g.BuildCommand = r.run("build")
	g.Evidence = append([]string{"package.json"}, g.Evidence...)
	if dir == "" || dir == "." {
		g.OutputDir = "dist"
	}
	g.Notes = append(g.Notes, "The generator was not recognised: check that outputDir is where the build script leaves the site.")
	return g, true
}
