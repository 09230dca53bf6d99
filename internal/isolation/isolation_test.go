//go:build unix

package isolation

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestElsewhere changes nothing outside the image.
func TestElsewhere(t *testing.T) {
	dir := t.TempDir()
	env := map[string]string{"HOME": filepath.Join(dir, "none"), "GITHUB_ENV": filepath.Join(dir, "env")}
	w, err := Enter(Options{Dir: dir, Build: true, Getenv: func(name string) string { return env[name] }})
	if err != nil || w.User != nil || w.Lent || len(w.undos) > 0 {
		t.Errorf("got %+v, %v", w, err)
	}
	if got := w.Environ([]string{"HOME=/x"}); !slices.Equal(got, []string{"HOME=/x"}) {
		t.Errorf("the environment is now %q", got)
	}
}

// TestImage is what happens in the image: to root, whose workspace is lent and
// given back, and to others, who stay who they are. Both get a home of their
// own.
func TestImage(t *testing.T) {
	outside, dir := t.TempDir(), openDir(t)
	for _, name := range []string{filepath.Join(outside, "precious"), filepath.Join(dir, "page")} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	me, builder := os.Geteuid(), os.Geteuid()
	if me == 0 {
		builder = 64646
	}
	env := map[string]string{Variable: "64646", "HOME": "/", "PATH": os.Getenv("PATH")}
	if me == 0 {
		env["HOME"] = filepath.Join(dir, "none")
	}
	w, err := Enter(Options{Dir: dir, Build: true, Getenv: func(name string) string { return env[name] }})
	if err != nil {
		t.Fatal(err)
	}
	home := lookup(t, w.Environ(nil), "HOME")
	owned(t, builder, home, filepath.Join(dir, "page"))
	owned(t, me, filepath.Join(outside, "precious"), outside)
	if w.Lent != (me == 0) {
		t.Errorf("lent: %v", w.Lent)
	}
	cmd := exec.Command("/bin/sh", "-c", "echo built >built && id -u")
	cmd.Dir = dir
	out, err := w.User.Output(cmd)
	if uid := strings.TrimSpace(string(out)); err != nil || me == 0 && uid != "64646" {
		t.Errorf("it ran as %q, %v", uid, err)
	}
	owned(t, builder, filepath.Join(dir, "built"))
	if err := w.Leave(); err != nil {
		t.Fatal(err)
	}
	owned(t, me, dir, filepath.Join(dir, "page"), filepath.Join(dir, "built"), filepath.Join(outside, "precious"))
	if exists(home) {
		t.Errorf("%s is still there", home)
	}
}

// openDir makes a directory that other users get to, whatever the one for
// temporary files is.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pandastack-isolation-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestMade names the highest directory that will be new.
func TestMade(t *testing.T) {
	w := &World{dir: t.TempDir(), User: &User{1, 1}}
	w.Made(filepath.Join(w.dir, "a", "b", "c"))
	w.Made(filepath.Join(w.dir, "d"))
	w.Made(filepath.Join(filepath.Dir(w.dir), "elsewhere"))
	if want := []string{filepath.Join(w.dir, "a"), filepath.Join(w.dir, "d")}; !slices.Equal(w.mine, want) {
		t.Errorf("got %q, want %q", w.mine, want)
	}
}

func lookup(t *testing.T, env []string, name string) string {
	t.Helper()
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	t.Fatalf("%s is not set", name)
	return ""
}

func owned(t *testing.T, uid int, names ...string) {
	t.Helper()
	for _, name := range names {
		if owner, err := ownerOf(name); err != nil || owner.UID != uid {
			t.Errorf("%s belongs to %d, not %d: %v", name, owner.UID, uid, err)
		}
	}
}
