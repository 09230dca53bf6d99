// Package isolation keeps what a site's build runs apart from the deploy that
// started it: as another user, who gains no privileges, with this process's
// memory and the runner's files out of reach.
//
// That another user is possible takes root and a place that is made for it: the
// image, which says so by Variable. Elsewhere commands run as we do.
package isolation

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Variable holds the numeric id of the user that commands run as where root
// owns the workspace, and so says that this process is in the image. Empty: it
// is not, and commands run as we do.
const Variable = "PANDASTACK_BUILD_UID"

// ErrImpossible says that commands cannot run as another user here.
var ErrImpossible = errors.New("commands cannot run as another user than root here")

// User is whom commands run as.
type User struct{ UID, GID int }

// For returns whom commands in dir run as; nil: as we do. It is the owner of
// dir, so that what they write is the owner's, or where that is root the user
// of Variable.
func For(dir string, getenv func(string) string) *User {
	fallback, ok := fallbackOf(getenv)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	owner, err := ownerOf(dir)
	if err != nil || owner.UID == 0 {
		return &User{fallback, fallback}
	}
	owner.GID = harmless(owner)
	return &owner
}

func fallbackOf(getenv func(string) string) (int, bool) {
	uid, err := strconv.Atoi(getenv(Variable))
	return uid, err == nil && uid > 0
}

// engineSocket is what GitHub mounts into every container action. Who may write
// to it has the whole machine.
const engineSocket = "/var/run/docker.sock"

// harmless returns the owner's group, unless the container engine obeys it, as
// it does the runner's on some hosted runners.
func harmless(owner User) int {
	socket, err := ownerOf(engineSocket)
	if owner.GID == 0 || err == nil && socket.GID == owner.GID {
		return owner.UID
	}
	return owner.GID
}

// Options say what to keep apart.
type Options struct {
	// Dir is the workspace, absolute: the work tree that is built in.
	Dir    string
	Getenv func(string) string
	// Build is set where commands of the site's will run.
	Build bool
}

// World is where commands run, until Leave.
type World struct {
	// User is whom they run as; nil: as we do.
	User *User
	// Lent says that the workspace is root's, and the user's until Leave.
	Lent bool

	dir   string
	home  string // of the user alone; empty: what HOME names
	mine  []string
	undos []func() error
}

// Enter takes what commands must not reach out of their reach: the files by
// which a step of GitHub Actions changes the job. A workspace of root's is lent
// to the user; see Variable. Leave must follow, also where the error says that
// this is not possible: it wraps ErrImpossible, and the world is one without
// another user.
func Enter(o Options) (*World, error) {
	w := &World{dir: o.Dir, User: For(o.Dir, o.Getenv)}
	if _, ok := fallbackOf(o.Getenv); !ok || !o.Build {
		return w, nil
	}
	err := w.enter(o)
	if err != nil {
		err = errors.Join(fmt.Errorf("%w: %w", ErrImpossible, err), w.Leave())
		w.User, w.Lent, w.home = nil, false, ""
	}
	return w, err
}

func (w *World) enter(o Options) error {
	if w.User == nil {
		return w.provideHome(User{os.Geteuid(), os.Getegid()}, o.Getenv("HOME"))
	}
	if err := w.lend(o); err != nil {
		return err
	}
	if err := w.provideHome(*w.User, o.Getenv("HOME")); err != nil {
		return err
	}
	return w.closeCommands(o.Getenv)
}

// lend gives a workspace of root's to the user. One that a killed run has not
// given back is given back by this one.
func (w *World) lend(o Options) error {
	fallback, _ := fallbackOf(o.Getenv)
	if w.User.UID != fallback {
		return nil
	}
	if filepath.Dir(w.dir) == w.dir {
		return fmt.Errorf("%s is no workspace", w.dir)
	}
	w.Lent = true
	w.undo(func() error { return give(w.dir, ".", *w.User, User{}) })
	return give(w.dir, ".", User{}, *w.User)
}

// provideHome makes a directory for what tools keep in their user's home, where
// HOME is somebody else's.
func (w *World) provideHome(u User, home string) error {
	if owner, err := ownerOf(home); home != "" && err == nil && owner.UID == u.UID {
		return nil
	}
	dir, err := os.MkdirTemp("", "pandastack-home-")
	if err != nil {
		return err
	}
	w.home = dir
	w.undo(func() error { return os.RemoveAll(dir) })
	if w.User == nil {
		return nil
	}
	return os.Chown(dir, u.UID, u.GID)
}

// closeCommands takes the runner's files, by which a step sets variables, the
// PATH and outputs of the job, from the user, who owns them on hosted runners.
// They are also below RUNNER_TEMP, whose owner could put another directory in
// their place: until Leave it is like /tmp.
func (w *World) closeCommands(getenv func(string) string) error {
	var dirs []string
	for _, name := range []string{"GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"} {
		if file := getenv(name); filepath.IsAbs(file) && !slices.Contains(dirs, filepath.Dir(file)) {
			dirs = append(dirs, filepath.Dir(file))
		}
	}
	for _, dir := range dirs {
		if err := w.keep(dir, 0o700); err != nil {
			return err
		}
	}
	temp := getenv("RUNNER_TEMP")
	if temp == "" {
		return nil
	}
	commands := filepath.Join(temp, "_runner_file_commands")
	if _, err := os.Lstat(commands); err != nil {
		return nil
	}
	if err := w.keep(commands, 0o700); err != nil {
		return err
	}
	return w.keep(temp, os.ModeSticky|0o777)
}

// keep makes a directory root's, with another mode, until Leave.
func (w *World) keep(dir string, mode os.FileMode) error {
	info, err := os.Stat(dir)
	if err != nil {
		return nil // what is not there cannot be reached
	}
	if inside(w.dir, dir) {
		return nil // the workspace is for the build to change
	}
	owner, err := ownerOf(dir)
	if err != nil {
		return err
	}
	was := info.Mode() & (os.ModePerm | os.ModeSticky | os.ModeSetgid | os.ModeSetuid)
	w.undo(func() error { return errors.Join(os.Chmod(dir, was), os.Chown(dir, owner.UID, owner.GID)) })
	return errors.Join(os.Chown(dir, 0, -1), os.Chmod(dir, mode))
}

func inside(dir, name string) bool {
	rel, err := filepath.Rel(dir, name)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

func (w *World) undo(f func() error) { w.undos = append(w.undos, f) }

// Made says that we are about to write below a directory, for example a local
// storage: where it is in the workspace, it is the owner's after Leave, with
// the directories above it that are not there yet.
func (w *World) Made(dir string) {
	if w.User == nil || w.Lent || !inside(w.dir, dir) {
		return
	}
	for up := filepath.Dir(dir); inside(w.dir, up) && !exists(up); up = filepath.Dir(up) {
		dir = up
	}
	w.mine = append(w.mine, dir)
}

// Within reports whether a name in the workspace still leads into it. A build
// may have put links in the place of directories, and they would lead us to
// files that are closed to it: what is read there would be published, and what
// is written there changed. It holds from the end of the build on, when nobody
// puts anything there any more. Names elsewhere are nobody else's choice, and
// where commands run as we do, there is nothing that is closed to them.
func (w *World) Within(name string) bool {
	if w.User == nil || !inside(w.dir, name) {
		return true
	}
	top, err := filepath.EvalSymlinks(w.dir)
	if err != nil {
		return false
	}
	for ; inside(w.dir, name); name = filepath.Dir(name) {
		if exists(name) {
			real, err := filepath.EvalSymlinks(name)
			return err == nil && inside(top, real)
		}
	}
	return false
}

// Above returns a directory above a file that is the one that was meant: in the
// workspace of another user, who may have put links to anywhere in it, the
// workspace itself.
func (w *World) Above(file string) string {
	if w.User != nil && inside(w.dir, file) {
		return w.dir
	}
	return filepath.Dir(file)
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// Environ returns an environment with the home that the user has.
func (w *World) Environ(env []string) []string {
	if w.home == "" {
		return env
	}
	return append(env[:len(env):len(env)], "HOME="+w.home)
}

// Leave puts everything back as it was. It must come when no command runs any
// more. More than once, it does nothing.
func (w *World) Leave() error {
	var errs []error
	for _, dir := range w.mine {
		rel, err := filepath.Rel(w.dir, dir)
		if err == nil {
			err = give(w.dir, rel, User{}, *w.User)
		}
		errs = append(errs, err)
	}
	for i := len(w.undos) - 1; i >= 0; i-- {
		errs = append(errs, w.undos[i]())
	}
	w.mine, w.undos = nil, nil
	return errors.Join(errs...)
}
