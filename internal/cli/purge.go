package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pandastack-io/pandastack/internal/deploy"
	"github.com/pandastack-io/pandastack/internal/event"
)

func (a *app) purgeCommand() *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use: "purge [PATH…]", Short: "Do what earlier deploys still owe to CDNs; or purge paths, or with --all the whole site, by hand",
		Args: func(_ *cobra.Command, args []string) error { return checkPurged(args, all) },
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.purge(cmd.Context(), s, args, all)
		},
	}
	a.addFlags(cmd, purgeFlags)
	cmd.Flags().BoolVar(&all, "all", false, "purge the whole site at every CDN")
	return cmd
}

// checkPurged refuses what would be acknowledged and purge nothing: a URL, taken
// for a path, is one that nobody asks for.
func checkPurged(paths []string, all bool) error {
	if all && len(paths) > 0 {
		return &usageError{msg: "purge takes paths or --all, not both", hint: "--all purges these paths, too."}
	}
	for _, p := range paths {
		if strings.Contains(p, "://") {
			return &usageError{msg: fmt.Sprintf("purge takes paths of the site, and %q is a URL", p), hint: "Write /docs/, or the file, docs/index.html: it is purged on all hosts of the site."}
		}
	}
	return nil
}

// purge pays what is owed, or purges by hand.
func (a *app) purge(ctx context.Context, s *settings, paths []string, all bool) error {
	r, _, err := a.connect(ctx, s, s.on("dry-run"))
	if err != nil {
		return err
	}
	byHand := all || len(paths) > 0
	if s.on("dry-run") {
		preview := r.PreviewPay
		if byHand {
			preview = func(ctx context.Context) (event.Planned, error) { return r.PreviewPurgeByHand(ctx, paths) }
		}
		p, err := preview(ctx)
		if err == nil {
			a.sink.Emit(p)
		}
		return err
	}
	pay := r.Pay
	if byHand {
		pay = func(ctx context.Context) (event.Finished, error) { return r.PurgeByHand(ctx, paths) }
	}
	fin, err := pay(ctx)
	if err != nil && !errors.Is(err, deploy.ErrOwed) {
		return err
	}
	a.sink.Emit(fin)
	return err
}
