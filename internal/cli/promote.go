package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pandastack-io/pandastack/internal/ci"
	"github.com/pandastack-io/pandastack/internal/deploy"
	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
)

func (a *app) promoteCommand() *cobra.Command {
	var from, release string
	short := "Publish what is live in another environment, byte for byte; build and upload nothing"
	cmd := &cobra.Command{
		Use: "promote --from ENVIRONMENT", Short: short,
		Long: short + ".\nThe site is that of --environment, or of the file without a block. The headers are those of its own rules.\n" +
			"Flags, inputs and variables hold for both environments.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" {
				return &usageError{msg: "promote needs --from", hint: "Write the environment whose release is to be published, for example --from staging."}
			}
			s, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.promote(cmd.Context(), s, from, release)
		},
	}
	a.addFlags(cmd, promoteFlags)
	cmd.Flags().StringVar(&from, "from", "", "the environment whose release is published")
	cmd.Flags().StringVar(&release, "release", "", "a release of that environment, by its id, the beginning of its id, previous, or live~2; without it, the one that is live there until the end")
	cmd.Flags().BoolVar(&a.full, "full", false, "list every change of a dry run")
	return cmd
}

// promote publishes a release of another environment.
func (a *app) promote(ctx context.Context, s *settings, from, release string) error {
	preview := s.on("dry-run")
	t, err := a.open(ctx, s)
	if err != nil {
		return err
	}
	p, err := a.promotion(ctx, s, t, from)
	if err != nil {
		return err
	}
	p.Release = release
	r, err := a.begin(ctx, s, t, preview)
	if err != nil {
		return err
	}
	if preview {
		planned, err := r.PreviewPromote(ctx, p)
		if err == nil {
			a.sink.Emit(planned)
		}
		return err
	}
	if err := t.keepOutOfGit(s.root); err != nil {
		return err
	}
	fin, err := r.Promote(ctx, p)
	return a.finish(ctx, s, t, r, fin, err, true)
}

// promotion says from where t is to be published: the other environment is
// resolved from the same layers. What it costs there counts, too.
func (a *app) promotion(ctx context.Context, s *settings, t *target, from string) (deploy.Promotion, error) {
	res, err := s.In(from, "from")
	if err != nil {
		return deploy.Promotion{}, err
	}
	other := &settings{Resolved: res, file: s.file, root: s.root}
	source, err := a.open(ctx, other)
	if err != nil {
		return deploy.Promotion{}, err
	}
	if t.same(source) {
		return deploy.Promotion{}, &usageError{
			msg:  fmt.Sprintf("%s is published to the same place, %s: there is nothing to promote", from, t.name),
			hint: "Choose the other environment with --environment; flags, inputs and variables that name a place hold for both.",
		}
	}
	t.meters = append(t.meters, source.meters...)
	rules, err := site.NewHeaderSet(headerRules(s))
	if err != nil {
		return deploy.Promotion{}, err
	}
	theirs, err := site.NewHeaderSet(headerRules(other))
	if err != nil {
		return deploy.Promotion{}, err
	}
	return deploy.Promotion{
		From: from, Site: source.site, Live: source.live, State: source.state,
		Headers: rules, FromHeaders: theirs, Order: a.orderOf(ctx, s),
	}, nil
}

// orderOf compares what came from another environment with the newest that the
// site has seen: by its commit, and else by this run.
func (a *app) orderOf(ctx context.Context, s *settings) func(context.Context, state.Source, state.Mark) deploy.Order {
	who, ask := ci.Complete(ctx, a.run, s.root), a.ask(s)
	return func(ctx context.Context, source state.Source, m state.Mark) deploy.Order {
		who := who
		who.Repository, who.Commit = source.Repository, source.Commit
		return order(who, s, ask)(ctx, m)
	}
}
