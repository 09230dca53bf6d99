package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/providers/s3"
)

// TestAction holds the inputs and outputs of action.yml to the code: the same
// names in the same order, and the same words. -update writes them.
func TestAction(t *testing.T) {
	const file = "../../action.yml"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(data), "\ninputs:\n")
	_, tail, ok2 := strings.Cut(rest, "\nruns:\n")
	if !ok1 || !ok2 {
		t.Fatal("action.yml has no inputs, or no runs after them")
	}
	want := head + "\n" + actionInterface() + "\nruns:\n" + tail
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("action.yml is not what the code says; run go test ./internal/cli -run TestAction -update\n%s", diff)
	}
	var action struct{ Inputs, Outputs map[string]any }
	if err := yaml.Unmarshal(data, &action); err != nil {
		t.Fatal(err)
	}
	if len(action.Outputs) != len(outputs) || len(action.Inputs) < len(actionInputs)+20 {
		t.Errorf("%d inputs, %d outputs", len(action.Inputs), len(action.Outputs))
	}
}

// actionInterface renders the inputs and outputs as action.yml has them. Only
// the command has a default: an empty input is unset, so that variables and
// pandastack.json decide.
func actionInterface() string {
	var b strings.Builder
	describe := func(name, help string) {
		fmt.Fprintf(&b, "  %s:\n    description: %s.\n", name, strings.ToUpper(help[:1])+help[1:])
	}
	b.WriteString("inputs:\n")
	for i, in := range actionInputs {
		describe(in.name, in.help)
		if i == 0 {
			b.WriteString("    default: deploy\n")
			for _, s := range config.Settings() {
				if !s.NoInput {
					describe(s.Name, s.Help)
				}
			}
		}
	}
	b.WriteString("\noutputs:\n")
	for _, o := range outputs {
		describe(o.name, o.help)
	}
	return b.String()
}

// TestSlimAction holds slim/action.yml to action.yml: the same, but for what
// belongs to a build. With -update it is written.
func TestSlimAction(t *testing.T) {
	full, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	want := string(full)
	for _, change := range []struct{ old, new string }{
		{`name: pandastack`, `name: pandastack slim`},
		{`description: Build a static site and deploy it`, `description: Deploy a static site that an earlier step built`},
		{`  (?:build|install|install-command|build-command|build-timeout):\n    description: .*\n`, ``},
		{`  image: Dockerfile\n`, "  # The published image: small, without a shell, and so without builds. Releases\n" +
			"  # name its digest.\n  image: docker://ghcr.io/pandastack-io/pandastack:slim\n"},
	} {
		old := regexp.MustCompile("(?m)^" + change.old)
		if !old.MatchString(want) {
			t.Errorf("action.yml has nothing like %s", change.old)
		}
		want = old.ReplaceAllString(want, change.new)
	}
	const name = "../../slim/action.yml"
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("slim/action.yml is not what action.yml says; run go test ./internal/cli -run TestSlimAction -update\n%s, %v", cmp.Diff(want, string(got)), err)
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
