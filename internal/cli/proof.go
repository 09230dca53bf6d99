package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/internal/deploy"
	"github.com/pandastack-io/pandastack/internal/edge"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
)

// errProofInterrupted reports an interrupt while a release that is live was
// looked at.
var errProofInterrupted = errors.New("the release is live; whether visitors get it was not proved")

// unprovedError reports that visitors do not get the release, where that was
// to be a failure.
type unprovedError struct {
	failed, asked int
	harmful       bool  // another release would serve visitors better
	reverted      bool  // the release before it was brought back
	err           error // why it could not be; nil: it was not tried, or it was
}

// Error says how many URLs are wrong, and what is live.
func (e *unprovedError) Error() string {
	text := fmt.Sprintf("%d of %s %s not as released", e.failed, english.Plural(e.asked, "URL", ""), english.PluralWord(e.failed, "is", "are"))
	switch {
	case e.reverted:
		return text + "; the release was rolled back"
	case e.err != nil:
		return text + "; the release is live, and could not be rolled back: " + e.err.Error()
	}
	return text + "; the release is live"
}

// Hint says what to do next.
func (e *unprovedError) Hint() string {
	if e.reverted {
		return "The warnings say what to look at. What was rolled back does not come back by itself: deploy it again with --force."
	}
	return "The warnings say what to look at; pandastack rollback brings the release before it back."
}

// Unwrap returns why the release could not be rolled back.
func (e *unprovedError) Unwrap() error { return e.err }

// finish ends a run that has made a release live, or had nothing to do: it
// looks at the site as visitors do, and shows the receipt. A release that does
// not stand the proof is taken back where that is asked for and revertible.
func (a *app) finish(ctx context.Context, s *settings, t *target, r *deploy.Run, fin event.Finished, err error, revertible bool) error {
	if err != nil && !errors.Is(err, deploy.ErrOwed) {
		return err
	}
	var private sync.WaitGroup
	released := fin // without what the proof adds meanwhile
	private.Go(func() { a.keepPrivate(ctx, s, t, r, released) })
	var unproved *unprovedError
	if err == nil { // what is owed is known not to be done
		fin.Proof, err = a.prove(ctx, s, t, r, fin)
	}
	private.Wait()
	a.sink.Emit(fin)
	if errors.As(err, &unproved) && revertible && unproved.harmful && fin.Parent != "" && s.Config.Proof.Rollback {
		a.revert(ctx, s, fin, unproved)
	}
	return err
}

// prove compares what visitors get with the release. The error is an
// *unprovedError where that is to be a failure, or errProofInterrupted.
func (a *app) prove(ctx context.Context, s *settings, t *target, r *deploy.Run, fin event.Finished) (*event.Proof, error) {
	answers, objects := r.Answers()
	if s.Config.Proof.Mode == "off" || answers == nil || ctx.Err() != nil {
		return nil, nil
	}
	o, err := a.edge(s, t, r)
	if err != nil {
		return nil, err
	}
	started := time.Now()
	a.sink.Emit(event.PhaseStarted{Phase: event.Prove, Detail: s.Config.SiteURL})
	rep := edge.Prove(ctx, o, edge.Sample(compared(answers), objects, s.Config.Purge.NotFound, *s.Config.Proof.URLs))
	failed := rep.Failed()
	if len(failed) > 0 && ctx.Err() == nil {
		if overtaken, err := r.Overtaken(ctx); err == nil && overtaken {
			a.say(event.Notice, "another deploy began while the site was looked at: its own proof counts", "")
			return nil, nil
		}
	}
	p := proof(rep, time.Since(started))
	a.sink.Emit(event.PhaseDone{Phase: event.Prove, Elapsed: p.Elapsed, Detail: fmt.Sprintf("%d of %s as released", p.Proved, english.Plural(len(p.URLs), "URL", ""))})
	if ctx.Err() != nil {
		return p, errProofInterrupted
	}
	for _, m := range proofMessages(rep, len(s.Config.CDN) > 0) {
		a.sink.Emit(m)
	}
	if len(failed) == 0 || s.Config.Proof.Mode != "strict" {
		return p, nil
	}
	e := &unprovedError{failed: len(failed), asked: len(rep.Results)}
	for _, f := range failed {
		e.harmful = e.harmful || f.Harmful()
	}
	return p, e
}

// edge says how the site is looked at.
func (a *app) edge(s *settings, t *target, r *deploy.Run) (edge.Options, error) {
	base, err := s.baseURL()
	o := edge.Options{
		Base: base, UserAgent: "pandastack/" + Version() + " (+https://github.com/pandastack-io/pandastack)",
		Timeout: s.ProofTimeout(),
		Stored: func(ctx context.Context, o *state.Object, live bool) (io.ReadCloser, error) {
			store, key := t.state, state.BlobKey(o.SHA256)
			if live {
				store, key = t.live, o.Path
			}
			obj, err := store.Get(ctx, key)
			if err != nil {
				return nil, err
			}
			return obj.Body, nil
		},
	}
	if len(s.Config.CDN) > 0 {
		o.Purge = r.PurgeAgain
	}
	return o, err
}

// compared are the answers of a deploy, as package edge compares them.
func compared(answers []deploy.Answer) []edge.Change {
	out := make([]edge.Change, len(answers))
	for i, a := range answers {
		out[i] = edge.Change(a)
	}
	return out
}

// proof is what the receipt has of a report.
func proof(rep edge.Report, elapsed time.Duration) *event.Proof {
	p := &event.Proof{URLs: []event.ProvedURL{}, Purges: rep.Purges, Elapsed: elapsed}
	for _, r := range rep.Results {
		if r.Kind == edge.Proved {
			p.Proved++
		}
		p.URLs = append(p.URLs, event.ProvedURL{
			URL: r.URL, Path: r.Path, Removed: r.Removed, Result: string(r.Kind), Detail: r.Detail, CacheControl: r.CacheControl, Attempts: r.Attempts,
		})
	}
	return p
}

// revert brings the release before a harmful one back, and shows the receipt
// of what is live then. It notes in e how that went.
func (a *app) revert(ctx context.Context, s *settings, fin event.Finished, e *unprovedError) {
	a.say(event.Notice, "rolling back: visitors do not get the release", "")
	r, t, err := a.connect(ctx, s, false)
	if err != nil {
		e.err = err
		return
	}
	back, err := r.Revert(ctx, fin.Release)
	if err != nil && !errors.Is(err, deploy.ErrOwed) {
		e.err = err
		return
	}
	e.reverted = true
	if err == nil { // of this one, a wrong answer is only said
		back.Proof, _ = a.prove(ctx, s, t, r, back)
	}
	a.sink.Emit(back)
}

// keepPrivate warns where visitors can read the deploy's own records, after a
// commit. It is asked only where these lie below what siteUrl serves.
func (a *app) keepPrivate(ctx context.Context, s *settings, t *target, r *deploy.Run, fin event.Finished) {
	c := s.Config.Storage
	if s.Config.Proof.Mode == "off" || !fin.Changed || t.records == "" {
		return
	}
	path, below := strings.CutPrefix(t.records, c.Prefix)
	if !below {
		return
	}
	o, err := a.edge(s, t, r)
	if err != nil {
		return // the URL was checked: cannot be
	}
	if url, readable := edge.Readable(ctx, o, path+state.HeadKey); readable {
		a.say(event.Warning, "visitors can read the deploy's own records: "+url, privacyHint(c, t.records))
	}
}

// privacyHint says how the records of a site are hidden, with the statement of
// a bucket policy where the provider has such policies.
func privacyHint(c *config.Storage, records string) string {
	deny := func(principal, condition string) string {
		return fmt.Sprintf(`{"Sid":"RecordsArePrivate","Effect":"Deny","Principal":%s,"Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/%s*"%s}`, principal, c.Bucket, records, condition)
	}
	const other = "or give them a bucket of their own, storage.stateBucket, as docs/hosting.md describes."
	switch {
	case c.Provider == "s3" && c.Endpoint == "":
		return "Add to the bucket's policy, with the number of your account, " +
			deny(`"*"`, `,"Condition":{"StringNotEquals":{"aws:PrincipalAccount":"111122223333"}}`) +
			", or, behind CloudFront with an origin access control, " + deny(`{"Service":"cloudfront.amazonaws.com"}`, "") + "; " + other
	case c.Provider == "minio", c.Provider == "s3":
		return "Add to the bucket's policy " + deny(`"*"`, "") + "; " + other
	default:
		return "The bucket cannot hide a part of itself, so " + strings.TrimPrefix(other, "or ")
	}
}
