package ci

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clean is a machine whose git knows nobody.
func clean(t *testing.T) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Setenv("GIT_CONFIG_COUNT", "")
}

// runGit runs git in dir and returns what it prints.
func runGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
		"GIT_COMMITTER_DATE=1700000000 +0100", "GIT_AUTHOR_DATE=1600000000 +0000")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// repository makes one with a commit and returns its directory and the commit.
func repository(t *testing.T) (dir, commit string) {
	t.Helper()
	dir = t.TempDir()
	runGit(t, dir, "init", "-q", "-b", "trunk")
	save(t, filepath.Join(dir, "site", "a.txt"), "a")
	runGit(t, dir, "add", ".")
	runGit(t, dir, "commit", "-q", "-m", "one")
	runGit(t, dir, "remote", "add", "origin", "https://mona:hunter2@github.com/octo/site.git")
	runGit(t, dir, "config", "user.name", "Mona Lisa")
	return dir, runGit(t, dir, "rev-parse", "HEAD")
}

func save(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCompleteLocal(t *testing.T) {
	clean(t)
	dir, commit := repository(t)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	want := Run{Repository: "octo/site", Commit: commit, CommitTime: time.Unix(1700000000, 0).UTC(), Ref: "trunk", Actor: "Mona Lisa", Host: host}
	check := func(what string) {
		t.Helper()
		if diff := cmp.Diff(want, Complete(t.Context(), Run{}, filepath.Join(dir, "site"))); diff != "" {
			t.Errorf("%s: -want +got:\n%s", what, diff)
		}
	}
	check("clean")
	save(t, filepath.Join(dir, "dist", "x"), "untracked")
	check("with untracked files")
	save(t, filepath.Join(dir, "site", "a.txt"), "b")
	want.Dirty = true
	check("changed")
	runGit(t, dir, "checkout", "-q", "--detach")
	want.Ref = ""
	check("detached")
}

func TestCompleteInCI(t *testing.T) {
	clean(t)
	dir, commit := repository(t)
	in := Run{CI: true, Provider: GitHub, Repository: "octo/fork", Commit: "0123", Ref: "topic", Actor: "mona", Host: "r1", RunID: "5"}
	want := in
	want.Commit, want.CommitTime = commit, time.Unix(1700000000, 0).UTC() // what is checked out is built
	if diff := cmp.Diff(want, Complete(t.Context(), in, dir)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	in.Actor, want.Actor = "", ""
	if diff := cmp.Diff(want, Complete(t.Context(), in, dir)); diff != "" {
		t.Errorf("nobody: -want +got:\n%s", diff)
	}
}

// Another user's work tree, as a container sees the workspace.
func TestCompleteForeignWorkTree(t *testing.T) {
	clean(t)
	dir, commit := repository(t)
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "user.name")
	t.Setenv("GIT_CONFIG_VALUE_0", "Kept")
	got := Complete(t.Context(), Run{}, filepath.Join(dir, "site"))
	if got.Commit != commit || got.Actor != "Kept" {
		t.Errorf("got %+v", got)
	}
}

func TestCompleteWithoutGit(t *testing.T) {
	clean(t)
	none := t.TempDir()
	empty := t.TempDir()
	runGit(t, empty, "init", "-q")
	in := Run{CI: true, Commit: "0123", Host: "r1"}
	for _, dir := range []string{none, empty, filepath.Join(none, "missing")} {
		if diff := cmp.Diff(in, Complete(t.Context(), in, dir)); diff != "" {
			t.Errorf("%s: %s", dir, diff)
		}
	}
	dir, _ := repository(t)
	t.Setenv("PATH", none)
	if diff := cmp.Diff(in, Complete(t.Context(), in, dir)); diff != "" {
		t.Errorf("no git: %s", diff)
	}
	if got := Complete(t.Context(), Run{}, none); got.Actor == "" {
		t.Error("a person's machine has a user")
	}
}

// The programs that a repository's settings name do not get our credentials:
// monitors do not run, filters run without.
func TestGitSeesNoCredentials(t *testing.T) {
	clean(t)
	dir, _ := repository(t)
	seen := func(name string) string { return filepath.Join(dir, name+".seen") }
	for _, name := range []string{"monitor", "filter"} {
		program := filepath.Join(dir, name)
		save(t, program, "#!/bin/sh\nenv > '"+seen(name)+"'\ncat\n")
		if err := os.Chmod(program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	runGit(t, dir, "config", "core.fsmonitor", filepath.Join(dir, "monitor"))
	runGit(t, dir, "config", "filter.x.clean", filepath.Join(dir, "filter"))
	save(t, filepath.Join(dir, ".git", "info", "attributes"), "*.txt filter=x\n")
	save(t, filepath.Join(dir, "site", "a.txt"), "x") // git must look at its content
	for _, name := range []string{"monitor", "filter"} {
		_ = os.Remove(seen(name)) // by the calls above
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter22")
	if r := Complete(t.Context(), Run{}, dir); !r.Dirty {
		t.Errorf("got %+v", r)
	}
	if b, err := os.ReadFile(seen("monitor")); err == nil {
		t.Errorf("the monitor ran with:\n%s", b)
	}
	b, err := os.ReadFile(seen("filter"))
	if err != nil || !strings.Contains(string(b), "PATH=") {
		t.Fatalf("the filter did not run: %v", err)
	}
	if strings.Contains(string(b), "hunter22") {
		t.Errorf("the filter saw the credentials:\n%s", b)
	}
}

func TestTokenInCheckout(t *testing.T) {
	for name, c := range map[string]struct {
		config map[string]string
		want   bool
	}{
		"none":          {nil, false},
		"url":           {map[string]string{"remote.origin.url": "https://github.com/o/r.git"}, false},
		"user":          {map[string]string{"remote.origin.url": "ssh://git@github.com/o/r.git"}, false},
		"other header":  {map[string]string{"http.extraheader": "X-Trace: 1"}, false},
		"header":        {map[string]string{"http.https://github.com/.extraheader": "AUTHORIZATION: basic eDp0"}, true},
		"url and token": {map[string]string{"remote.origin.url": "https://x:t0ken@github.com/o/r.git"}, true},
		"included":      {map[string]string{"include.path": "../token"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "token"), []byte("[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic eDp0\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range append([][]string{{"init", "--quiet"}}, configs(c.config)...) {
				cmd := exec.CommandContext(t.Context(), "git", args...)
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("git %q: %v\n%s", args, err, out)
				}
			}
			if got := TokenInCheckout(t.Context(), dir); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// configs returns the arguments by which git is told settings.
func configs(settings map[string]string) [][]string {
	var out [][]string
	for name, value := range settings {
		out = append(out, []string{"config", name, value})
	}
	return out
}
