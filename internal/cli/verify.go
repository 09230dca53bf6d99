package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/pandastack-io/pandastack/internal/deploy"
)

// errDamaged makes verify end with its own exit code.
var errDamaged = errors.New("the bucket is not as its records say")

func (a *app) verifyCommand() *cobra.Command {
	var deep, repair bool
	cmd := &cobra.Command{
		Use: "verify", Short: "Compare the bucket with the live release, and say what is wrong and what would mend it", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.load(cmd)
			if err != nil {
				return err
			}
			if repair {
				return a.repair(cmd.Context(), s, deep)
			}
			return a.verify(cmd.Context(), s, deep)
		},
	}
	a.addFlags(cmd, verifyFlags)
	cmd.Flags().BoolVar(&deep, "deep", false, "read every byte, and compare digests and headers")
	cmd.Flags().BoolVar(&repair, "repair", false, "mend what can be mended from the bucket")
	cmd.Flags().BoolVar(&a.full, "full", false, "list every finding")
	return cmd
}

// verify shows how the bucket compares with its records. It writes nothing.
func (a *app) verify(ctx context.Context, s *settings, deep bool) error {
	r, _, err := a.connect(ctx, s, true)
	if err != nil {
		return err
	}
	v, err := r.Verify(ctx, deep)
	if err != nil {
		return err
	}
	a.sink.Emit(v)
	if !v.Sound {
		return errDamaged
	}
	return nil
}

// repair mends what can be mended.
func (a *app) repair(ctx context.Context, s *settings, deep bool) error {
	r, _, err := a.connect(ctx, s, false)
	if err != nil {
		return err
	}
	fin, err := r.Repair(ctx, deep)
	if err != nil && !errors.Is(err, deploy.ErrOwed) && !is[*deploy.UnmendedError](err) {
		return err
	}
	a.sink.Emit(fin)
	return err
}
