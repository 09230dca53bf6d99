package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pandastack-io/pandastack/internal/build"
	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/ci"
	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/internal/deploy"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/framework"
	"github.com/pandastack-io/pandastack/internal/history"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/report"
	"github.com/pandastack-io/pandastack/internal/role"
	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/providers/s3"
)

// Exit codes. docs/exit-codes.md describes them to users.
const (
	exitOK          = 0
	exitFailed      = 1   // the live site is as it was
	exitUsage       = 2   // usage or configuration
	exitOwed        = 3   // live, but the next run still has something to do
	exitGuard       = 4   // a guard refused
	exitPartial     = 5   // partly changed, listed
	exitUnproved    = 6   // live, or rolled back: visitors did not get the release
	exitNotFound    = 10  // no such bucket, release or path
	exitLocked      = 11  // another deploy holds the site
	exitDenied      = 12  // credentials refused
	exitChanges     = 20  // plan or diff --exit-code found changes
	exitDamaged     = 21  // verify found damage
	exitInterrupted = 130 // by a signal
)

// report prints an error that ended the run, and returns the exit code.
func (a *app) report(ctx context.Context, ran *cobra.Command, err error) int {
	code, result := exitCode(ctx, err), resultOf(ctx, err)
	said := err == nil || errors.Is(err, errChanges) || errors.Is(err, errDamaged)
	if a.step && result == report.Superseded {
		return a.superseded(ran, a.messages(ctx, err)[0])
	}
	if !said {
		for _, m := range a.messages(ctx, err) {
			a.sink.Emit(m)
		}
	}
	a.conclude(ran, code, result)
	if err := a.sink.Close(); err != nil && code == exitOK {
		return exitFailed // what was to be shown could not be written
	}
	return code
}

// superseded ends a step of the Action that a newer deploy has superseded: it
// is green, an output says why, and so does an annotation.
func (a *app) superseded(ran *cobra.Command, m event.Message) int {
	m.Severity = event.Notice
	a.record.Emit(m)
	a.conclude(ran, exitLocked, report.Superseded)
	if err := errors.Join(a.sink.Close(), a.actions.Annotate(m)); err != nil {
		return exitFailed
	}
	return exitOK
}

// resultOf returns the word for how a run ended.
func resultOf(ctx context.Context, err error) report.Result {
	code := exitCode(ctx, err)
	if code == exitLocked && is[*deploy.SupersededError](err) {
		return report.Superseded
	}
	return results[code]
}

// results are the words for the exit codes.
var results = map[int]report.Result{
	exitOK: report.Done, exitFailed: report.Failed, exitUsage: report.Invalid, exitOwed: report.Owed, exitGuard: report.Refused,
	exitPartial: report.Partial, exitUnproved: report.Unproved, exitNotFound: report.NotFound, exitLocked: report.Locked,
	exitDenied: report.Denied, exitChanges: report.Changes, exitDamaged: report.Damaged, exitInterrupted: report.Interrupted,
}

// exitCode returns the exit code for an error.
func exitCode(ctx context.Context, err error) int {
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil {
		return exitInterrupted
	}
	for _, c := range []struct {
		match bool
		code  int
	}{
		{errors.Is(err, errChanges), exitChanges},
		{errors.Is(err, errDamaged), exitDamaged},
		{is[*deploy.UnmendedError](err), exitDamaged},
		{is[*unprovedError](err), exitUnproved},
		{errors.Is(err, deploy.ErrOwed), exitOwed},
		{errors.Is(err, deploy.ErrUncollected), exitOwed},
		{is[*deploy.PartialError](err), exitPartial},
		{is[*usageError](err), exitUsage},
		// Also where it is the configuration that lacks them.
		{errors.Is(err, cdn.ErrDenied), exitDenied},
		{errors.Is(err, storage.ErrCredentials), exitDenied},
		{errors.Is(err, ci.ErrNoIdentity), exitDenied},
		{is[*role.Error](err), exitDenied},
		{errors.Is(err, framework.ErrUnknown), exitUsage},
		{errors.Is(err, deploy.ErrNoPurge), exitUsage},
		{is[*config.Error](err), exitUsage},
		{is[*site.PatternError](err), exitUsage},
		{is[*s3.OptionError](err), exitUsage},
		{errors.Is(err, storage.ErrWrongRegion), exitUsage},
		{is[*site.OutputError](err), exitGuard},
		{is[*site.RefusedError](err), exitGuard},
		{is[*deploy.LivePathError](err), exitGuard},
		{is[*deploy.TooManyError](err), exitGuard},
		{is[*plan.CollisionError](err), exitGuard},
		{is[*plan.GuardError](err), exitGuard},
		{is[*deploy.ForeignError](err), exitGuard},
		{is[*deploy.NestedError](err), exitGuard},
		{is[*deploy.RefusedError](err), exitGuard},
		{errors.Is(err, deploy.ErrUnfit), exitGuard},
		{is[*state.ForeignError](err), exitGuard},
		{is[*state.NewerError](err), exitGuard},
		{is[*deploy.LockedError](err), exitLocked},
		{is[*deploy.SupersededError](err), exitLocked},
		{is[*deploy.SourceMovedError](err), exitLocked},
		{errors.Is(err, deploy.ErrLost), exitLocked},
		{errors.Is(err, storage.ErrNoBucket), exitNotFound},
		{errors.Is(err, state.ErrNoRelease), exitNotFound},
		{errors.Is(err, history.ErrMissing), exitNotFound},
		{is[*history.PathError](err), exitNotFound},
		{errors.Is(err, storage.ErrDenied), exitDenied},
	} {
		if c.match {
			return c.code
		}
	}
	return exitFailed
}

// is reports whether err holds an error of type T.
func is[T error](err error) bool {
	var t T
	return errors.As(err, &t)
}

// messages returns what to tell a person about an error that ended the run.
func (a *app) messages(ctx context.Context, err error) []event.Message {
	var problems config.Errors
	if errors.As(err, &problems) {
		var out []event.Message
		for _, p := range problems {
			out = append(out, problem(p))
		}
		return out
	}
	var single *config.Error
	if errors.As(err, &single) {
		return []event.Message{problem(single)}
	}
	if ctx.Err() != nil {
		return []event.Message{interrupted(err)}
	}
	var broken plan.GuardErrors
	if errors.As(err, &broken) {
		var out []event.Message
		for _, g := range broken {
			out = append(out, a.guarded(g))
		}
		return out
	}
	var out []event.Message
	for _, e := range apart(err) {
		out = append(out, event.Message{Severity: event.Error, Text: e.Error(), Hint: hint(e)})
	}
	return out
}

// apart returns the failures of several CDNs, of which each has its own words and
// hint; else err alone.
func apart(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || slices.ContainsFunc(joined.Unwrap(), func(e error) bool { return !is[*cdn.Error](e) }) {
		return []error{err}
	}
	return joined.Unwrap()
}

// guarded says which guard refused, at the limit in the file, or at the file
// where the limit is the default.
func (a *app) guarded(g *plan.GuardError) event.Message {
	m := event.Message{Severity: event.Error, Text: g.Error(), Hint: g.Hint()}
	if a.settings == nil {
		return m
	}
	o := a.settings.Error(g.Setting, "", "")
	if o.File == "" {
		o = a.settings.Error("", "", "")
	}
	m.File, m.Line, m.Column = o.File, o.Line, o.Column
	return m
}

func problem(p *config.Error) event.Message {
	text := p.Msg
	if p.File == "" && p.Source != "" {
		text = p.Source + ": " + text
	}
	return event.Message{Severity: event.Error, Text: text, Hint: p.Hint, File: p.File, Line: p.Line, Column: p.Column}
}

// interrupted says what an interrupt left behind.
func interrupted(err error) event.Message {
	m := event.Message{Severity: event.Error, Text: "interrupted; the live site is as it was"}
	var partial *deploy.PartialError
	switch {
	case errors.Is(err, errProofInterrupted), is[*unprovedError](err):
		m.Text, m.Hint = "interrupted: "+err.Error(), hint(err)
	case errors.Is(err, deploy.ErrOwed):
		m.Text, m.Hint = "interrupted after the commit: "+err.Error(), hint(err)
	case errors.As(err, &partial): // the signal's own name says no more
		m.Text, m.Hint = (&deploy.PartialError{Paths: partial.Paths, Err: errors.New("interrupted")}).Error(), hint(err)
	}
	return m
}

// adoptable reports whether a deploy with --adopt would go on.
func adoptable(err error) bool {
	var foreign *deploy.ForeignError
	return errors.As(err, &foreign) && !foreign.Changed
}

// hint says what to do about an error. Some know it themselves.
func hint(err error) string {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) && hinted.Hint() != "" {
		return hinted.Hint()
	}
	if text := cmp.Or(roleHint(err), keyHint(err)); text != "" {
		return text
	}
	var purge *cdn.Error
	if errors.As(err, &purge) && purge.Hint != "" {
		return purge.Hint
	}
	for _, h := range []struct {
		match bool
		text  string
	}{
		{errors.Is(err, deploy.ErrUnfinished), "Run pandastack: it makes the site whole, and purges what changed."},
		{errors.Is(err, deploy.ErrNoPurge), "Add \"cdn\" and \"siteUrl\" to the file; docs/configuration.md has an example for each."},
		{is[*deploy.UnmendedError](err), "Run pandastack deploy: it uploads what the live release lacks."},
		{errors.Is(err, deploy.ErrUncollected), "Run pandastack gc again: it lists the state and removes what is left."},
		{is[*deploy.TooManyError](err), "Nothing was erased: add --keep 0, or a small number, so that the releases that have them go, too; else erase fewer."},
		{is[*deploy.LivePathError](err), "Take it out of the output, deploy, and run gc --forget again."},
		{errors.Is(err, deploy.ErrOwed), "Run pandastack again: it does what is left, and uploads nothing that is there."},
		{is[*deploy.PartialError](err), "Run pandastack again: it reads what was touched and makes the site whole."},
		{is[*deploy.LockedError](err), "Wait until it is done and run pandastack again; where it was killed, pandastack unlock shows how to end its claim."},
		{is[*deploy.SupersededError](err), "Nothing was published. To publish this version all the same, use --force."},
		{errors.Is(err, state.ErrNothing), "Deploy the site first; where it is live, check --environment, storage.bucket and storage.prefix."},
		{errors.Is(err, state.ErrNoRelease), "pandastack releases lists those that are kept; releases.keep and releases.keepFor say which."},
		{errors.Is(err, history.ErrMissing), "Something else removed it: put it back, for example from the bucket's versions."},
		{is[*history.PathError](err), "Write the path as it is in the output, for example docs/index.html. What only older releases had is known no more."},
		{is[*deploy.SourceMovedError](err), "Nothing was published. Run pandastack promote again for what is live there now, or name a release with --release."},
		{is[*deploy.SourceChangedError](err), "Nothing was published. Look at that site with pandastack verify --environment, and run pandastack promote again when it is whole."},
		{is[*deploy.MissingError](err), "Deploy that version again: its commit is in the record of the release."},
		{errors.Is(err, deploy.ErrLost), "Run pandastack again to publish this version."},
		{adoptable(err), "Nothing that no release put there is overwritten: run once with --adopt to take over what lies at paths of the output, or remove it from the bucket, or set storage.prefix to a place that is this site's alone."},
		{is[*deploy.NestedError](err), "A site inside another's prefix is that site's alone: leave these files out with \"ignore\", or give one of the two another storage.prefix."},
		{is[*deploy.ForeignError](err), "Nothing that no release put there is overwritten: remove it from the bucket, or set storage.prefix to a place that is this site's alone."},
		{is[*deploy.RefusedError](err), "Shorten or rename it, or leave it out with \"ignore\"; nothing was published."},
		{errors.Is(err, storage.ErrInvalidKey), "Rename it, or leave it out with \"ignore\"; where the live release is in its way, deploy once without it."},
		{errors.Is(err, storage.ErrUnsupported), "The storage does not know what it was asked for: check storage.acl, storage.sse and storage.kmsKeyId."},
		{is[*plan.CollisionError](err), "Rename one of them; where the live release has it, deploy once without the other; where it is retired, first deploy another change with releases.retainAssets 0."},
		{errors.Is(err, storage.ErrNoBucket), "Create the bucket, or correct storage.bucket, storage.region and storage.endpoint."},
		{errors.Is(err, storage.ErrCredentials), "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the inputs of the same names, to a valid key of the storage provider."},
		// Before ErrDenied: a directory has no key.
		{errors.Is(err, fs.ErrPermission), "Let the user who runs pandastack read and write there."},
		{errors.Is(err, storage.ErrDenied), "Give the key the permissions that docs/hosting.md lists for the provider."},
		{errors.Is(err, storage.ErrWrongRegion), "Correct storage.region, or the input region."},
		{errors.Is(err, storage.ErrUnreachable), "Check storage.endpoint and the network."},
		{errors.Is(err, storage.ErrModified), "Nothing may write to the output while it is published: run pandastack again when the build is done."},
		{errors.Is(err, deploy.ErrUnfit), "Look for what stands between pandastack and the storage and changes answers, such as a proxy that compresses; else use another storage. Nothing was published."},
		{is[*state.NewerError](err), "Use the version of pandastack that wrote it, or a later one."},
		{is[*state.CorruptError](err), "Run pandastack verify: it says what is damaged, and with --repair mends it."},
		{is[*state.ForeignError](err), "Give each site a storage.prefix, or storage.statePrefix, of its own."},
		{is[*build.Error](err), "Nothing was published."},
		{errors.Is(err, framework.ErrUnknown), "Write pandastack.json by hand: docs/configuration.md describes each field."},
	} {
		if h.match {
			return h.text
		}
	}
	return ""
}
