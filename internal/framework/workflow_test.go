package framework

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the golden files")

// step and the types around it are what GitHub reads of a workflow, as far as
// ours uses it.
type step struct {
	Name string            `yaml:"name"`
	Uses string            `yaml:"uses"`
	Run  string            `yaml:"run"`
	With map[string]any    `yaml:"with"`
	Env  map[string]string `yaml:"env"`
}

type job struct {
	RunsOn  string `yaml:"runs-on"`
	Timeout int    `yaml:"timeout-minutes"`
	Steps   []step `yaml:"steps"`
}

type workflowFile struct {
	Name string `yaml:"name"`
	On   struct {
		Push struct {
			Branches []string `yaml:"branches"`
		} `yaml:"push"`
		Dispatch any `yaml:"workflow_dispatch"`
	} `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Concurrency struct {
		Group  string `yaml:"group"`
		Cancel bool   `yaml:"cancel-in-progress"`
	} `yaml:"concurrency"`
	Jobs map[string]job `yaml:"jobs"`
}

func parse(t *testing.T, text string) workflowFile {
	t.Helper()
	dec := yaml.NewDecoder(strings.NewReader(text))
	dec.KnownFields(true)
	var w workflowFile
	if err := dec.Decode(&w); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return w
}

func TestWorkflow(t *testing.T) {
	aws := []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "CLOUDFLARE_API_TOKEN"}
	secrets := map[string]string{}
	for _, s := range aws {
		secrets[s] = "${{ secrets." + s + " }}"
	}
	tests := []struct {
		name    string
		guess   Guess
		options WorkflowOptions
		perms   map[string]string
		last    step // the one that deploys
		steps   int
	}{
		{
			"node", Guess{Framework: "vite"}, WorkflowOptions{Secrets: aws},
			map[string]string{"contents": "read"},
			step{Uses: "pandastack-io/pandastack@v1", Env: secrets}, 2,
		},
		{
			"html", Guess{Framework: "html", Submodules: true}, WorkflowOptions{Branch: `release/"x"`},
			map[string]string{"contents": "read"},
			step{Uses: "pandastack-io/pandastack@v1"}, 2,
		},
		{
			"hugo", Guess{Framework: "hugo", Submodules: true}, WorkflowOptions{Secrets: aws},
			map[string]string{"contents": "read"},
			step{Name: "Deploy", Run: "pandastack deploy", Env: secrets}, 5,
		},
		{
			"jekyll", Guess{Framework: "jekyll"}, WorkflowOptions{},
			map[string]string{"contents": "read"},
			step{Name: "Deploy", Run: "pandastack deploy"}, 6,
		},
		{
			"bundler", Guess{Framework: "jekyll", Evidence: []string{"_config.yml", "Gemfile"}}, WorkflowOptions{Secrets: aws},
			map[string]string{"contents": "read"},
			step{Name: "Deploy", Run: "pandastack deploy", Env: secrets}, 5,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := Workflow(tt.guess, tt.options)
			golden(t, tt.name+".yml", text)
			w := parse(t, text)
			branch := tt.options.Branch
			if branch == "" {
				branch = "main"
			}
			if diff := cmp.Diff([]string{branch}, w.On.Push.Branches); diff != "" {
				t.Errorf("branches: %s", diff)
			}
			if diff := cmp.Diff(tt.perms, w.Permissions); diff != "" {
				t.Errorf("permissions: %s", diff)
			}
			if w.Concurrency.Group == "" || w.Concurrency.Cancel {
				t.Errorf("concurrency: %+v", w.Concurrency)
			}
			steps := w.Jobs["deploy"].Steps
			if len(steps) != tt.steps || steps[0].Uses != "actions/checkout@v4" {
				t.Fatalf("steps: %+v", steps)
			}
			if got := steps[0].With["submodules"]; (got == "recursive") != tt.guess.Submodules {
				t.Errorf("submodules: %v", got)
			}
			if diff := cmp.Diff(tt.last, steps[len(steps)-1]); diff != "" {
				t.Errorf("last step: %s", diff)
			}
		})
	}
}

// golden compares text with a file of testdata; -update writes the file.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s: -want +got:\n%s", path, diff)
	}
}
