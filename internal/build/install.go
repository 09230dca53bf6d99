package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pandastack-io/pandastack/internal/event"
)

// install brings the site's packages, where the mode and the options want it.
func (r *run) install(ctx context.Context) error {
	custom := r.InstallCommand
	switch {
	case r.Install == Never, custom != nil && *custom == "":
		return nil
	case r.Install == Auto && r.BuildCommand == "" && custom == nil:
		return nil // nothing is built, so nothing is needed
	case custom != nil:
		return r.command(ctx, event.Install, *custom, r.Dir, r.installEnviron())
	}
	p, err := findProject(r.Dir, r.RepoDir)
	if err != nil || p == nil {
		return err
	}
	if err := r.enableCorepack(ctx, p); err != nil {
		return err
	}
	if r.Install == Auto && !r.CI && p.upToDate() {
		r.say(event.Notice, "node_modules is up to date with "+p.lock+": nothing is installed", "--install always installs all the same.")
		return nil
	}
	if p.warning != "" {
		r.say(event.Warning, p.warning, p.advice())
	}
	return r.command(ctx, event.Install, p.command(), p.root, r.installEnviron())
}

// advice is what to do about the project's warning.
func (p *project) advice() string {
	if p.lock == "" {
		return fmt.Sprintf("Commit the lock file that %s writes.", p.manager.name)
	}
	return "Keep the lock file of one package manager and name it in package.json's packageManager."
}

// installEnviron is the environment of the install command. The build needs
// the packages under devDependencies, which npm, pnpm and yarn leave out where
// NODE_ENV says production; the build command itself still sees it.
func (r *run) installEnviron() []string {
	if lookupEnv(r.env, "NODE_ENV") != "production" {
		return r.env
	}
	return withEnv(r.env, "NODE_ENV", "")
}

// enableCorepack puts the pnpm or yarn that packageManager names on the PATH of
// all commands, where corepack is there and the program itself is missing or,
// for yarn 2 and later, likely to be yarn 1, which many images bring.
// https://github.com/nodejs/corepack#readme
func (r *run) enableCorepack(ctx context.Context, p *project) error {
	if !p.pinned || p.manager.name != "pnpm" && p.manager.name != "yarn" {
		return nil
	}
	wrong := p.manager.berry && !p.bringsYarn()
	if lookPath(r.env, p.manager.name) != "" && !wrong || lookPath(r.env, "corepack") == "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "pandastack-corepack-")
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	r.shims = dir
	if r.As != nil {
		if err := os.Chown(dir, r.As.UID, r.As.GID); err != nil {
			return fmt.Errorf("install: %w", err)
		}
	}
	// It asks before it downloads, unless told not to.
	env := withEnv(r.env, "COREPACK_ENABLE_DOWNLOAD_PROMPT", "0")
	line := "corepack enable --install-directory " + quote(dir) + " " + p.manager.name
	lines := newLines(event.Install, r.Sink, r.Secrets)
	state, err := r.shell(ctx, line, r.Dir, env, lines)
	if failure := r.judge(ctx, event.Install, line, lines.tail(), state, err); failure != nil {
		return failure
	}
	r.env = prependPath(env, dir)
	return nil
}

// bringsYarn reports whether the repository holds a yarn of its own, which any
// yarn on the PATH hands over to.
func (p *project) bringsYarn() bool {
	b, err := os.ReadFile(filepath.Join(p.root, ".yarnrc.yml"))
	return err == nil && slices.ContainsFunc(strings.Split(string(b), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "yarnPath:")
	})
}
