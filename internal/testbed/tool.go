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
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// CacheEnv names the variable that overrides where tools are kept.
const CacheEnv = "PANDASTACK_TEST_CACHE"

// tool is a program that Tool installs.
type tool struct {
	name, pkg, version string
	tags               string // build tags, separated by commas
	// module is set for a program whose own go.mod has replacements, so that
	// "go install pkg@version" refuses it: the module that has it. It is built
	// as a tool of a module of ours.
	module string
}

var tools = []tool{
	{name: "minio", pkg: "github.com/minio/minio", version: "v0.0.0-20260212201848-7aac2a2c5b7c"},
	{name: "versitygw", pkg: "github.com/versity/versitygw/cmd/versitygw", version: "v1.8.0"},
	{name: "gofakes3", pkg: "github.com/johannesboyne/gofakes3/cmd/gofakes3", version: "v1.2.0"},
	{name: "hugo", pkg: "github.com/gohugoio/hugo", version: "v0.165.0"},
	{name: "hugo-deploy", pkg: "github.com/gohugoio/hugo", version: "v0.165.0", tags: "withdeploy"},
	{name: "rclone", pkg: "github.com/rclone/rclone", version: "v1.76.0"},
	{name: "act", pkg: "github.com/nektos/act", version: "v0.2.89"},
	{name: "mc", pkg: "github.com/minio/mc", version: "v0.0.0-20250313080218-cf909e1063a9"},
	{name: "s5cmd", pkg: "github.com/peak/s5cmd/v2", version: "v2.3.0", module: "github.com/peak/s5cmd/v2"},
}

// Tool returns the path of a pinned tool, which it installs first where it is
// missing: below CacheEnv, or pandastack-test in the user's cache directory,
// as <name>@<version>/<binary>. Processes that want the same tool at once wait
// for one of them. It fails the test where the tool cannot be installed.
func Tool(t testing.TB, name string) string {
	t.Helper()
	i := slices.IndexFunc(tools, func(e tool) bool { return e.name == name })
	if i < 0 {
		t.Fatalf("testbed: no tool is called %q", name)
	}
	bin, err := install(t.Context(), tools[i])
	if err != nil {
		t.Fatalf("testbed: %v", err)
	}
	return bin
}

// Version returns the version of a tool that Tool installs, and "" for others.
func Version(name string) string {
	i := slices.IndexFunc(tools, func(e tool) bool { return e.name == name })
	if i < 0 {
		return ""
	}
	return tools[i].version
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

// install returns the path of the tool's binary, building it where it is not
// there yet.
func install(ctx context.Context, e tool) (string, error) {
	return once(e.name+"@"+e.version, binaryName(e.pkg), func(root, dir string) error { return build(ctx, root, dir, e) })
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

// majorVersion is the last element of an import path that the Go command leaves
// out of the name of a binary.
var majorVersion = regexp.MustCompile(`/v[0-9]+$`)

func binaryName(pkg string) string {
	name := path.Base(majorVersion.ReplaceAllString(pkg, ""))
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

// build installs a Go program into dir.
func build(ctx context.Context, root, dir string, e tool) error {
	return whole(root, dir, func(tmp string) (*exec.Cmd, error) {
		args := []string{"install"}
		if e.tags != "" {
			args = append(args, "-tags", e.tags)
		}
		if e.module == "" {
			args = append(args, e.pkg+"@"+e.version)
		} else {
			args = append(args, "-mod=mod", e.pkg)
			mod := fmt.Sprintf("module install\n\ngo 1.26.0\n\nrequire %s %s\n\ntool %s\n", e.module, e.version, e.pkg)
			if err := os.WriteFile(filepath.Join(tmp, "go.mod"), []byte(mod), 0o644); err != nil {
				return nil, err
			}
		}
		cmd := exec.CommandContext(ctx, "go", args...)
		// GOBIN cannot be set when cross-compiling, and GOFLAGS of the project
		// (-mod=vendor) do not fit the module of another.
		cmd.Env = append(os.Environ(), "GOBIN="+tmp, "CGO_ENABLED=0", "GOFLAGS=", "GOOS=", "GOARCH=", "GOWORK=off")
		return cmd, nil
	})
}

// whole lets a command install into a directory of its own and renames it to
// dir, so that dir never holds half a program.
func whole(root, dir string, command func(tmp string) (*exec.Cmd, error)) error {
	tmp, err := os.MkdirTemp(root, ".install-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	cmd, err := command(tmp)
	if err != nil {
		return err
	}
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	}
	if err := os.RemoveAll(dir); err != nil { // left by an interrupted install of another kind
		return err
	}
	return os.Rename(tmp, dir)
}
