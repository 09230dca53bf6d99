package ci

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompare uses real clones: whole, shallow, and after a force push.
func TestCompare(t *testing.T) {
	origin := t.TempDir()
	run := func(dir string, args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_CONFIG_GLOBAL=/dev/null")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	commit := func(name string) string {
		run(origin, "commit", "-q", "--allow-empty", "-m", name)
		return run(origin, "rev-parse", "HEAD")
	}
	run(origin, "init", "-q", "-b", "main")
	first, second := commit("first"), commit("second")
	run(origin, "checkout", "-q", "-b", "other", first)
	forced := commit("forced")
	run(origin, "checkout", "-q", "main")
	shallow := filepath.Join(t.TempDir(), "shallow")
	run(origin, "clone", "-q", "--depth=1", "file://"+filepath.ToSlash(origin), shallow)
	unknown := strings.Repeat("0", 40)

	at := func(commit, id string, attempt int) Run {
		return Run{Repository: "o/r", Commit: commit, RunID: id, RunAttempt: attempt}
	}
	for _, tt := range []struct {
		name         string
		own, earlier Run
		dir          string
		want         Order
	}{
		{"child", at(second, "1", 1), at(first, "2", 1), origin, Newer},
		{"parent, though its run is later", at(first, "9", 1), at(second, "2", 1), origin, Older},
		{"the same commit", at(second, "1", 1), at(second, "2", 1), origin, Same},
		{"force push, later run", at(forced, "3", 1), at(second, "2", 1), origin, Newer},
		{"force push, earlier run", at(forced, "1", 1), at(second, "2", 1), origin, Older},
		{"shallow, later run", at(second, "3", 1), at(first, "2", 1), shallow, Newer},
		{"shallow, an old run again", at(second, "1", 2), at(unknown, "2", 1), shallow, Older},
		{"the same run again", at(second, "2", 2), at(unknown, "2", 1), shallow, Newer},
		{"an old attempt of the same run", at(second, "2", 1), at(unknown, "2", 2), shallow, Older},
		{"ids are numbers, not text", at(second, "10", 1), at(unknown, "9", 1), shallow, Newer},
		{"ids that tell no order", at(unknown, "f2-9", 1), at(second, "f2-1", 1), shallow, Unknown},
		{"another repository", Run{Repository: "o/x", Commit: second, RunID: "3"}, at(unknown, "2", 1), origin, Unknown},
		{"a local run", Run{Repository: "o/r", Commit: second}, at(unknown, "2", 1), origin, Unknown},
		{"no commit", at("", "3", 1), at("", "2", 1), origin, Newer},
		{"a hash that is an option", at(second, "3", 1), at("--output=x", "2", 1), origin, Newer},
		{"no repository on disk", at(second, "3", 1), at(first, "2", 1), t.TempDir(), Newer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Compare(t.Context(), tt.own, tt.earlier, tt.dir, nil); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
