package framework

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// files makes a file system of name, text pairs.
func files(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return m
}

func TestDetect(t *testing.T) {
	const unsureVite = "vite.config.ts sets outDir in a way that is not certain to read: check outputDir."
	tests := []struct {
		name string
		fsys fs.FS
		want Guess
	}{
		{
			"vite",
			files("package.json", `{"scripts":{"build":"vite build"},"devDependencies":{"vite":"^7.0.0"}}`, "vite.config.js", "export default {}", "package-lock.json", "{}"),
			Guess{Framework: "vite", Title: "Vite", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "dist", Evidence: []string{"vite.config.js", "package.json"}, Confidence: High},
		},
		{
			"vite without a script, pnpm",
			files("package.json", `{"devDependencies":{"vite":"^7.0.0"}}`, "pnpm-lock.yaml", ""),
			Guess{Framework: "vite", Title: "Vite", PackageManager: "pnpm", BuildCommand: "pnpm exec vite build", OutputDir: "dist", Evidence: []string{"package.json"}, Confidence: High},
		},
		{
			"vite with a plain outDir, a comment with another",
			files("package.json", `{"scripts":{"build":"tsc && vite build"},"devDependencies":{"vite":"7"}}`, "vite.config.ts", "export default { build: {\n // outDir: 'old'\n outDir: './www' } }", "yarn.lock", ""),
			Guess{Framework: "vite", Title: "Vite", PackageManager: "yarn", BuildCommand: "yarn run build", OutputDir: "www", Evidence: []string{"vite.config.ts", "package.json"}, Confidence: High},
		},
		{
			"vite with a computed outDir",
			files("package.json", `{"scripts":{"build":"vite build"},"devDependencies":{"vite":"7"}}`, "vite.config.ts", "export default { build: { outDir: resolve('x') } }"),
			Guess{Framework: "vite", Title: "Vite", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "dist", Evidence: []string{"vite.config.ts", "package.json"}, Confidence: Low, Notes: []string{unsureVite}},
		},
		{
			"vite with an outDir that counts sometimes",
			files("package.json", `{"scripts":{"build":"vite build"},"devDependencies":{"vite":"7"}}`, "vite.config.ts", "const c = { build: { outDir: 'www' } }\nif (process.env.X) c.build.outDir = 'x'\nexport default c"),
			Guess{Framework: "vite", Title: "Vite", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "dist", Evidence: []string{"vite.config.ts", "package.json"}, Confidence: Low, Notes: []string{unsureVite}},
		},
		{
			"vite with an outDir outside",
			files("package.json", `{"scripts":{"build":"vite build"},"devDependencies":{"vite":"7"}}`, "vite.config.ts", "export default { build: { outDir: '../dist' } }"),
			Guess{Framework: "vite", Title: "Vite", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "dist", Evidence: []string{"vite.config.ts", "package.json"}, Confidence: Low, Notes: []string{unsureVite}},
		},
		{
			"vite, the script's flag counts before the configuration",
			files("package.json", `{"scripts":{"build":"vite build --outDir ./web"},"devDependencies":{"vite":"7"}}`, "vite.config.ts", "export default { build: { outDir: 'www' } }"),
			Guess{Framework: "vite", Title: "Vite", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "web", Evidence: []string{"vite.config.ts", "package.json"}, Confidence: High},
		},
		{
			"vite with a root",
			files("package.json", `{"scripts":{"build":"vite build"},"devDependencies":{"vite":"7"}}`, "vite.config.mjs", "export default {\n  root: 'src',\n}"),
			Guess{Framework: "vite", Title: "Vite", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "dist", Evidence: []string{"vite.config.mjs", "package.json"}, Confidence: Low, Notes: []string{"vite.config.mjs sets root, and build.outDir is relative to it: check outputDir."}},
		},
		{
			"astro, built on vite",
			files("package.json", `{"packageManager":"bun@1.2.0","scripts":{"dev":"astro dev","build":"astro build"},"dependencies":{"astro":"5","vite":"7"}}`, "astro.config.mjs", "export default defineConfig({ outDir: './www' })"),
			Guess{Framework: "astro", Title: "Astro", PackageManager: "bun", BuildCommand: "bun run build", OutputDir: "www", Evidence: []string{"astro.config.mjs", "package.json"}, Confidence: High},
		},
		{
			"astro for a server",
			files("package.json", `{"dependencies":{"astro":"5"}}`, "astro.config.mjs", "export default { output: 'server' }", "bun.lock", ""),
			Guess{Framework: "astro", Title: "Astro", PackageManager: "bun", BuildCommand: "bunx astro build", OutputDir: "dist", Evidence: []string{"astro.config.mjs", "package.json"}, Confidence: Low, Notes: []string{`astro.config sets output: "server", which needs a server: only output: "static" can be deployed.`}},
		},
		{
			"next with export",
			files("package.json", `{"scripts":{"build":"next build"},"dependencies":{"next":"15","react":"19"}}`, "next.config.mjs", "const c = { output: 'export' }\nexport default c"),
			Guess{Framework: "next", Title: "Next.js", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "out", Evidence: []string{"next.config.mjs", "package.json"}, Confidence: High},
		},
		{
			"next with export and distDir",
			files("package.json", `{"scripts":{"build":"next build"},"dependencies":{"next":"15"}}`, "next.config.js", "module.exports = { output: \"export\", distDir: \"dist\" }"),
			Guess{Framework: "next", Title: "Next.js", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "dist", Evidence: []string{"next.config.js", "package.json"}, Confidence: High},
		},
		{
			"next without export, but in a comment",
			files("package.json", `{"scripts":{"build":"next build"},"dependencies":{"next":"15"}}`, "next.config.js", "module.exports = {\n  // output: 'export',\n  distDir: 'x' }"),
			Guess{Framework: "next", Title: "Next.js", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "out", Evidence: []string{"next.config.js", "package.json"}, Confidence: Low, Notes: []string{`Next.js makes files only with output: "export" in next.config.js, which was not found: set it.`}},
		},
		{
			"docusaurus",
			files("package.json", `{"packageManager":"pnpm@9.0.0","scripts":{"build":"docusaurus build"},"dependencies":{"@docusaurus/core":"3"}}`, "docusaurus.config.ts", "", "package-lock.json", ""),
			Guess{Framework: "docusaurus", Title: "Docusaurus", PackageManager: "pnpm", BuildCommand: "pnpm run build", OutputDir: "build", Evidence: []string{"docusaurus.config.ts", "package.json"}, Confidence: High},
		},
		{
			"eleventy by dir.output",
			files("package.json", `{"devDependencies":{"@11ty/eleventy":"3"}}`, ".eleventy.js", "module.exports = c => { c.addTransform('x', (text, outputPath) => text); return { dir: { input: 'src', output: 'www' } } }"),
			Guess{Framework: "eleventy", Title: "Eleventy", PackageManager: "npm", BuildCommand: "npx eleventy", OutputDir: "www", Evidence: []string{".eleventy.js", "package.json"}, Confidence: High},
		},
		{
			"eleventy by setOutputDirectory",
			files("package.json", `{"scripts":{"site":"eleventy","start":"eleventy --serve"},"devDependencies":{"@11ty/eleventy":"3"}}`, "eleventy.config.js", "export default c => { c.setOutputDirectory(\"public\") }"),
			Guess{Framework: "eleventy", Title: "Eleventy", PackageManager: "npm", BuildCommand: "npm run site", OutputDir: "public", Evidence: []string{"eleventy.config.js", "package.json"}, Confidence: High},
		},
		{
			"eleventy by the script",
			files("package.json", `{"scripts":{"build":"npx @11ty/eleventy --output=./dist/web"},"devDependencies":{"@11ty/eleventy":"3"}}`),
			Guess{Framework: "eleventy", Title: "Eleventy", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "dist/web", Evidence: []string{"package.json"}, Confidence: High},
		},
		{
			"vitepress in docs of a library",
			files("package.json", `{"scripts":{"build":"vite build","docs:build":"vitepress build docs"},"devDependencies":{"vitepress":"1","vite":"7"}}`, "docs/.vitepress/config.mts", ""),
			Guess{Framework: "vitepress", Title: "VitePress", PackageManager: "npm", BuildCommand: "npm run docs:build", OutputDir: "docs/.vitepress/dist", Evidence: []string{"docs/.vitepress/config.mts", "package.json"}, Confidence: High},
		},
		{
			"vitepress without a script",
			files("package.json", `{"devDependencies":{"vitepress":"1"}}`, ".vitepress/config.js", ""),
			Guess{Framework: "vitepress", Title: "VitePress", PackageManager: "npm", BuildCommand: "npx vitepress build", OutputDir: ".vitepress/dist", Evidence: []string{".vitepress/config.js", "package.json"}, Confidence: High},
		},
		{
			"sveltekit without its adapter",
			files("package.json", `{"scripts":{"build":"vite build"},"devDependencies":{"@sveltejs/kit":"2","vite":"7"}}`),
			Guess{Framework: "sveltekit", Title: "SvelteKit", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "build", Evidence: []string{"package.json"}, Confidence: Low, Notes: []string{"SvelteKit makes files only with @sveltejs/adapter-static: add it to svelte.config.js."}},
		},
		{
			"nuxt generates",
			files("package.json", `{"scripts":{"build":"nuxt build","generate":"nuxt generate"},"dependencies":{"nuxt":"4"}}`, "nuxt.config.ts", ""),
			Guess{Framework: "nuxt", Title: "Nuxt", PackageManager: "npm", BuildCommand: "npm run generate", OutputDir: ".output/public", Evidence: []string{"nuxt.config.ts", "package.json"}, Confidence: High},
		},
		{
			"gatsby",
			files("package.json", `{"scripts":{"build":"gatsby build"},"dependencies":{"gatsby":"5"}}`),
			Guess{Framework: "gatsby", Title: "Gatsby", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "public", Evidence: []string{"package.json"}, Confidence: High},
		},
		{
			"create react app",
			files("package.json", `{"scripts":{"build":"react-scripts build"},"dependencies":{"react-scripts":"5"}}`),
			Guess{Framework: "create-react-app", Title: "Create React App", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "build", Evidence: []string{"package.json"}, Confidence: High},
		},
		{
			"hexo has jekyll's configuration",
			files("package.json", `{"scripts":{"build":"hexo generate"},"dependencies":{"hexo":"7"}}`, "_config.yml", "title: x"),
			Guess{Framework: "hexo", Title: "Hexo", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "public", Evidence: []string{"package.json"}, Confidence: High},
		},
		{
			"hugo",
			files("hugo.toml", "baseURL = 'https://example.org/'\n# publishDir = 'old'\n", ".gitmodules", ""),
			Guess{Framework: "hugo", Title: "Hugo", BuildCommand: "hugo --minify", OutputDir: "public", Evidence: []string{"hugo.toml"}, Confidence: High, Notes: []string{hugoNote}, Submodules: true},
		},
		{
			"hugo with vite for its styles",
			files("hugo.yaml", "publishdir: dist\n", "package.json", `{"scripts":{"build":"vite build && hugo --gc"},"devDependencies":{"vite":"7"}}`),
			Guess{Framework: "hugo", Title: "Hugo", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "dist", Evidence: []string{"hugo.yaml", "package.json"}, Confidence: High, Notes: []string{hugoNote}},
		},
		{
			"hugo by the older name",
			files("config.toml", `publishDir = "www"`, "content/a.md", "", "themes/x/theme.toml", ""),
			Guess{Framework: "hugo", Title: "Hugo", BuildCommand: "hugo --minify", OutputDir: "www", Evidence: []string{"config.toml"}, Confidence: High, Notes: []string{hugoNote}},
		},
		{
			"jekyll with bundler",
			files("_config.yml", "title: x\ndestination: ./www\n", "Gemfile", "source 'https://rubygems.org'\ngem \"jekyll\", \"~> 4.3\"\n", "index.html", ""),
			Guess{Framework: "jekyll", Title: "Jekyll", BuildCommand: "bundle exec jekyll build", OutputDir: "www", Evidence: []string{"_config.yml", "Gemfile"}, Confidence: High, Notes: []string{jekyllNote}},
		},
		{
			"jekyll without bundler",
			files("_config.yml", "title: x\n"),
			Guess{Framework: "jekyll", Title: "Jekyll", BuildCommand: "jekyll build", OutputDir: "_site", Evidence: []string{"_config.yml"}, Confidence: High, Notes: []string{jekyllNote}},
		},
		{
			"html at the top",
			files("index.html", "", "public/index.html", ""),
			Guess{Framework: "html", Title: "plain HTML", OutputDir: ".", Evidence: []string{"index.html"}, Confidence: High},
		},
		{
			"html in a directory",
			files("README.md", "", "docs/index.html", "", "site/index.html", ""),
			Guess{Framework: "html", Title: "plain HTML", OutputDir: "site", Evidence: []string{"site/index.html"}, Confidence: High},
		},
		{
			"an unknown generator",
			files("package.json", `{"scripts":{"build":"node make.js"}}`, "index.html", ""),
			Guess{Framework: "node", Title: "a package.json with a build script", PackageManager: "npm", BuildCommand: "npm run build", OutputDir: "dist", Evidence: []string{"package.json", "index.html"}, Confidence: Low, Notes: []string{"The generator was not recognised: check that outputDir is where the build script leaves the site."}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Detect(tt.fsys)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDetectNothing(t *testing.T) {
	for name, fsys := range map[string]fs.FS{
		"empty":            files(),
		"a Go program":     files("main.go", "package main", "go.mod", "module x"),
		"a library":        files("package.json", `{"name":"x"}`),
		"config.toml only": files("config.toml", "x = 1"),
		"another Gemfile":  files("Gemfile", "gem 'rails'"),
	} {
		if g, err := Detect(fsys); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
}

func TestDetectBrokenPackage(t *testing.T) {
	_, err := Detect(files("package.json", `{"scripts":`))
	if err == nil || errors.Is(err, ErrUnknown) || !strings.HasPrefix(err.Error(), "package.json: ") {
		t.Errorf("got %v", err)
	}
}

// unreadable fails to read one file.
type unreadable struct {
	fs.FS
	name string
}

func (u unreadable) Open(name string) (fs.File, error) {
	if name == u.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return u.FS.Open(name)
}

func (u unreadable) Stat(name string) (fs.FileInfo, error) { return fs.Stat(u.FS, name) }

func TestDetectUnreadable(t *testing.T) {
	_, err := Detect(unreadable{files("hugo.toml", ""), "hugo.toml"})
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}
