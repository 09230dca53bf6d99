package deploy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/state"
)

// settle does what is owed after the commit, this deploy's part and that of
// earlier ones: deletions, then purges. What fails stays owed. Then it gives
// the head back. own lists the keys of this deploy.
func (r *Run) settle(t *tx, a aim, p *plan.Plan, own func() []state.Touch, aborted int) (event.Finished, error) {
	s := &settlement{Run: r, tx: t, aim: a, plan: p, debts: slices.Clone(t.view.debts)}
	r.settled = s
	s.recovered = event.Recovered{Paths: len(t.view.doubted), Uploads: aborted}
	released := t.release != nil
	head := t.current()
	if len(head.Owed) > len(s.debts) {
		touches := own()
		s.debts = append(s.debts, debt{head.Owed[len(head.Owed)-1], touches})
		s.own = t.view.purged(a, p, touches)
	}
	if head.Busy != nil {
		s.deletions()
		s.purges()
		if err := s.handBack(s.sweep()); err != nil {
			s.failed = append(s.failed, "the lock: "+err.Error())
		}
	} else {
		s.forget()
	}
	live, parent := head.Live, ""
	if released {
		parent = t.view.head.Live
	}
	fin := r.finished(live, parent, a, p)
	fin.Changed = released
	fin.Deleted = max(0, fin.Deleted-s.undeleted)
	fin.PurgedURLs, fin.PurgeRequests, fin.Owed = s.purged.URLs, s.purged.Requests, s.failed
	if s.recovered != (event.Recovered{}) {
		fin.Recovered = &s.recovered
	}
	if len(s.failed) > 0 {
		return fin, ErrOwed
	}
	return fin, nil
}

// settlement is the part of a deploy after its commit.
type settlement struct {
	*Run
	tx    *tx
	aim   aim
	plan  *plan.Plan
	debts []debt
	own   []string // the paths of this deploy that CDNs have to forget

	undeleted int // objects that could not be deleted
	recovered event.Recovered

	mu     sync.Mutex
	purged cdn.Result
	failed []string // what is still owed, in words
}

// purges asks each CDN to forget what it is owed, all at once.
func (s *settlement) purges() {
	if !slices.ContainsFunc(s.debts, func(d debt) bool { return len(d.Purge) > 0 }) {
		return
	}
	started := s.begin(event.Purge, "")
	var wg sync.WaitGroup
	s.dropUnknown()
	for _, c := range s.Purgers {
		wg.Go(func() { s.purge(c) })
	}
	wg.Wait()
	s.end(event.Purge, started, english.Plural(s.purged.URLs, "URL", "")+", "+english.Plural(s.purged.Requests, "request", ""))
}

// owed returns the paths that the named CDN is to forget.
func (s *settlement) owed(name string) []string {
	s.mu.Lock() // another CDN may be paid meanwhile
	defer s.mu.Unlock()
	var paths []string
	for _, d := range s.debts {
		switch {
		case !slices.Contains(d.Purge, name):
		case d.Intent == s.tx.id:
			paths = append(paths, s.own...)
		default:
			paths = append(paths, purgeable(d.touches)...)
		}
	}
	return paths
}

// purge asks a CDN to forget what it is owed.
func (s *settlement) purge(c cdn.Purger) {
	p := s.purgePlan(c, s.owed(c.Name()), s.plan)
	var res cdn.Result
	var err error
	if len(p.Requests) > 0 { // else nobody can have asked for what changed
		res, err = c.Purge(s.tx.ctx, p.Requests...)
	}
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
		s.owe(fmt.Sprintf("purge of %s at %s", english.Plural(p.URLs, "URL", ""), c.Name()))
		return
	}
	s.eachDebt(func(d *debt) {
		if !d.Delete { // what is deleted late is purged after that
			d.Purge = slices.DeleteFunc(slices.Clone(d.Purge), func(n string) bool { return n == c.Name() })
		}
	})
}

// dropUnknown forgets what is owed to CDNs that are no longer configured, or
// for URLs that no longer are: nobody could ever pay it.
func (s *settlement) dropUnknown() {
	known := func(name string) bool {
		return s.BaseURL != nil && slices.ContainsFunc(s.Purgers, func(c cdn.Purger) bool { return c.Name() == name })
	}
	s.eachDebt(func(d *debt) {
		for _, name := range d.Purge {
			if !known(name) {
				s.warn("an earlier deploy still had to purge "+name+", and that, or siteUrl, is no longer configured", "Purge it there by hand if it still serves this site.")
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

// handBack makes the head idle, with what is still owed, and where there was no
// commit that did so, a deploy moves the mark: what only pays or mends does not
// have the output of its commit. It works also when the run was
// interrupted. strays: the state has to be listed by the next run.
func (s *settlement) handBack(strays bool) error {
	mark, moved := s.ahead(s.last, s.aim, s.tx.current().Mark)
	moved = moved && s.tx.release == nil && !s.aim.pay && s.aim.mend == nil && !s.tx.collects
	return s.insist(s.tx, func(h *state.Head) {
		h.Busy, h.Doubt, h.Owed, h.Strays = nil, nil, s.owing(), strays
		if moved {
			h.Mark, h.Held = mark, false
		}
	})
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
