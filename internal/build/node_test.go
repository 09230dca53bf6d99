//go:build unix

package build

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/event"
)

func TestNodeSatisfies(t *testing.T) {
	tests := []struct {
		have, want string
		ok         bool
	}{
		{"v20.11.1", "20", true},
		{"v20.11.1", "v20", true},
		{"v20.11.1", "20.11", true},
		{"v20.11.1", "20.11.1", true},
		{"v20.11.1", "v20.11.1", true},
		{"v20.11.1", "20.11.2", false},
		{"v20.11.1", "20.12", false},
		{"v20.11.1", "22", false},
		{"v20.11.1", "20.x", true},
		{"v20.11.1", "^18 || ^20", true},
		{"v20.11.1", "^18.0.0 || >=22.0.0", false},
		{"v20.11.1", ">=18", true},
		{"v20.11.1", ">= 18.17.0 < 21", true},
		{"v20.11.1", ">=18 <=20", true},
		{"v20.11.1", ">20", false},
		{"v20.11.1", "18 - 20", true},
		{"v20.11.1", "18.0.0 - 19.9.9", false},
		{"v20.11.1", "~20.11.0", true},
		{"v20.11.1", "~20.10.0", false},
		{"v20.11.1", "*", true},
		{"v24.0.0-nightly2026", ">=24", true},
		{"v20.11.1", "lts/*", true},
		{"v20.11.1", "lts/jod", true},
		{"v20.11.1", "node", true},
		{"v20.11.1", "stable", true},
		{"unknown", "20", true},
	}
	for _, tt := range tests {
		if got := nodeSatisfies(tt.have, tt.want); got != tt.ok {
			t.Errorf("%s in %q: %v, want %v", tt.have, tt.want, got, tt.ok)
		}
	}
}

func TestNodeWarning(t *testing.T) {
	const node = "#!/bin/sh\n[ \"$1\" = --version ] && echo v20.11.1\n"
	tests := []struct {
		name  string
		files map[string]string
		want  []event.Message
	}{
		{"nothing asks", map[string]string{"package.json": "{}"}, nil},
		{"a version that fits", map[string]string{".nvmrc": "v20\n"}, nil},
		{
			".nvmrc", map[string]string{".nvmrc": "# ours\n22 # jod\n", "package.json": `{"engines":{"node":">=20"}}`},
			[]event.Message{{Severity: event.Warning, Text: "Node.js 20.11.1 is used, but .nvmrc asks for 22", Hint: "Use that version of Node.js, or change .nvmrc.", File: "site/.nvmrc"}},
		},
		{
			"above", map[string]string{"../.node-version": "18.0.0", "package.json": `{"engines":{"node":">=20"}}`},
			[]event.Message{{Severity: event.Warning, Text: "Node.js 20.11.1 is used, but .node-version asks for 18.0.0", Hint: "Use that version of Node.js, or change .node-version.", File: ".node-version"}},
		},
		{
			"engines", map[string]string{"package.json": `{"engines":{"node":"^18 || >=22","npm":"10"}}`},
			[]event.Message{{Severity: event.Warning, Text: "Node.js 20.11.1 is used, but package.json asks for ^18 || >=22", Hint: "Use that version of Node.js, or change package.json.", File: "site/package.json"}},
		},
		{"old form of engines", map[string]string{"package.json": `{"engines":["node >= 30"]}`}, nil},
		{"no fixed version", map[string]string{".nvmrc": "lts/*"}, nil},
		{"outside the repository", map[string]string{"../../.nvmrc": "4"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, rec := options(t, map[string]string{"bin/node": node})
			o.RepoDir = filepath.Join(o.Dir, "repo")
			o.Dir = filepath.Join(o.RepoDir, "site")
			write(t, o.Dir, map[string]string{"x": ""})
			write(t, o.Dir, tt.files)
			o.Environ = prependPath(o.Environ, filepath.Join(filepath.Dir(o.RepoDir), "bin"))
			o.BuildCommand, o.Install = "true", Never
			if err := Run(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			var got []event.Message
			for _, e := range rec.all {
				if m, ok := e.(event.Message); ok {
					got = append(got, m)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestNodeVersionWithoutAnswer(t *testing.T) {
	dir := t.TempDir()
	r := &run{Options: Options{Dir: dir}, env: []string{"PATH=" + dir}}
	if got := r.nodeVersion(t.Context()); got != "" {
		t.Errorf("without node: %q", got)
	}
	write(t, dir, map[string]string{"node": "#!/bin/sh\nexit 1\n"})
	if got := r.nodeVersion(t.Context()); got != "" {
		t.Errorf("with a broken node: %q", got)
	}
}
