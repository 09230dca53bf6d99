package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pandastack-io/pandastack/internal/deploy"
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
	a.addFlags(cmd, unlockFlags)
	return cmd
}

func (a *app) unlock(ctx context.Context, s *settings, id string) error {
	r, _, err := a.connect(ctx, s, true)
	if err != nil {
		return err
	}
	if id != "" {
		if err := r.Unlock(ctx, id); err != nil {
			return err
		}
		_, err := fmt.Fprintln(a.Stdout.W, "Unlocked. The next deploy reads what that one may have touched.")
		return err
	}
	busy, err := r.Lock(ctx)
	if errors.Is(err, deploy.ErrNotLocked) {
		_, err := fmt.Fprintln(a.Stdout.W, "Nobody is deploying this site.")
		return err
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Stdout.W, "%s\nTo end its claim: pandastack unlock %s\n", &deploy.LockedError{Busy: busy}, busy.Target)
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
