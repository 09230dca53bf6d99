package local_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/storage/storagetest"
	"github.com/pandastack-io/pandastack/providers/local"
)

func open(t *testing.T, dir string) *local.Store {
	t.Helper()
	s, err := local.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storagetest.Run(t, storagetest.Harness{
		NoAbort: "a local file is written in one piece",
		New:     func(t *testing.T) storage.Store { return open(t, t.TempDir()) },
		NoBucket: func(t *testing.T) storage.Store {
			return open(t, filepath.Join(t.TempDir(), "not", "made", "yet"))
		},
		CreatesBucket: "a directory is made on the first write",
		FoldsCase:     foldsCase(t),
		Collisions:    storagetest.CollisionsRefused,
	})
}

// foldsCase returns a reason where the temporary directory is on a file system
// that takes a for A, as those of macOS and Windows do by default.
func foldsCase(t *testing.T) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "A")); err != nil {
		return ""
	}
	return "the file system does"
}
