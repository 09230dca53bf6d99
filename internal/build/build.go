// Package build runs the install command and the build command of a site: in
// processes of their own, with the environment less the deploy's credentials,
// their output as events.
package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/isolation"
)

// Mode says when dependencies are installed.
type Mode string

// The modes of installation.
const (
	Auto   Mode = "auto"   // before a build; outside CI only where node_modules is not up to date
	Always Mode = "always" // also where nothing is built
	Never  Mode = "never"
)

// ErrMode says that a word is none of the modes.
var ErrMode = errors.New("not one of auto, always, never")

// ParseMode returns the mode of this name; empty is Auto. Other names are an
// error that wraps ErrMode.
func ParseMode(name string) (Mode, error) {
	switch m := Mode(name); m {
	case "":
		return Auto, nil
	case Auto, Always, Never:
		return m, nil
	}
	return "", fmt.Errorf("install %q: %w", name, ErrMode)
}

// Options say what to run and how.
type Options struct {
	// Dir is rootDir, absolute: where the commands run.
	Dir string
	// RepoDir is Dir or a directory above it, absolute: how far up a
	// workspace's lock file and .nvmrc are looked for. Empty means Dir.
	RepoDir string
	// InstallCommand is run as it is. nil: the package manager's own, by
	// package.json and lock file. Empty: none.
	InstallCommand *string
	// BuildCommand goes to the shell. Empty: nothing is built, and Auto
	// installs nothing.
	BuildCommand string
	Install      Mode // empty means Auto
	// Environ is the whole environment of this process, as os.Environ gives
	// it. Environ decides what of it the commands see.
	Environ []string
	// Secrets are the values of the deploy's secrets: no variable that holds
	// one is passed on, and none is shown in the output.
	Secrets  []string
	BuildEnv map[string]string // added to the environment
	// Timeout bounds install and build together. 0 means no limit.
	Timeout time.Duration
	CI      bool
	// As is whom the commands run as; nil: as we do.
	As   *isolation.User
	Sink event.Sink // nil discards
}

// Run installs the dependencies and runs the build command, as o says. It
// emits PhaseStarted, Output and PhaseDone of event.Install and event.Build,
// and Message for what a person should know. The error of a command that
// failed, timed out or was cancelled is an *Error; after a cancellation it
// wraps the context's error.
func Run(ctx context.Context, o Options) error {
	o, err := o.complete()
	if err != nil {
		return err
	}
	r := &run{Options: o, grace: stopGrace, drain: drainGrace}
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.Timeout, errTimeout)
		defer cancel()
	}
	defer r.cleanUp()
	r.env = r.environ(ctx)
	if err := r.install(ctx); err != nil {
		return err
	}
	if o.BuildCommand == "" {
		return nil
	}
	r.checkNode(ctx)
	return r.command(ctx, event.Build, o.BuildCommand, o.Dir, r.buildEnviron())
}

// complete fills what is optional and refuses what cannot be run.
func (o Options) complete() (Options, error) {
	if o.Sink == nil {
		o.Sink = event.Discard
	}
	mode, err := ParseMode(string(o.Install))
	if err != nil {
		return o, err
	}
	o.Install = mode
	if o.RepoDir == "" {
		o.RepoDir = o.Dir
	}
	for _, dir := range []string{o.Dir, o.RepoDir} {
		if !filepath.IsAbs(dir) {
			return o, fmt.Errorf("build: %q is not an absolute path", dir)
		}
	}
	o.Dir, o.RepoDir = filepath.Clean(o.Dir), filepath.Clean(o.RepoDir)
	st, err := os.Stat(o.Dir)
	if err != nil {
		return o, fmt.Errorf("rootDir: %w", err)
	}
	if !st.IsDir() {
		return o, fmt.Errorf("rootDir: %s is not a directory", o.Dir)
	}
	return o, nil
}

// run is one call of Run.
type run struct {
	Options
	env   []string // of the commands
	shims string   // a temporary directory of package managers, or empty
	grace time.Duration
	drain time.Duration
}

func (r *run) cleanUp() {
	if r.shims != "" {
		_ = os.RemoveAll(r.shims) // lies in the temporary directory
	}
}

func (r *run) say(s event.Severity, text, hint string) {
	r.Sink.Emit(event.Message{Severity: s, Text: text, Hint: hint})
}
