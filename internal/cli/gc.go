package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/internal/deploy"
	"github.com/pandastack-io/pandastack/internal/event"
)

// gcFlags are the flags of gc that are no settings, as they were given.
type gcFlags struct {
	keep    int
	keepFor string
	forget  []string
}

func (a *app) gcCommand() *cobra.Command {
	var f gcFlags
	short := "Remove what is no longer kept of former releases; with --forget, erase a file from all history"
	cmd := &cobra.Command{
		Use: "gc", Short: short, Args: noArgs,
		Long: short + `.

Without --keep and --keep-for, releases.keep and releases.keepFor of the file decide which former releases are kept. With
one of the flags, that one alone decides. With both, in the file or as flags, a release is kept where either keeps it.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.load(cmd)
			if err != nil {
				return err
			}
			k, err := f.retention(cmd, s)
			if err != nil {
				return err
			}
			return a.gc(cmd.Context(), s, k, f.paths())
		},
	}
	a.addFlags(cmd, collectFlags)
	cmd.Flags().IntVar(&f.keep, "keep", 0, "how many former releases are kept")
	cmd.Flags().StringVar(&f.keepFor, "keep-for", "", "how long former releases are kept after another one took their place, for example 30d or 12h")
	cmd.Flags().BoolVar(&a.full, "full", false, "list all that is removed")
	cmd.Flags().StringArrayVar(&f.forget, "forget", nil, "a path, or a glob, whose bytes are erased from all history; may be repeated")
	return cmd
}

// retention returns what the flags say is kept, or else the configuration.
func (f *gcFlags) retention(cmd *cobra.Command, s *settings) (deploy.Retention, error) {
	k := deploy.Retention{Keep: f.keep}
	given := cmd.Flags().Changed("keep")
	if f.keep < 0 {
		return k, &usageError{msg: fmt.Sprintf("flag --keep: %d is negative", f.keep), hint: "Write 0 or more."}
	}
	if cmd.Flags().Changed("keep-for") {
		age, err := config.ParseAge(f.keepFor)
		if err != nil {
			return k, &usageError{msg: fmt.Sprintf("flag --keep-for: %q is not a time", f.keepFor), hint: "Write a number with a unit, for example 30d or 12h."}
		}
		k.KeepFor, given = age, true
	}
	if !given {
		k = deploy.Retention{Keep: *s.Config.Releases.Keep, KeepFor: s.KeepFor()}
	}
	return k, nil
}

// paths returns the paths to erase as they are in the output.
func (f *gcFlags) paths() []string {
	out := make([]string, len(f.forget))
	for i, p := range f.forget {
		out[i] = cleanPattern(p)
	}
	return out
}

// gc removes what is not kept, or shows what that would be.
func (a *app) gc(ctx context.Context, s *settings, k deploy.Retention, forget []string) error {
	r, t, err := a.connect(ctx, s, s.on("dry-run"))
	if err != nil {
		return err
	}
	collect := r.GC
	if s.on("dry-run") {
		collect = r.PreviewGC
	}
	e, err := collect(ctx, k, forget...)
	if err != nil && !errors.Is(err, deploy.ErrOwed) && !errors.Is(err, deploy.ErrUncollected) {
		return err
	}
	e.Unreached = unreached(s, t, e.Erased)
	a.sink.Emit(e)
	return err
}

// unreached says where copies of erased bytes may still be.
func unreached(s *settings, t *target, erased []event.Erased) []string {
	var out, stay []string
	var gone *event.Erased
	for i, e := range erased {
		if e.Live == "" {
			gone = &erased[i]
			continue
		}
		stay = append(stay, fmt.Sprintf("%s: the same bytes are live as %s, and stay; take that out of the site, deploy, and run gc --forget again", e.Path, e.Live))
	}
	if gone == nil {
		return stay
	}
	if t.site.Bucket == "" {
		out = append(out, "backups and snapshots of "+t.dir)
	} else {
		bucket := cmp.Or(s.Config.Storage.StateBucket, t.site.Bucket)
		out = append(out,
			"older versions, where the bucket keeps versions: "+listVersions(t.site.Bucket, t.site.Prefix+gone.Path)+" and "+
				listVersions(bucket, statePrefix(s.Config.Storage)+"blobs/"+gone.SHA256)+" list them, aws s3api delete-object with --version-id removes one",
			"replicas and backups of the bucket")
	}
	if len(s.Config.CDN) == 0 {
		out = append(out, "the cache of a CDN in front of the site: none is configured, and none was purged")
	}
	out = append(out, "browsers, search engines and everybody else who has fetched it: replace what was secret in it")
	return append(out, stay...) // there may be many
}

// listVersions returns the command that lists the versions of an object.
func listVersions(bucket, key string) string {
	return "aws s3api list-object-versions --bucket " + shellWord(bucket) + " --prefix " + shellWord(key)
}

// shellWord quotes a word for a POSIX shell where it needs that.
func shellWord(w string) string {
	safe := func(r rune) bool {
		return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_./:@%+=,", r))
	}
	if w != "" && !strings.ContainsFunc(w, func(r rune) bool { return !safe(r) }) {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
