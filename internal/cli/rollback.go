package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pandastack-io/pandastack/internal/deploy"
	"github.com/pandastack-io/pandastack/internal/event"
)

func (a *app) rollbackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rollback [RELEASE]", Short: "Bring an earlier release back, by default the one before the live one; upload nothing",
		Long: "Bring an earlier release back, by default the one before the live one; upload nothing." + names,
		Args: atMost(1), ValidArgsFunction: a.completeReleases(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.rollback(cmd.Context(), s, first(args))
		},
	}
	a.addFlags(cmd, rollbackFlags)
	return cmd
}

func (a *app) rollback(ctx context.Context, s *settings, id string) error {
	r, t, err := a.connect(ctx, s, s.on("dry-run"))
	if err != nil {
		return err
	}
	if s.on("dry-run") {
		p, err := r.PreviewRollback(ctx, id)
		if err == nil {
			a.sink.Emit(p)
		}
		return err
	}
	fin, err := r.Rollback(ctx, id)
	return a.finish(ctx, s, t, r, fin, err, false) // who rolls back has decided
}

func (a *app) unlockCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "unlock [ID]", Short: "Show who is deploying the site; with the id that it shows, end that deploy's claim",
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.unlock(cmd.Context(), s, first(args))
		},
	}
	a.addFlags(cmd, nil)
	return cmd
}

func (a *app) unlock(ctx context.Context, s *settings, id string) error {
	r, _, err := a.connect(ctx, s, true)
	if err != nil {
		return err
	}
	if id != "" {
		err := r.Unlock(ctx, id)
		if errors.Is(err, deploy.ErrNotLocked) { // what was wanted is so already
			return a.tell("Nobody is deploying this site: there is nothing to unlock.", "")
		}
		if err != nil {
			return err
		}
		return a.tell("Unlocked.", "The next deploy reads what that one may have touched.")
	}
	busy, err := r.Lock(ctx)
	if errors.Is(err, deploy.ErrNotLocked) {
		return a.tell("Nobody is deploying this site.", "")
	}
	if err != nil {
		return err
	}
	locked := &deploy.LockedError{Busy: busy}
	return a.tell(locked.Error(), "To end its claim: pandastack unlock "+busy.Target)
}

// tell gives an answer that is a sentence, and what may be done next: lines on
// standard output, or for programs a message. It returns the writer's error.
func (a *app) tell(text, next string) error {
	if a.json {
		a.say(event.Notice, text, next)
		return nil
	}
	if next != "" {
		text += "\n" + next
	}
	_, err := fmt.Fprintln(a.Stdout.W, text)
	return err
}

// atMost refuses more than n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error { return noArgs(cmd, args[min(n, len(args)):]) }
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
