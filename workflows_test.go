package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPinnedActions holds the actions of the project's own workflows to commits:
// a tag can be moved to other code. What is ours, or is run by plain commands,
// has no tag.
func TestPinnedActions(t *testing.T) {
	uses := regexp.MustCompile(`uses: *(\S+)(.*)`)
	pinned := regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	files, err := filepath.Glob(".github/workflows/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range uses.FindAllStringSubmatch(string(data), -1) {
			seen++
			if !strings.HasPrefix(m[1], "./") && (!pinned.MatchString(m[1]) || !strings.HasPrefix(m[2], " # v")) {
				t.Errorf("%s: %s is not pinned by commit, with its version in a comment", name, m[1])
			}
		}
	}
	if seen < 5 {
		t.Errorf("%d uses found", seen)
	}
}
