//go:build unix

package isolation

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWithin follows what a build may have put in the place of directories.
func TestWithin(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	for link, to := range map[string]string{"out": outside, "in": "real", "loop": "loop", "none": filepath.Join(outside, "none")} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	w := &World{dir: dir, User: &User{1, 1}}
	for name, want := range map[string]bool{
		".": true, "real": true, "real/new/deep": true, "in": true, "in/new": true, "new": true,
		"out": false, "out/new": false, "loop": false, "loop/new": false, "none": false, "none/new": false,
		"../elsewhere": true, // nobody else chose it
	} {
		if got := w.Within(filepath.Join(dir, name)); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if alone := (&World{dir: dir}); !alone.Within(filepath.Join(dir, "out")) {
		t.Error("a build that is our own user's is held to the workspace")
	}
}
