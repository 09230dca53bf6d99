// Package testbed gives tests real programs to work with: it installs pinned
// tools with the Go command, starts S3 servers on 127.0.0.1, and puts a
// counting proxy in front of them. Only tests import it.
//
// A cold cache costs minutes (MinIO and versitygw about four each), so run
// all tests with go test -timeout 30m ./...
package testbed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// CacheEnv names the variable that overrides where tools are kept.
const CacheEnv = "PANDASTACK_TEST_CACHE"

// tools are the programs that Tool installs: name, package, version.
var tools = []struct{ name, pkg, version string }{
	{"minio", "github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c"},
	{"versitygw", "github.com/versity/versitygw/cmd/versitygw", "v1.8.0"},
	{"gofakes3", "github.com/johannesboyne/gofakes3/cmd/gofakes3", "v1.2.0"},
	{"hugo", "github.com/gohugoio/hugo", "v0.165.0"},
	{"rclone", "github.com/rclone/rclone", "v1.76.0"},
	{"act", "github.com/nektos/act", "v0.2.89"},
}

// Tool returns the path of a pinned tool, which it installs first where it is
// missing: below CacheEnv, or pandastack-test in the user's cache directory,
// as <name>@<version>/<binary>. Processes that want the same tool at once wait
// for one of them. It fails the test where the tool cannot be installed.
func Tool(t testing.TB, name string) string {
	t.Helper()
	i := slices.IndexFunc(tools, func(e struct{ name, pkg, version string }) bool { return e.name == name })
	if i < 0 {
		t.Fatalf("testbed: no tool is called %q", name)
	}
	bin, err := install(t.Context(), tools[i].name, tools[i].pkg, tools[i].version)
	if err != nil {
		t.Fatalf("testbed: %v", err)
	}
	return bin
}

// Cache returns the directory that Tool installs into, for what tests download
// by other means.
func Cache(t testing.TB) string {
	t.Helper()
	root, err := cacheRoot()
	if err == nil {
		err = os.MkdirAll(root, 0o755)
	}
	if err != nil {
		t.Fatalf("testbed: %v", err)
	}
	return root
}

func cacheRoot() (string, error) {
	if dir := os.Getenv(CacheEnv); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for tools: %w (or set %s)", err, CacheEnv)
	}
	return filepath.Join(dir, "pandastack-test"), nil
}

// install returns the path of the binary of pkg@version, building it where it
// is not there yet.
func install(ctx context.Context, name, pkg, version string) (string, error) {
	return once(name+"@"+version, binaryName(pkg), func(root, dir string) error { return build(ctx, root, dir, pkg+"@"+version) })
}

// once returns the path of a file below a directory of the cache, which
// install makes where it is not there yet.
func once(name, file string, install func(root, dir string) error) (string, error) {
	root, err := cacheRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, name)
	bin := filepath.Join(dir, file)
	if exists(bin) {
		return bin, nil
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	unlock, err := lockedfile.MutexAt(dir + ".lock").Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(bin) { // another process was faster
		return bin, nil
	}
	return bin, install(root, dir)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

func binaryName(pkg string) string {
	if runtime.GOOS == "windows" {
		return path.Base(pkg) + ".exe"
	}
	return path.Base(pkg)
}

// build installs a Go program into dir.
func build(ctx context.Context, root, dir, what string) error {
	return whole(root, dir, func(tmp string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "go", "install", what)
		// GOBIN cannot be set when cross-compiling, and GOFLAGS of the project
		// (-mod=vendor) do not fit the module of another.
		cmd.Env = append(os.Environ(), "GOBIN="+tmp, "CGO_ENABLED=0", "GOFLAGS=", "GOOS=", "GOARCH=", "GOWORK=off")
		return cmd
	})
}

// whole lets a command install into a directory of its own and renames it to
// dir, so that dir never holds half a program.
func whole(root, dir string, command func(tmp string) *exec.Cmd) error {
	tmp, err := os.MkdirTemp(root, ".install-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	cmd := command(tmp)
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	}
	if err := os.RemoveAll(dir); err != nil { // left by an interrupted install of another kind
		return err
	}
	return os.Rename(tmp, dir)
}
