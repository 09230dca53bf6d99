package framework

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// kind describes a framework that is a package for Node.js.
type kind struct {
	name, title string
	pkg         string // the dependency that tells
	tool, args  string // builds, where no script does
	config      string // configuration file without its extension
	output      string // where it builds to unless told
	setting     string // property of the configuration that says where
	flags       []string
}

// detect recognises a kind by its dependency.
func (k kind) detect(r *repo) (g Guess, script, text string, ok bool) {
	if !r.dependsOn(k.pkg) {
		return g, "", "", false
	}
	g = Guess{Framework: k.name, Title: k.title, OutputDir: k.output, Confidence: High, Evidence: []string{"package.json"}}
	g.BuildCommand, script = r.build(k.tool, k.args)
	file, text := r.config(k.config, scriptExts...)
	if file != "" {
		g.Evidence = append([]string{file}, g.Evidence...)
	}
	k.readOutput(&g, script, file, text)
	return g, script, text, true
}

// readOutput looks for another output directory: in the script's flags, then in
// the configuration.
func (k kind) readOutput(g *Guess, script, file, text string) {
	if dir := option(script, k.flags...); dir != "" {
		g.OutputDir = dir
		return
	}
	if k.setting == "" || text == "" {
		return
	}
	dir, certain := setting(text, property(k.setting), mention(k.setting))
	switch {
	case !certain:
		g.unsure(file, k.setting)
	case dir != "":
		g.OutputDir = dir
	}
}

// unsure says that a setting was seen but not understood.
func (g *Guess) unsure(file, setting string) {
	g.Confidence = Low
	g.Notes = append(g.Notes, fmt.Sprintf("%s sets %s in a way that is not certain to read: check outputDir.", file, setting))
}

func docusaurus(r *repo) (Guess, bool) {
	g, _, _, ok := kind{name: "docusaurus", title: "Docusaurus", pkg: "@docusaurus/core", tool: "docusaurus", args: "build",
		config: "docusaurus.config", output: "build", flags: []string{"--out-dir"}}.detect(r)
	return g, ok
}

func astro(r *repo) (Guess, bool) {
	g, _, text, ok := kind{name: "astro", title: "Astro", pkg: "astro", tool: "astro", args: "build",
		config: "astro.config", output: "dist", setting: "outDir", flags: []string{"--outDir"}}.detect(r)
	if ok && regexp.MustCompile(`\boutput["']?\s*:\s*["']server["']`).MatchString(text) {
		g.Confidence = Low
		g.Notes = append(g.Notes, `astro.config sets output: "server", which needs a server: only output: "static" can be deployed.`)
	}
	return g, ok
}

func nuxt(r *repo) (Guess, bool) {
	if !r.dependsOn("nuxt") {
		return Guess{}, false
	}
	g := Guess{Framework: "nuxt", Title: "Nuxt", OutputDir: ".output/public", Confidence: High, Evidence: []string{"package.json"}}
	if file, _ := r.config("nuxt.config", scriptExts...); file != "" {
		g.Evidence = append([]string{file}, g.Evidence...)
	}
	// "nuxt build" makes a server; only generate makes files.
	g.BuildCommand = r.exec("nuxt generate")
	if s, ok := r.pkg.Scripts["generate"]; ok && strings.Contains(s, "nuxt") {
		g.BuildCommand = r.run("generate")
	}
	return g, true
}

func sveltekit(r *repo) (Guess, bool) {
	g, _, _, ok := kind{name: "sveltekit", title: "SvelteKit", pkg: "@sveltejs/kit", tool: "vite", args: "build",
		config: "svelte.config", output: "build"}.detect(r)
	if ok && !r.dependsOn("@sveltejs/adapter-static") {
		g.Confidence = Low
		g.Notes = append(g.Notes, "SvelteKit makes files only with @sveltejs/adapter-static: add it to svelte.config.js.")
	}
	return g, ok
}

func next(r *repo) (Guess, bool) {
	g, script, text, ok := kind{name: "next", title: "Next.js", pkg: "next", tool: "next", args: "build",
		config: "next.config", output: "out", setting: "distDir"}.detect(r)
	if !ok {
		return g, false
	}
	exports := regexp.MustCompile(`\boutput["']?\s*[:=]\s*["']export["']`).MatchString(text) || strings.Contains(script, "next export")
	if !exports {
		g.OutputDir = "out"
		g.Confidence = Low
		g.Notes = append(g.Notes, `Next.js makes files only with output: "export" in next.config.js, which was not found: set it.`)
	}
	return g, true
}

// hexo shares the name of its configuration, _config.yml, with Jekyll.
func hexo(r *repo) (Guess, bool) {
	g, _, _, ok := kind{name: "hexo", title: "Hexo", pkg: "hexo", tool: "hexo", args: "generate",
		output: "public"}.detect(r)
	return g, ok
}

func gatsby(r *repo) (Guess, bool) {
	g, _, _, ok := kind{name: "gatsby", title: "Gatsby", pkg: "gatsby", tool: "gatsby", args: "build",
		config: "gatsby-config", output: "public"}.detect(r)
	return g, ok
}

func createReactApp(r *repo) (Guess, bool) {
	g, _, _, ok := kind{name: "create-react-app", title: "Create React App", pkg: "react-scripts", tool: "react-scripts", args: "build",
		output: "build"}.detect(r)
	return g, ok
}

func vite(r *repo) (Guess, bool) {
	g, _, text, ok := kind{name: "vite", title: "Vite", pkg: "vite", tool: "vite", args: "build",
		config: "vite.config", output: "dist", setting: "outDir", flags: []string{"--outDir"}}.detect(r)
	if ok && regexp.MustCompile(`(^|[\s,{])root\s*:`).MatchString(text) {
		g.Confidence = Low
		g.Notes = append(g.Notes, g.Evidence[0]+" sets root, and build.outDir is relative to it: check outputDir.")
	}
	return g, ok
}

// eleventyConfigs are the names that Eleventy looks for.
// https://www.11ty.dev/docs/config/
var eleventyConfigs = []string{"eleventy.config", ".eleventy"}

var (
	eleventySetter = regexp.MustCompile(`\.setOutputDirectory\(\s*["']([^"'\n]+)["']\s*\)`)
	eleventyDir    = property("output")
	eleventySeen   = regexp.MustCompile(`\boutput["']?\s*[:}]`)
)

func eleventy(r *repo) (Guess, bool) {
	if !r.dependsOn("@11ty/eleventy") {
		return Guess{}, false
	}
	g := Guess{Framework: "eleventy", Title: "Eleventy", OutputDir: "_site", Confidence: High, Evidence: []string{"package.json"}}
	var script string
	g.BuildCommand, script = r.build("eleventy", "")
	for _, name := range eleventyConfigs {
		file, text := r.config(name, scriptExts...)
		if file == "" {
			continue
		}
		g.Evidence = append([]string{file}, g.Evidence...)
		eleventyOutput(&g, file, text)
		break
	}
	if dir := option(script, "--output"); dir != "" {
		g.OutputDir = dir
	}
	return g, true
}

// eleventyOutput reads dir.output or setOutputDirectory.
func eleventyOutput(g *Guess, file, text string) {
	pattern, seen := eleventyDir, eleventySeen
	if strings.Contains(text, "setOutputDirectory") {
		pattern, seen = eleventySetter, mention("setOutputDirectory")
	}
	dir, certain := setting(text, pattern, seen)
	switch {
	case !certain:
		g.unsure(file, "the output directory")
	case dir != "":
		g.OutputDir = dir
	}
}

// vitepress keeps its output inside the directory of its sources, which its
// script names.
func vitepress(r *repo) (Guess, bool) {
	if !r.dependsOn("vitepress") {
		return Guess{}, false
	}
	g := Guess{Framework: "vitepress", Title: "VitePress", Confidence: High, Evidence: []string{"package.json"}}
	var script string
	g.BuildCommand, script = r.buildVitepress()
	root := vitepressRoot(r, script)
	g.OutputDir = strings.TrimPrefix(root+"/.vitepress/dist", "./")
	file, text := r.config(strings.TrimPrefix(root+"/.vitepress/config", "./"), scriptExts...)
	if file != "" {
		g.Evidence = append([]string{file}, g.Evidence...)
	}
	if strings.Contains(text, "outDir") {
		g.unsure(file, "outDir")
	}
	return g, true
}

// buildVitepress prefers a script that calls vitepress build: in a repository
// of something else "build" builds that.
func (r *repo) buildVitepress() (command, script string) {
	names := []string{"docs:build", "build"}
	for name := range r.pkg.Scripts {
		names = append(names, name)
	}
	slices.Sort(names[2:])
	for _, name := range names {
		if s := r.pkg.Scripts[name]; strings.Contains(s, "vitepress build") {
			return r.run(name), s
		}
	}
	root := vitepressRoot(r, "")
	if root == "." {
		return r.exec("vitepress build"), ""
	}
	return r.exec("vitepress build " + root), "vitepress build " + root
}

func vitepressRoot(r *repo, script string) string {
	_, rest, ok := strings.Cut(script, "vitepress build")
	if ok {
		if f := strings.Fields(rest); len(f) > 0 && !strings.ContainsAny(f[0], "-&|;") {
			return strings.Trim(strings.TrimPrefix(f[0], "./"), "/")
		}
		return "."
	}
	if !r.has(".vitepress") && r.has("docs/.vitepress") {
		return "docs"
	}
	return "."
}
