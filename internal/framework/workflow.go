package framework

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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

// What Node.js builds runs in the action, whose image has it. The action's
// container does not see what earlier steps install, so where the build needs
// Hugo or Ruby the program itself runs on the runner.
//
// The parts are put together by hand: package text/template looks methods up by
// name, which would keep the linker from leaving out the unused ones of the
// AWS SDK: a third of the program.
const (
	workflowHead = `name: Deploy

on:
  push:
    branches: [%s]
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
        with:
          persist-credentials: false # the build has no use for the job's token
`
	workflowSubmodules = `          submodules: recursive
`
	workflowHistory = `          fetch-depth: 0 # the dates of pages come from the history
`
	workflowGo = `      - uses: actions/setup-go@v5
        with:
          go-version: stable
          cache: false
`
	workflowHugo = `      - name: Install Hugo
        run: CGO_ENABLED=1 go install -tags extended github.com/gohugoio/hugo@` + hugoVersion + `
`
	workflowRuby = `      - uses: ruby/setup-ruby@v1
        with:
          ruby-version: "3.4"
`
	workflowBundler = `          bundler-cache: true
`
	workflowJekyll = `      - name: Install Jekyll
        run: gem install jekyll
`
	workflowOnRunner = `      - name: Install pandastack
        run: go install github.com/pandastack-io/pandastack@v1
      - name: Deploy
        run: pandastack deploy
`
	workflowAction = `      - uses: pandastack-io/pandastack@v1
`
)

// Workflow returns the text of a GitHub workflow that deploys what g describes
// on every push.
func Workflow(g Guess, o WorkflowOptions) string {
	hugo, jekyll := g.Framework == "hugo", g.Framework == "jekyll"
	var b strings.Builder
	add := func(when bool, part string) {
		if when {
			b.WriteString(part)
		}
	}
	fmt.Fprintf(&b, workflowHead, quote(cmp.Or(o.Branch, "main")))
	add(g.Submodules, workflowSubmodules)
	add(hugo, workflowHistory)
	add(hugo || jekyll, workflowGo)
	add(hugo, workflowHugo)
	add(jekyll, workflowRuby)
	bundler := slices.Contains(g.Evidence, "Gemfile")
	add(jekyll && bundler, workflowBundler)
	add(jekyll && !bundler, workflowJekyll)
	add(hugo || jekyll, workflowOnRunner)
	add(!hugo && !jekyll, workflowAction)
	add(len(o.Secrets) > 0, "        env:\n")
	for _, name := range o.Secrets {
		fmt.Fprintf(&b, "          %[1]s: ${{ secrets.%[1]s }}\n", name)
	}
	return b.String()
}

// quote is s as a double-quoted YAML string. Branch names hold no control
// characters; a pattern's special characters are taken as they are.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
