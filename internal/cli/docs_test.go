package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/providers/s3"
)

// TestAction holds action.yml to the settings and outputs of the code.
func TestAction(t *testing.T) {
	data, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Inputs map[string]struct {
			Description string
			Required    bool
			Default     *string
		}
		Outputs map[string]struct{ Description string }
		Runs    struct{ Using, Image string }
	}
	if err := yaml.Unmarshal(data, &action); err != nil {
		t.Fatal(err)
	}
	for _, s := range config.Settings() {
		in, ok := action.Inputs[s.Name]
		if ok == s.NoInput {
			t.Errorf("input %s: in action.yml: %v", s.Name, ok)
			continue
		}
		delete(action.Inputs, s.Name)
		if s.NoInput {
			continue
		}
		if want := strings.ToUpper(s.Help[:1]) + s.Help[1:] + "."; in.Description != want {
			t.Errorf("input %s is described as %q, not %q", s.Name, in.Description, want)
		}
		if in.Default != nil || in.Required {
			t.Errorf("input %s has a default or is required: an empty one is unset", s.Name)
		}
	}
	for name := range action.Inputs {
		t.Errorf("input %s is not a setting", name)
	}
	var outputs []string
	for name := range action.Outputs {
		outputs = append(outputs, name)
	}
	slices.Sort(outputs)
	if !slices.Equal(outputs, outputNames) {
		t.Errorf("outputs %v, want %v", outputs, outputNames)
	}
	if action.Runs.Using != "docker" {
		t.Errorf("runs using %q", action.Runs.Using)
	}
}

// TestProviders holds the names of the schema to those of the code.
func TestProviders(t *testing.T) {
	want := append(s3.Names(), "local")
	got := config.StorageProviders()
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the schema knows %v, the code %v", got, want)
	}
}

// TestExitCodes holds the table of exit codes in the README to the code.
func TestExitCodes(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(string(data), -1) {
		got = append(got, m[1])
	}
	if want := []string{"0", "1", "2", "3", "4", "5", "6", "10", "11", "12", "20", "21", "130"}; !slices.Equal(got, want) {
		t.Errorf("the README lists %v, want %v", got, want)
	}
}

// TestHelp holds the commands and flags of every command to what is
// documented: the README names each command, docs/configuration.md each flag.
func TestHelp(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	a := &app{}
	for _, cmd := range a.root().Commands() {
		if name := cmd.Name(); !strings.Contains(string(readme), "`"+name+"`") && !strings.Contains(string(readme), "pandastack "+name) {
			t.Errorf("the README does not name the command %s", name)
		}
	}
}

// TestPhases holds the phases that docs/json.md lists to those of the code.
func TestPhases(t *testing.T) {
	code, err := os.ReadFile("../event/event.go")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	phases := regexp.MustCompile(`(?m)^\t\w+ +Phase = "(\w+)"`).FindAllStringSubmatch(string(code), -1)
	if len(phases) == 0 {
		t.Fatal("no phase found")
	}
	row := regexp.MustCompile("(?m)^.*`phase_started`.*$").FindString(string(doc))
	for _, m := range phases {
		if !strings.Contains(row, "`"+m[1]+"`") {
			t.Errorf("docs/json.md does not list the phase %s", m[1])
		}
	}
}

// TestExamples reads every configuration that the documentation shows, in all
// of its environments. What is no configuration is a policy or an event.
func TestExamples(t *testing.T) {
	block := regexp.MustCompile("(?ms)^ *```jsonc?\n(.*?)^ *```$")
	seen := 0
	for _, name := range pages(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllStringSubmatch(string(data), -1) {
			if strings.Contains(m[1], `"Statement"`) || strings.Contains(m[1], `"event"`) {
				continue
			}
			seen++
			file, err := config.Parse(name, []byte(m[1]))
			if err == nil {
				_, err = config.Resolve(config.Options{File: file})
			}
			if err != nil {
				t.Errorf("%v in\n%s", err, m[1])
			}
		}
	}
	if seen == 0 {
		t.Error("no example found")
	}
}

// TestLinks follows the links of the documentation inside the repository.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s:]+)(?:#[^)]*)?\)`)
	for _, name := range pages(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(data), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// pages returns the files of the documentation.
func pages(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(docs) == 0 {
		t.Fatal(docs, err)
	}
	return append(docs, "../../README.md", "../../CONTRIBUTING.md", "../../CHANGELOG.md")
}
