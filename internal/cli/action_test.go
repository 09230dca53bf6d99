package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/pandastack-io/pandastack/internal/ci"
	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/report"
)

// stepOf is a step of the Action with these inputs.
func stepOf(inputs map[string]string) *app {
	return &app{actions: ci.NewActions(&strings.Builder{}, func(name string) string {
		return inputs[strings.ToLower(strings.TrimPrefix(name, "INPUT_"))]
	})}
}

func TestStepArgs(t *testing.T) {
	for _, tt := range []struct {
		inputs map[string]string
		want   string // joined by |; an error begins with !
	}{
		{map[string]string{"command": "deploy"}, "deploy|--"},
		{map[string]string{"command": "deploy", "dry-run": "true"}, "deploy|--"},
		{map[string]string{"command": "rollback", "release": "--force"}, "rollback|--|--force"},
		{map[string]string{"command": "promote", "from": "--staging x", "release": "live~2"}, "promote|--release=live~2|--from=--staging x|--"},
		{map[string]string{"command": "purge", "paths": "\r\n a b.html \n\n--all\n"}, "purge|--|a b.html|--all"},
		{map[string]string{"command": "gc", "forget": "a\nb", "keep": "3", "keep-for": "30d"}, "gc|--keep=3|--keep-for=30d|--forget=a|--forget=b|--"},
		{map[string]string{"command": "verify", "deep": "TRUE", "repair": "0"}, "verify|--deep=true|--repair=false|--"},
		{map[string]string{"command": "unlock"}, `!input command: unknown command "unlock"`},
		{map[string]string{"command": "verify", "keep": "1"}, "!input keep: verify does not take it"},
		{map[string]string{"command": "verify", "deep": "y es"}, `!input deep: "y es" is not true or false`},
		{map[string]string{"command": "verify", "repair": "true", "dry-run": "true"}, "!input dry-run: verify has none with repair"},
	} {
		args, err := stepOf(tt.inputs).stepArgs()
		got := strings.Join(args, "|")
		if err != nil {
			var usage *usageError
			if !errors.As(err, &usage) || usage.hint == "" {
				t.Errorf("%v: %v", tt.inputs, err)
			}
			got = "!" + err.Error()
		}
		if got != tt.want {
			t.Errorf("%v: %q, want %q", tt.inputs, got, tt.want)
		}
	}
}

// TestStepCommands holds the commands of the Action, and the inputs that they
// take, to the commands and flags that there are.
func TestStepCommands(t *testing.T) {
	root := (&app{}).root()
	for _, in := range actionInputs[1:] {
		for command, flag := range in.takes {
			cmd, _, err := root.Find([]string{command})
			if err != nil || cmd == root || !slices.Contains(actionCommands, command) {
				t.Errorf("input %s is for %s, which is no command of the Action", in.name, command)
			} else if name, ok := strings.CutPrefix(flag, "--"); ok && cmd.Flags().Lookup(name) == nil {
				t.Errorf("input %s: %s has no flag %s", in.name, command, flag)
			}
		}
	}
	for _, command := range actionCommands {
		if cmd, _, err := root.Find([]string{command}); err != nil || cmd == root {
			t.Errorf("there is no command %s", command)
		}
	}
}

// TestDeeds: what a run planned is not done until it is, and what a dry run
// would do is.
func TestDeeds(t *testing.T) {
	planned := &event.Planned{Live: "live", Created: 1, Updated: 2, Headers: 3, Deleted: 4, UploadBytes: 5, PurgeURLs: 6}
	for name, tt := range map[string]struct {
		rec  report.Record
		want event.Finished
	}{
		"nothing":    {report.Record{}, event.Finished{}},
		"failed":     {report.Record{Planned: planned}, event.Finished{}},
		"dry run":    {report.Record{Planned: planned, DryRun: true}, event.Finished{Release: "live", Created: 1, Updated: 2, Headers: 3, Deleted: 4, BytesUploaded: 5, PurgedURLs: 6}},
		"done":       {report.Record{Planned: planned, Finished: &event.Finished{Release: "new", Changed: true}}, event.Finished{Release: "new", Changed: true}},
		"cleaned up": {report.Record{Collected: &event.Collected{Live: "live", PurgedURLs: 7}}, event.Finished{Release: "live", PurgedURLs: 7}},
		"verified":   {report.Record{Verified: &event.Verified{Live: "live"}}, event.Finished{Release: "live"}},
	} {
		if diff := cmp.Diff(tt.want, deeds(tt.rec)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestReportOutput: a later step sees the workspace elsewhere.
func TestReportOutput(t *testing.T) {
	a := &app{IO: IO{Getenv: func(string) string { return "/github/workspace" }}}
	for file, want := range map[string]string{"": "", "/github/workspace/out/r.json": "out/r.json", "/github/workspace-2/r.json": "/github/workspace-2/r.json", "/tmp/r.json": "/tmp/r.json"} {
		a.reportFile = filepath.FromSlash(file)
		if got := filepath.ToSlash(a.reportOutput()); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

func TestYAMLScalar(t *testing.T) {
	for value, want := range map[string]string{
		"www": "www", "./site": "./site", "a/b-c_d.e": "a/b-c_d.e", "": `""`, "true": `"true"`, "No": `"No"`, "1": `"1"`, "a: b": `"a: b"`, "a\nb": `"a\nb"`, "#a": `"#a"`, "*": `"*"`,
	} {
		got := yamlScalar(value)
		var back any
		if err := yaml.Unmarshal([]byte("x: "+got), &back); err != nil || got != want || back.(map[string]any)["x"] != value {
			t.Errorf("%q: %s, want %s; it reads as %v, %v", value, got, want, back, err)
		}
	}
}

// TestGuardedPlace: a guard is annotated at its limit, at the file where the
// limit is the default, and nowhere without a file.
func TestGuardedPlace(t *testing.T) {
	for text, want := range map[string]string{
		"{\n\"type\": \"static\", \"outputDir\": \"dist\",\n  \"guards\": {\"maxDelete\": 3}}": "site.json:3:27",
		"\n{\"type\": \"static\", \"outputDir\": \"dist\"}":                                    "site.json:2:1",
		"": ":0:0",
	} {
		o := config.Options{}
		var err error
		if text == "" {
			o.Flags, err = config.FromFlags(map[string]string{"output-dir": "dist"})
		} else {
			o.File, err = config.Parse("site.json", []byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
		res, err := config.Resolve(o)
		if err != nil {
			t.Fatal(err)
		}
		a := &app{facts: facts{settings: &settings{Resolved: res}}}
		m := a.guarded(&plan.GuardError{Setting: "guards.maxDelete"})
		if got := fmt.Sprintf("%s:%d:%d", m.File, m.Line, m.Column); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
