package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/history"
	"github.com/pandastack-io/pandastack/internal/state"
)

// defaultLimit is how many releases are listed unless told otherwise: a
// screen of them.
const defaultLimit = 20

// names says in help how a release is named.
const names = "\n\nA release is named by its id, the beginning of its id, live, previous, or live~2 for the second before the live one."

func (a *app) releasesCommand() *cobra.Command {
	limit := defaultLimit
	cmd := &cobra.Command{
		Use: "releases", Short: "List the releases of the site that are kept, newest first", Args: noArgs,
		RunE: a.reading(func(ctx context.Context, l *past, _ []string) error {
			if limit < 0 {
				return &usageError{msg: fmt.Sprintf("flag --limit: %d is negative", limit), hint: "Write 0 for all."}
			}
			return a.releases(ctx, l, limit)
		}),
	}
	a.addFlags(cmd, nil)
	cmd.Flags().IntVar(&limit, "limit", limit, "how many are listed; 0 for all")
	return cmd
}

func (a *app) showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show [RELEASE]", Short: "Show one release, by default the live one: who, when, and what changed",
		Long: "Show one release, by default the live one: who, when, and what changed." + names,
		Args: atMost(1), ValidArgsFunction: a.completeReleases(1),
		RunE: a.reading(func(ctx context.Context, l *past, args []string) error { return a.show(ctx, l, first(args)) }),
	}
	a.addFlags(cmd, nil)
	cmd.Flags().BoolVar(&a.full, "full", false, "list every change")
	return cmd
}

func (a *app) diffCommand() *cobra.Command {
	var exitCode bool
	short := "Compare two releases; one with the live one; or the live one with the output as it is, without a build"
	cmd := &cobra.Command{
		Use: "diff [FROM [TO]]", Short: short, Long: short + "." + names,
		Args: atMost(2), ValidArgsFunction: a.completeReleases(2),
		RunE: a.reading(func(ctx context.Context, l *past, args []string) error { return a.diff(ctx, l, args, exitCode) }),
	}
	a.addFlags(cmd, nil)
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, fmt.Sprintf("exit with %d where there are changes", exitChanges))
	cmd.Flags().BoolVar(&a.full, "full", false, "list every change")
	return cmd
}

func (a *app) blameCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "blame PATH…", Short: "Show which release last changed a file, live or removed, or each live file of a glob such as 'docs/**'",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{msg: "blame needs a path", hint: "Write it as it is in the output, for example docs/index.html."}
			}
			return nil
		},
		RunE: a.reading(a.blame),
	}
	a.addFlags(cmd, nil)
	return cmd
}

// past is the history of the site that a command reads.
type past struct {
	*history.Log
	settings *settings
	target   *target
}

// reading returns the way of a command that reads the history.
func (a *app) reading(run func(context.Context, *past, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		l, err := a.past(cmd)
		if err != nil {
			return err
		}
		if len(l.IDs()) == 0 {
			a.sayFirst(deploying(l))
			return state.ErrNothing
		}
		return run(cmd.Context(), l, args)
	}
}

// sayFirst says who makes the first release of the site; nil: nobody.
func (a *app) sayFirst(d *event.Deploying) {
	switch {
	case d == nil:
	case d.Expired:
		a.say(event.Notice, "the first deploy did not finish: "+d.Owner, "")
	default:
		a.say(event.Notice, "the first deploy is running: "+d.Owner, "")
	}
}

// past opens the history of the site.
func (a *app) past(cmd *cobra.Command) (*past, error) {
	s, err := a.load(cmd)
	if err != nil {
		return nil, err
	}
	t, err := a.open(cmd.Context(), s)
	if err != nil {
		return nil, err
	}
	l, err := history.Open(cmd.Context(), history.Options{Site: t.site, Target: t.name, State: t.state})
	return &past{l, s, t}, err
}

func (a *app) releases(ctx context.Context, l *past, limit int) error {
	list, err := l.List(ctx, limit)
	if err != nil {
		return err
	}
	e := event.Releases{Target: l.target.name, Releases: []event.Listed{}, More: len(l.IDs()) - len(list), Deploying: deploying(l)}
	for _, s := range list {
		e.Releases = append(e.Releases, l.listed(s))
	}
	a.sink.Emit(e)
	if list[0].Err != nil {
		return fmt.Errorf("the live release names all others: %w", list[0].Err)
	}
	return nil
}

// largest is how many of the largest files of a release are shown.
const largest = 5

func (a *app) show(ctx context.Context, l *past, name string) error {
	id, err := l.find(name)
	if err != nil {
		return err
	}
	d, err := l.Show(ctx, id)
	if err != nil {
		return err
	}
	e := event.Shown{Target: l.target.name, Largest: []event.File{}, Listed: event.Listed{
		Release: l.release(*d.Release), Files: len(d.Objects), Bytes: history.Bytes(d.Objects),
	}}
	_, e.Erased = l.Remembered(d.Release)
	kept := history.Retains(d.Release)
	e.Retired, e.RetiredBytes, e.RetiredUntil = kept.Files, kept.Bytes, kept.Until
	for _, o := range history.Largest(d.Objects, largest) {
		e.Largest = append(e.Largest, event.File{Path: o.Path, Size: o.Size})
	}
	if d.Unseen != nil {
		e.Unseen = d.Unseen.Error()
	} else {
		e.Listed.Changed, e.Changes = counts(&d.Changed.Counts), changes(d.Changed.Changes, deleted)
	}
	a.sink.Emit(e)
	return nil
}

func (a *app) diff(ctx context.Context, l *past, args []string, exitCode bool) error {
	from, err := l.side(ctx, first(args))
	if err != nil {
		return err
	}
	var to *side
	gone := deleted
	switch len(args) {
	case 0:
		gone = ""
		to, err = a.outputSide(ctx, l)
	case 1:
		to, err = l.side(ctx, "")
	default:
		to, err = l.side(ctx, args[1])
	}
	if err != nil {
		return err
	}
	d, err := history.Compare(from.objects, to.objects)
	if err != nil {
		return err
	}
	a.sink.Emit(event.Compared{Target: l.target.name, From: from.Side, To: to.Side, Changes: changes(d.Changes, gone), Counts: *counts(&d.Counts)})
	if exitCode && len(d.Changes) > 0 {
		return errChanges
	}
	return nil
}

// side is one of two lists of objects that are compared.
type side struct {
	event.Side
	objects []state.Object
}

// side reads a release; without a name, the live one.
func (l *past) side(ctx context.Context, name string) (*side, error) {
	id, err := l.find(name)
	if err != nil {
		return nil, err
	}
	r, err := l.Release(ctx, id)
	if err != nil {
		return nil, err
	}
	return &side{event.Side{
		Release: r.ID, Live: r.ID == l.IDs()[0], Created: r.Created, Files: len(r.Objects), Bytes: history.Bytes(r.Objects),
	}, r.Objects}, nil
}

// outputSide scans the output as the last build left it.
func (a *app) outputSide(ctx context.Context, l *past) (*side, error) {
	files, err := a.scan(ctx, l.settings, l.target)
	if err != nil {
		return nil, err
	}
	objects := make([]state.Object, len(files))
	for i, f := range files {
		objects[i] = state.Object{Path: f.Path, Size: f.Size, SHA256: f.SHA256, Headers: f.Headers}
	}
	return &side{event.Side{
		Output: filepath.ToSlash(l.settings.Config.OutputDir), Files: len(objects), Bytes: history.Bytes(objects),
	}, objects}, nil
}

func (a *app) blame(ctx context.Context, l *past, args []string) error {
	patterns := make([]string, len(args))
	for i, arg := range args {
		patterns[i] = cleanPattern(arg)
	}
	found, lost, err := l.Blame(ctx, patterns...)
	if err != nil {
		return err
	}
	e := event.Blamed{Target: l.target.name, Paths: []event.BlamePath{}}
	for _, b := range found {
		e.Paths = append(e.Paths, l.blamed(b))
	}
	if len(found) > 0 {
		a.sink.Emit(e)
	}
	var errs []error
	for _, p := range lost {
		errs = append(errs, p)
	}
	return errors.Join(errs...)
}

// cleanPattern returns a path or glob as releases have it: relative.
func cleanPattern(arg string) string { return strings.TrimLeft(strings.TrimPrefix(arg, "./"), "/") }

// find returns the id that a name means; without one, the live release's.
func (l *past) find(name string) (string, error) {
	if name == "" {
		return l.IDs()[0], nil
	}
	return l.Find(name)
}

// completeReleases completes the names of so many releases. Without the
// bucket, there is nothing to complete.
func (a *app) completeReleases(most int) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		l, err := a.past(cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		out := []string{"live", "previous"}
		for _, id := range l.IDs() {
			out = append(out, l.Short(id))
		}
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}
