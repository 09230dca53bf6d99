package framework

import (
	"slices"
	"strings"
	"text/template"
)

// WorkflowPath is where GitHub looks for workflows.
const WorkflowPath = ".github/workflows/deploy.yml"

// WorkflowOptions say what the workflow deploys with.
type WorkflowOptions struct {
	// Branch is the branch whose pushes are deployed. Empty means main.
	Branch string
	// Secrets are the names of the variables that the deploy reads its
	// credentials from; repository secrets of the same names are passed.
	Secrets []string
}

// hugoVersion is what the workflow installs: one version, so that a site does
// not change without a commit.
const hugoVersion = "v0.165.0"

// workflow is the template of the file. What Node.js builds runs in the action,
// whose image has it. The action's container does not see what earlier steps
// install, so where the build needs Hugo or Ruby the program itself runs on the
// runner.
var workflow = template.Must(template.New("workflow").Delims("[[", "]]").Parse(`name: Deploy

on:
  push:
    branches: [[.Branch]]
  workflow_dispatch:

permissions:
  contents: read

# One deploy at a time; of those that wait, the newest runs.
concurrency:
  group: deploy
  cancel-in-progress: false

jobs:
  deploy:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: actions/checkout@v4
[[- if or .Submodules .History]]
        with:
[[- if .Submodules]]
          submodules: recursive
[[- end]]
[[- if .History]]
          fetch-depth: 0 # the dates of pages come from the history
[[- end]]
[[- end]]
[[- if .OnRunner]]
      - uses: actions/setup-go@v5
        with:
          go-version: stable
          cache: false
[[- end]]
[[- if eq .Framework "hugo"]]
      - name: Install Hugo
        run: CGO_ENABLED=1 go install -tags extended github.com/gohugoio/hugo@[[.HugoVersion]]
[[- end]]
[[- if eq .Framework "jekyll"]]
      - uses: ruby/setup-ruby@v1
        with:
          ruby-version: "3.4"
[[- if .Bundler]]
          bundler-cache: true
[[- else]]
      - name: Install Jekyll
        run: gem install jekyll
[[- end]]
[[- end]]
[[- if .OnRunner]]
      - name: Install pandastack
        run: go install github.com/pandastack-io/pandastack@v1
      - name: Deploy
        run: pandastack deploy
[[- else]]
      - uses: pandastack-io/pandastack@v1
[[- end]]
[[- if .Secrets]]
        env:
[[- range .Secrets]]
          [[.]]: ${{ secrets.[[.]] }}
[[- end]]
[[- end]]
`))

// Workflow returns the text of a GitHub workflow that deploys what g describes
// on every push.
func Workflow(g Guess, o WorkflowOptions) string {
	if o.Branch == "" {
		o.Branch = "main"
	}
	data := struct {
		Guess
		WorkflowOptions
		Branch                     string
		Bundler, OnRunner, History bool
		HugoVersion                string
	}{
		Guess:           g,
		WorkflowOptions: o,
		Branch:          "[" + quote(o.Branch) + "]",
		Bundler:         slices.Contains(g.Evidence, "Gemfile"),
		OnRunner:        g.Framework == "hugo" || g.Framework == "jekyll",
		History:         g.Framework == "hugo",
		HugoVersion:     hugoVersion,
	}
	var b strings.Builder
	if err := workflow.Execute(&b, data); err != nil {
		panic(err) // the template and its data are both above
	}
	return b.String()
}

// quote is s as a double-quoted YAML string. Branch names hold no control
// characters; a pattern's special characters are taken as they are.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
