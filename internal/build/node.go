package build

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/pandastack-io/pandastack/internal/event"
)

// checkNode warns where the site asks for another version of Node.js than the
// one on the PATH. It never stops a build.
func (r *run) checkNode(ctx context.Context) {
	want, file := wantedNode(r.Dir, r.RepoDir)
	if want == "" {
		return
	}
	have := r.nodeVersion(ctx)
	if have == "" || nodeSatisfies(have, want) {
		return
	}
	r.Sink.Emit(event.Message{
		Severity: event.Warning,
		Text:     fmt.Sprintf("Node.js %s is used, but %s asks for %s", strings.TrimPrefix(have, "v"), filepath.Base(file), want),
		Hint:     "Use that version of Node.js, or change " + filepath.Base(file) + ".",
		File:     relative(r.RepoDir, file),
	})
}

// relative is path as people find it from base.
func relative(base, path string) string {
	if rel, err := filepath.Rel(base, path); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return path
}

// wantedNode returns the version of Node.js that the site asks for, and the
// file that says so: the nearest .nvmrc or .node-version from dir up to top,
// else engines.node of dir's package.json. Empty: it does not ask.
func wantedNode(dir, top string) (want, file string) {
	for d := dir; ; d = filepath.Dir(d) {
		for _, name := range []string{".nvmrc", ".node-version"} {
			if v := pinned(filepath.Join(d, name)); v != "" {
				return v, filepath.Join(d, name)
			}
		}
		if d == top || d == filepath.Dir(d) || !within(d, top) {
			break
		}
	}
	pkg, err := readPackage(dir)
	if err != nil || pkg == nil {
		return "", ""
	}
	var engines struct {
		Node string `json:"node"`
	}
	if json.Unmarshal(pkg.Engines, &engines) != nil {
		return "", ""
	}
	return strings.TrimSpace(engines.Node), filepath.Join(dir, "package.json")
}

// pinned returns the first line of a version file that is neither empty nor a
// comment.
func pinned(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// nodeVersion returns what node --version prints, or "" where there is no node
// that answers.
func (r *run) nodeVersion(ctx context.Context) string {
	path := lookPath(r.env, "node")
	if path == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env, cmd.Dir = r.env, r.Dir
	cmd.WaitDelay = time.Second
	out, err := r.As.Output(cmd)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// nodeSatisfies reports whether the version have lies in the range want. It is
// true as well where that cannot be decided: names such as lts/iron mean other
// versions as time goes on.
func nodeSatisfies(have, want string) bool {
	version, err := semver.NewVersion(have)
	if err != nil {
		return true
	}
	constraint, err := semver.NewConstraint(want)
	if err != nil {
		return true
	}
	// A nightly build counts as the release that it leads to.
	release, err := version.SetPrerelease("")
	return err != nil || constraint.Check(&release)
}
