package cli

import (
	"context"

	"github.com/pandastack-io/pandastack/internal/build"
	"github.com/pandastack-io/pandastack/internal/ci"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/isolation"
)

// enter prepares the world in which the site's commands run. Where nothing is
// built, it only says whose our own files shall be. It is entered once.
func (a *app) enter(s *settings, build bool) {
	if a.world != nil {
		return
	}
	a.world, a.exposed = isolation.Enter(isolation.Options{Dir: repository(s.root), Getenv: a.Getenv, Build: build && s.builds()})
}

// introduce says what the site's commands can reach that they should not, and
// what they borrow.
func (a *app) introduce(ctx context.Context, s *settings) {
	if a.exposed != nil {
		a.say(event.Warning, "the build can reach all that is in the container: "+a.exposed.Error(),
			"Let the workspace belong to another user than root, or start the container without --cap-drop and --read-only.")
	}
	if a.world.Lent {
		a.say(event.Notice, "the workspace belongs to root: while the build runs, it belongs to a user without rights", "")
	}
	if a.actions != nil && s.builds() && ci.TokenInCheckout(ctx, s.root) {
		a.say(event.Warning, "the checkout has left the job's token in .git, where the build can read it",
			"Add to the step of actions/checkout: with: {persist-credentials: false}.")
	}
}

// leave puts back what enter has changed.
func (a *app) leave() {
	if a.world == nil {
		return
	}
	if a.world.User != nil {
		if err := build.EndStragglers(); err != nil {
			a.say(event.Warning, err.Error()+": they may reach the runner's files", "Do not trust the rest of the job.")
		}
	}
	if err := a.world.Leave(); err != nil {
		a.say(event.Warning, "some files do not have their owner back: "+err.Error(), "Give them back with chown.")
	}
}

// builds reports whether commands of the site's are run.
func (s *settings) builds() bool {
	install, _ := s.Setting("install")
	return s.on("build") && (s.Config.BuildCommand != "" || s.Config.InstallCommand != nil || install == "always")
}
