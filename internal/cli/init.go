package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/framework"
)

func (a *app) initCommand() *cobra.Command {
	var workflow bool
	cmd := &cobra.Command{
		Use: "init", Short: "Detect how the project is built and write pandastack.json", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			g, err := framework.Detect(os.DirFS(a.Dir))
			if err != nil {
				return err
			}
			return a.init(g, workflow)
		},
	}
	cmd.Flags().BoolVar(&workflow, "workflow", false, "also write "+framework.WorkflowPath+", which deploys each push to the default branch")
	return cmd
}

// file is one that init writes.
type file struct {
	name    string // relative to the working directory, with slashes
	content []byte
}

// init writes what the guess asks for. It overwrites nothing: either all files
// are new, or none is written.
func (a *app) init(g framework.Guess, workflow bool) error {
	content, err := configFile(g)
	if err != nil {
		return err
	}
	files := []file{{config.FileName, content}}
	if workflow {
		files = append(files, file{framework.WorkflowPath, []byte(framework.Workflow(g, framework.WorkflowOptions{
			Branch: a.branch(), Secrets: []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "CLOUDFLARE_API_TOKEN"},
		}))})
	}
	if workflow && a.exists(config.FileName) { // it stays, whatever is in it
		files = files[1:]
	}
	for _, f := range files {
		if a.exists(f.name) {
			return &usageError{msg: f.name + " already exists", hint: "Edit it, or remove it and run pandastack init again."}
		}
	}
	for _, f := range files {
		if err := a.create(f); err != nil {
			return err
		}
	}
	return a.explain(g, files)
}

func (a *app) exists(name string) bool {
	_, err := os.Lstat(a.abs(filepath.FromSlash(name)))
	return err == nil
}

// configFile returns pandastack.json for a guess.
func configFile(g framework.Guess) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(struct {
		Schema       string   `json:"$schema"`
		Type         string   `json:"type"`
		BuildCommand string   `json:"buildCommand,omitempty"`
		OutputDir    string   `json:"outputDir"`
		Ignore       []string `json:"ignore,omitempty"`
	}{config.SchemaURL, "static", g.BuildCommand, g.OutputDir, ignored(g)})
	return b.Bytes(), err
}

// ignored lists what belongs to the project and not to the site, where the
// project's own directory is the output.
func ignored(g framework.Guess) []string {
	if g.OutputDir != "." {
		return nil
	}
	return []string{"/.git/", "/.github/", "/.gitignore", "/node_modules/", "/" + config.FileName}
}

// create writes a file that does not exist yet.
func (a *app) create(f file) error {
	name := a.abs(filepath.FromSlash(f.name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	w, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = w.Write(f.content)
	return errors.Join(err, w.Close())
}

// explain says what was found and written, and what to do next.
func (a *app) explain(g framework.Guess, files []file) error {
	var b bytes.Buffer
	found := g.Title
	if g.PackageManager != "" {
		found += " with " + g.PackageManager
	}
	fmt.Fprintf(&b, "Found %s", found)
	if len(g.Evidence) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(g.Evidence, ", "))
	}
	b.WriteString(".\n")
	for _, f := range files {
		fmt.Fprintf(&b, "Wrote %s.\n", f.name)
	}
	b.WriteString("Next: run `pandastack` to publish to a directory on this machine, then add \"storage\" to pandastack.json.\n")
	if _, err := io.Copy(a.Stdout.W, &b); err != nil {
		return err
	}
	if g.Confidence == framework.Low {
		a.say(event.Warning, "this is a guess", "Check buildCommand and outputDir in pandastack.json.")
	}
	for _, n := range g.Notes {
		a.say(event.Notice, n, "")
	}
	return nil
}

// branch returns the branch that a new workflow deploys: the one that is
// checked out, or "" where that is not known.
func (a *app) branch() string {
	b, err := os.ReadFile(a.abs(filepath.Join(".git", "HEAD")))
	if err != nil {
		return ""
	}
	ref, ok := bytes.CutPrefix(bytes.TrimSpace(b), []byte("ref: refs/heads/"))
	if !ok {
		return ""
	}
	return string(ref)
}
