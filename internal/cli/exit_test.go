package cli

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// TestPermissionHint tells a directory that may not be written to from a key
// without permissions. Both are told so by the storage.
func TestPermissionHint(t *testing.T) {
	dir := &fs.PathError{Op: "mkdir", Path: "public", Err: syscall.EACCES}
	for _, c := range []struct {
		err  error
		want string
	}{
		{dir, "Let the user"},
		{fmt.Errorf("put head: %w: %w", storage.ErrDenied, dir), "Let the user"},
		{fmt.Errorf("put head: %w", storage.ErrDenied), "Give the key"},
	} {
		if got := hint(c.err); !strings.HasPrefix(got, c.want) {
			t.Errorf("hint of %v = %q, want %s…", c.err, got, c.want)
		}
	}
}
