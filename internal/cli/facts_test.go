//go:build unix

package cli

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pandastack-io/pandastack/internal/isolation"
	"github.com/pandastack-io/pandastack/internal/report"
)

// TestReportIsTheOwners: in the image we are root, and the workspace is not: the
// report is its owner's with all directories above it, also of a run that
// failed before it knew the site.
func TestReportIsTheOwners(t *testing.T) {
	dir, owner := t.TempDir(), os.Geteuid()
	if owner == 0 {
		owner = 64646
	}
	env := map[string]string{isolation.Variable: "64647", "PATH": os.Getenv("PATH")}
	world := IO{
		Stdout: report.Console{W: io.Discard}, Stderr: report.Console{W: io.Discard}, Dir: dir,
		Getenv: func(name string) string { return env[name] },
	}
	for name, text := range map[string]string{
		"pandastack.json": `{"type": "static", "outputDir": "dist", "storage": {"provider": "local", "path": "public"}}`,
		"bad.json":        `{"type": "none"}`,
		"dist/index.html": "home",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	each := func(f func(name string) error) {
		if err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return f(name)
		}); err != nil {
			t.Fatal(err)
		}
	}
	each(func(name string) error { return os.Lchown(name, owner, -1) })
	for _, run := range []struct {
		code int
		args []string
	}{
		{exitOK, []string{"plan", "--report", "a/b/report.json"}},
		{exitOK, []string{"plan", "--report", "a/c/report.json"}},
		{exitUsage, []string{"plan", "--report", "bad/report.json", "--config", "bad.json"}},
		{exitUsage, []string{"plan", "--report", "worse/report.json", "--none"}},
	} {
		if code := Main(t.Context(), run.args, world); code != run.code {
			t.Errorf("%q: exit code %d", run.args, code)
		}
		if _, err := os.Stat(filepath.Join(dir, run.args[2])); err != nil {
			t.Error(err)
		}
	}
	each(func(name string) error {
		info, err := os.Lstat(name)
		if err == nil && int(info.Sys().(*syscall.Stat_t).Uid) != owner {
			t.Errorf("%s belongs to %d", name, info.Sys().(*syscall.Stat_t).Uid)
		}
		return err
	})
}
