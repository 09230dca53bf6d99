package build

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v3"
)

// isMember reports whether the package in the directory sub belongs to the
// workspace whose root is dir: by pnpm-workspace.yaml, else by "workspaces" of
// dir's package.json, which is nil where there is none.
func isMember(dir, sub string, pkg *packageJSON) (bool, error) {
	rel, err := filepath.Rel(dir, sub)
	if err != nil {
		return false, err
	}
	patterns, err := workspacePatterns(dir, pkg)
	return matches(patterns, filepath.ToSlash(rel)), err
}

// members returns the directories of the packages of the workspace whose root
// is dir, relative to it with forward slashes, without the root.
func members(dir string, pkg *packageJSON) ([]string, error) {
	patterns, err := workspacePatterns(dir, pkg)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range patterns {
		if strings.HasPrefix(p, "!") {
			continue
		}
		found, err := doublestar.Glob(os.DirFS(dir), cleanPattern(p)+"/package.json", doublestar.WithNoFollow())
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			sub := path.Dir(file)
			if sub != "." && !slices.Contains(strings.Split(sub, "/"), "node_modules") && matches(patterns, sub) {
				out = append(out, sub)
			}
		}
	}
	return out, nil
}

func workspacePatterns(dir string, pkg *packageJSON) ([]string, error) {
	patterns, found, err := pnpmWorkspace(dir)
	if err != nil || found || pkg == nil {
		return patterns, err
	}
	return pkg.Workspaces, nil
}

// cleanPattern takes "./" and slashes off the ends, which the tools ignore.
func cleanPattern(p string) string { return strings.Trim(strings.TrimPrefix(p, "./"), "/") }

// pnpmWorkspace returns the patterns of pnpm-workspace.yaml in dir, and whether
// the file is there.
// https://pnpm.io/pnpm-workspace_yaml
func pnpmWorkspace(dir string) (patterns []string, found bool, err error) {
	name := filepath.Join(dir, "pnpm-workspace.yaml")
	b, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	var w struct {
		Packages []string `yaml:"packages"`
	}
	if err := yaml.Unmarshal(b, &w); err != nil {
		return nil, false, fmt.Errorf("%s: %w", name, err)
	}
	return w.Packages, true, nil
}

// matches reports whether rel matches a pattern and none that begins with "!".
func matches(patterns []string, rel string) bool {
	in := false
	for _, p := range patterns {
		p, not := strings.CutPrefix(p, "!")
		if ok, err := doublestar.Match(cleanPattern(p), rel); err != nil || !ok {
			continue
		}
		if not {
			return false
		}
		in = true
	}
	return in
}
