package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
)

// settle does what is owed after the commit, this deploy's part and that of
// earlier ones: deletions, then purges. What fails stays owed. Then it gives
// the head back.
func (r *Run) settle(ctx context.Context, t *tx, a aim, p *plan.Plan, own []state.Touch, released bool) (event.Finished, error) {
	s := &settlement{Run: r, tx: t, plan: p, debts: t.view.debts}
	if released && len(t.head.Owed) > len(s.debts) {
		s.debts = append(s.debts, debt{t.head.Owed[len(t.head.Owed)-1], own})
	}
	if t.head.Busy != nil {
		s.deletions()
		s.purges()
		if err := s.handBack(ctx); err != nil {
			s.failed = append(s.failed, "the lock: "+err.Error())
		}
	}
	s.forget(ctx)
	live, parent := t.head.Live, ""
	if released {
		parent = t.view.head.Live
	}
	fin := r.finished(live, parent, a, p)
	fin.Changed = released
	fin.Deleted = max(0, fin.Deleted-s.undeleted)
	fin.PurgedURLs, fin.PurgeRequests, fin.Owed = s.purged.URLs, s.purged.Requests, s.failed
	if len(s.failed) > 0 {
		return fin, ErrOwed
	}
	return fin, nil
}

// settlement is the part of a deploy after its commit.
type settlement struct {
	*Run
	tx    *tx
	plan  *plan.Plan
	debts []debt

	undeleted int // objects that could not be deleted

	mu     sync.Mutex
	purged cdn.Result
	failed []string // what is still owed, in words
}

// deletions removes what the release no longer has.
func (s *settlement) deletions() {
	var keys []string
	for _, d := range s.debts {
		if !d.Delete {
			continue
		}
		ours, err := s.deletable(d)
		if err != nil {
			s.owe("deletions: " + oneLine(err))
			return
		}
		keys = append(keys, ours...)
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) == 0 {
		s.eachDebt(func(d *debt) { d.Delete = false })
		return
	}
	started := s.begin(event.Delete, "")
	if err := s.Live.Delete(s.tx.ctx, keys...); err != nil {
		s.undeleted = failures(err)
		s.owe("deletions: " + oneLine(err))
		return
	}
	s.eachDebt(func(d *debt) { d.Delete = false })
	s.end(event.Delete, started, english.Plural(len(keys), "object", ""))
}

// deletable returns the paths that a debt deletes and that the live release
// does not have again. What an earlier deploy could not delete may be another
// object by now: it is looked at.
func (s *settlement) deletable(d debt) ([]string, error) {
	var keys []string
	for _, t := range d.touches {
		if !t.Delete || s.plan.Has(t.Path) {
			continue
		}
		ours := true
		if d.Intent != s.tx.id {
			var err error
			if ours, err = s.stillOurs(t); err != nil {
				return nil, err
			}
		}
		if ours {
			keys = append(keys, t.Path)
		}
	}
	return keys, nil
}

// stillOurs reports whether the object that was to be deleted is still there.
func (s *settlement) stillOurs(t state.Touch) (bool, error) {
	o, _, err := s.fetch(s.tx.ctx, t.Path)
	switch {
	case notExist(err):
		return false, nil
	case err != nil:
		return false, err
	case o.SHA256 != *t.SHA256:
		s.warn(t.Path+" was to be deleted, and something else is there now: it stays", "")
		return false, nil
	default:
		return true, nil
	}
}

// purges asks each CDN to forget what it is owed, all at once.
func (s *settlement) purges() {
	if !slices.ContainsFunc(s.debts, func(d debt) bool { return len(d.Purge) > 0 }) {
		return
	}
	started := s.begin(event.Purge, "")
	var wg sync.WaitGroup
	for _, c := range s.Purgers {
		if urls := s.urls(c.Name()); len(urls) > 0 {
			wg.Go(func() { s.purge(c, urls) })
		}
	}
	wg.Wait()
	s.dropUnknown()
	s.end(event.Purge, started, english.Plural(s.purged.URLs, "URL", "")+", "+english.Plural(s.purged.Requests, "request", ""))
}

// urls returns what the named CDN is owed.
func (s *settlement) urls(name string) []string {
	var paths []string
	for _, d := range s.debts {
		if slices.Contains(d.Purge, name) {
			paths = append(paths, purgeable(d.touches)...)
		}
	}
	return s.purgeURLs(paths)
}

func (s *settlement) purge(c cdn.Purger, urls []string) {
	res, err := c.Purge(s.tx.ctx, cdn.ChangeSet{URLs: urls})
	s.mu.Lock()
	s.purged.URLs += res.URLs
	s.purged.Requests += res.Requests
	s.mu.Unlock()
	if err != nil {
		var failed *cdn.Error
		hint := ""
		if errors.As(err, &failed) {
			hint = failed.Hint
		}
		s.warn(oneLine(err), hint)
		s.owe(fmt.Sprintf("purge of %s at %s", english.Plural(len(urls), "URL", ""), c.Name()))
		return
	}
	s.eachDebt(func(d *debt) {
		if !d.Delete { // what is deleted late is purged after that
			d.Purge = slices.DeleteFunc(slices.Clone(d.Purge), func(n string) bool { return n == c.Name() })
		}
	})
}

// dropUnknown forgets what is owed to CDNs that are no longer configured:
// nobody could ever pay it.
func (s *settlement) dropUnknown() {
	known := func(name string) bool {
		return slices.ContainsFunc(s.Purgers, func(c cdn.Purger) bool { return c.Name() == name })
	}
	s.eachDebt(func(d *debt) {
		for _, name := range d.Purge {
			if !known(name) {
				s.warn("an earlier deploy still had to purge "+name+", which is no longer configured", "Purge it there by hand if it still serves this site.")
			}
		}
		d.Purge = slices.DeleteFunc(slices.Clone(d.Purge), func(n string) bool { return !known(n) })
	})
}

func (s *settlement) eachDebt(f func(*debt)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.debts {
		f(&s.debts[i])
	}
}

func (s *settlement) owe(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = append(s.failed, what)
}

// handBack makes the head idle, with what is still owed. It works also when
// the run was interrupted.
func (s *settlement) handBack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handover)
	defer cancel()
	return s.update(ctx, s.tx, func(h *state.Head) {
		h.Busy, h.Doubt, h.Owed = nil, nil, nil
		for _, d := range s.debts {
			if !d.Settled() {
				h.Owed = append(h.Owed, d.Debt)
			}
		}
	})
}

// forget removes the intents that no head refers to any more. One that stays
// behind does no harm.
func (s *settlement) forget(ctx context.Context) {
	if s.tx.head.Busy != nil {
		return
	}
	ids := append(s.tx.view.doubts(), s.tx.id)
	for _, d := range s.tx.view.head.Owed {
		ids = append(ids, d.Intent)
	}
	for _, x := range s.tx.view.head.Suspects {
		ids = append(ids, x.Intent)
	}
	ids = slices.DeleteFunc(ids, func(id string) bool {
		return slices.ContainsFunc(s.tx.head.Owed, func(d state.Debt) bool { return d.Intent == id }) ||
			slices.ContainsFunc(s.tx.head.Suspects, func(x state.Suspect) bool { return x.Intent == id })
	})
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = state.IntentKey(id)
	}
	for _, id := range s.tx.drop.releases {
		keys = append(keys, state.ReleaseKey(id))
	}
	for _, b := range s.tx.drop.blobs {
		keys = append(keys, state.BlobKey(b.SHA256))
	}
	slices.Sort(keys)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handover)
	defer cancel()
	if err := s.State.Delete(ctx, slices.Compact(keys)...); err != nil {
		s.Sink.Emit(event.Message{Severity: event.Debug, Text: "removing intents: " + oneLine(err)})
	}
}

// purgeURLs returns every URL under which the paths may be cached, sorted.
func (r *Run) purgeURLs(paths []string) []string {
	if r.BaseURL == nil {
		return nil
	}
	var urls []string
	for _, p := range paths {
		urls = append(urls, site.URLs(r.BaseURL, p)...)
	}
	slices.Sort(urls)
	return slices.Compact(urls)
}

// failures returns how many errors are joined in err.
func failures(err error) int {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return len(joined.Unwrap())
	}
	return 1
}

// oneLine returns an error's first line, and how many more there are.
func oneLine(err error) string {
	first, rest, more := strings.Cut(err.Error(), "\n")
	if more {
		return fmt.Sprintf("%s (and %d more)", first, strings.Count(rest, "\n")+1)
	}
	return first
}
