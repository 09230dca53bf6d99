package ci

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pandastack-io/pandastack/internal/isolation"
)

// gitTimeout bounds one call of git: a work tree on a network disk that hangs
// must not hang the deploy with it.
const gitTimeout = 15 * time.Second

// Complete adds to r what git and the machine know about the directory dir.
//
// The commit of the checkout wins over the CI's variable, because the checkout
// is what is built: GitHub's GITHUB_SHA is another commit where a workflow
// checks out one of its own choice. What r has already stays otherwise. No git
// and no repository are not errors: what is unknown stays empty.
func Complete(ctx context.Context, r Run, dir string) Run {
	if r.Host == "" {
		r.Host, _ = os.Hostname() // unknown stays empty
	}
	g := git{ctx: ctx, dir: dir}
	if head := g.line("rev-parse", "--verify", "HEAD^{commit}"); head != "" {
		r.Commit = head
		r.CommitTime = g.commitTime()
		r.Dirty = g.dirty()
		if r.Ref == "" {
			r.Ref = g.line("symbolic-ref", "--short", "-q", "HEAD")
		}
		if r.Repository == "" {
			r.Repository = repositoryOf(g.line("config", "--get", "remote.origin.url"))
		}
	}
	if r.Actor == "" && !r.CI {
		r.Actor = first(g.line("config", "--get", "user.name"), username())
	}
	return r
}

type git struct {
	ctx context.Context
	dir string
}

// run returns what git prints; ok is false where git is absent or failed.
func (g git) run(args ...string) (out string, ok bool) {
	ctx, cancel := context.WithTimeout(g.ctx, gitTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = g.dir
	cmd.Env = append(environ(os.Environ()), settings(g.dir, os.Getenv)...)
	// No lock is taken for a mere look, so that a git that runs beside is not
	// disturbed, and nothing asks for a password.
	cmd.Env = append(cmd.Env, "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	// What a build wrote into .git can name programs, too: they are not ours to
	// run where the build is another user's.
	b, err := isolation.For(first(topLevel(g.dir), g.dir), os.Getenv).Output(cmd)
	return string(b), err == nil
}

func (g git) line(args ...string) string {
	out, _ := g.run(args...)
	return strings.TrimSpace(out)
}

func (g git) commitTime() time.Time {
	sec, err := strconv.ParseInt(g.line("log", "-1", "--no-show-signature", "--format=%ct"), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(sec, 0).UTC()
}

// dirty reports whether tracked files differ from HEAD. Untracked files do not
// count: a build leaves them in every checkout.
func (g git) dirty() bool {
	out, ok := g.run("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=dirty")
	return ok && strings.TrimSpace(out) != ""
}

// environ is what git needs of env. A repository's settings can name programs
// that git runs (filters, for one): they have no use for the deploy's
// credentials.
func environ(env []string) []string {
	var out []string
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		switch name = strings.ToUpper(name); name {
		case "PATH", "HOME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "XDG_CONFIG_HOME", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP":
			out = append(out, kv)
		default:
			if strings.HasPrefix(name, "GIT_") {
				out = append(out, kv)
			}
		}
	}
	return out
}

// settings are git's for this call. They let it read a work tree that another
// user owns, as a container action's workspace is, and start no monitor that
// the repository names. They go through the environment, which git takes for
// protected configuration, behind what is passed there already, and leave the
// user's files alone.
// https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory
func settings(dir string, getenv func(string) string) []string {
	n := integer(getenv("GIT_CONFIG_COUNT"))
	var out []string
	add := func(key, value string) {
		i := strconv.FormatInt(n, 10)
		out = append(out, "GIT_CONFIG_KEY_"+i+"="+key, "GIT_CONFIG_VALUE_"+i+"="+value)
		n++
	}
	add("core.fsmonitor", "false")
	if top := topLevel(dir); top != "" {
		add("safe.directory", filepath.ToSlash(top))
	}
	return append(out, "GIT_CONFIG_COUNT="+strconv.FormatInt(n, 10))
}

// topLevel is the directory at or above dir that holds .git, with symlinks
// resolved as git resolves them. Empty where there is none.
func topLevel(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	for {
		if _, err := os.Lstat(filepath.Join(abs, ".git")); err == nil {
			return abs
		}
		parent := filepath.Dir(abs)
		if parent == abs {
			return ""
		}
		abs = parent
	}
}

// repositoryOf returns the path part of a remote's URL without ".git":
// "octo/site" of https://github.com/octo/site.git and of
// git@github.com:octo/site.git. User names and passwords in the URL never come
// through. A path on this machine is no repository's name.
func repositoryOf(remote string) string {
	if scheme, rest, ok := strings.Cut(remote, "://"); ok {
		if scheme == "file" {
			return ""
		}
		_, path, _ := strings.Cut(rest, "/")
		return strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	}
	host, path, ok := strings.Cut(remote, ":")
	if !ok || strings.ContainsAny(host, `/\`) || len(host) < 2 {
		return ""
	}
	return strings.TrimSuffix(strings.Trim(path, "/"), ".git")
}

func username() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// TokenInCheckout reports whether the checkout in dir holds a token that git
// sends: in a header, as actions/checkout leaves it unless told otherwise, also
// in a file that .git/config includes, or in the URL of a remote. Whatever runs
// in the work tree can read it.
func TokenInCheckout(ctx context.Context, dir string) bool {
	g := git{ctx: ctx, dir: dir}
	out, _ := g.run("config", "--local", "--includes", "--get-regexp", `^http\..*extraheader$|^remote\..*url$`)
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasSuffix(name, "extraheader") {
			if strings.HasPrefix(strings.ToLower(value), "authorization:") {
				return true
			}
			continue
		}
		if u, err := url.Parse(value); err == nil && u.User != nil {
			if _, ok := u.User.Password(); ok {
				return true
			}
		}
	}
	return false
}
