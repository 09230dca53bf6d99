package build

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// classicFresh compares yarn.lock and package.json with the record that yarn 1
// keeps of its last install.
func (p *project) classicFresh() error {
	b, err := os.ReadFile(filepath.Join(p.root, "node_modules", ".yarn-integrity"))
	if err != nil {
		return err
	}
	var record struct {
		Flags    []string          `json:"flags"`
		TopLevel []string          `json:"topLevelPatterns"`
		Entries  map[string]string `json:"lockfileEntries"`
	}
	if err := json.Unmarshal(b, &record); err != nil {
		return err
	}
	lock, err := os.ReadFile(filepath.Join(p.root, p.lock))
	if err != nil {
		return err
	}
	// Flags such as --production leave packages out.
	if len(record.Flags) > 0 || !maps.Equal(record.Entries, classicEntries(string(lock))) {
		return errNotFresh
	}
	installed := map[string]bool{}
	for _, pattern := range record.TopLevel {
		installed[pattern] = true
	}
	packages, err := p.packages()
	if err != nil {
		return err
	}
	for _, pkg := range packages {
		for _, deps := range []map[string]string{pkg.Dependencies, pkg.DevDependencies, pkg.OptionalDependencies} {
			for name, spec := range deps {
				if !installed[name+"@"+spec] {
					return errNotFresh
				}
			}
		}
	}
	return nil
}

// classicEntries returns where each pattern of a yarn 1 lock file was resolved
// to. An entry is a line of patterns, quoted where they need it and joined by
// commas, and indented lines below it.
func classicEntries(lock string) map[string]string {
	entries := map[string]string{}
	var patterns []string
	for line := range strings.Lines(lock) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "" || line[0] == '#':
		case line[0] != ' ':
			patterns = patterns[:0]
			for p := range strings.SplitSeq(strings.TrimSuffix(line, ":"), ", ") {
				p = strings.Trim(p, `"`)
				patterns = append(patterns, p)
				entries[p] = ""
			}
		case strings.HasPrefix(line, "  resolved "):
			for _, p := range patterns {
				entries[p] = strings.Trim(strings.TrimPrefix(line, "  resolved "), `"`)
			}
		}
	}
	return entries
}
