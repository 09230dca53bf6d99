//go:build unix && e2e

package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/isolation"
)

// TestLinksOfBuild has a build, which is another user's, put links to places
// that are closed to it where we read and write after it.
func TestLinksOfBuild(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this needs root: only root gives a build another user")
	}
	for name, test := range map[string]struct {
		build string // CLOSED is the directory
		args  []string
		says  string
		code  int
	}{
		"output":  {"rm -rf dist && ln -s CLOSED dist", nil, "the output directory is a link out of the workspace: ", exitGuard},
		"site":    {"mv site old && ln -s CLOSED site && mkdir dist && echo >dist/x", []string{"--output-dir", "site/sub"}, "the output directory is a link out of the workspace: ", exitGuard},
		"storage": {"mkdir -p dist && echo >dist/x && rm -rf .pandastack && ln -s CLOSED .pandastack", nil, `a link leads from `, exitUsage},
		"report":  {"mkdir -p dist && echo >dist/x && rm -rf out && ln -s CLOSED out", []string{"--report", "out/report.json"}, "the report could not be written: ", exitOK},
	} {
		t.Run(name, func(t *testing.T) {
			dir, closed := openDir(t), filepath.Join(openDir(t), "closed")
			for _, made := range []string{filepath.Join(dir, "site"), filepath.Join(closed, "sub")} {
				if err := os.MkdirAll(made, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(closed, "sub", "index.html"), []byte("root's alone"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "pandastack.json"), []byte(`{"type": "static", "outputDir": "dist"}`), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("pandastack", append([]string{"--build-command", strings.ReplaceAll(test.build, "CLOSED", closed)}, test.args...)...)
			cmd.Dir, cmd.Env = dir, []string{isolation.Variable + "=64646", "PATH=" + os.Getenv("PATH"), "HOME=" + dir}
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			_ = cmd.Run() // the code says it
			if cmd.ProcessState.ExitCode() != test.code || !strings.Contains(out.String(), test.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s", cmd.ProcessState.ExitCode(), test.code, test.says, out.String())
			}
			if left, err := os.ReadDir(closed); err != nil || len(left) != 1 {
				t.Errorf("what is closed to the build now holds %v, %v", left, err)
			}
			if _, err := os.Stat(filepath.Join(dir, ".pandastack", "local", "index.html")); err == nil {
				t.Error("what is closed to the build was published")
			}
		})
	}
}

// openDir makes a directory that other users get to, whatever the one for
// temporary files is.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pandastack-links-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
