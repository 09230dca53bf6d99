package deploy

import (
	"slices"

	"github.com/dustin/go-humanize/english"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

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
	left := len(keys)
	for _, batch := range s.inOrder(keys) {
		if err := s.Live.Delete(s.tx.ctx, batch...); err != nil {
			s.undeleted = left - len(batch) + failures(err)
			s.owe("deletions: " + oneLine(err))
			return
		}
		left -= len(batch)
	}
	s.eachDebt(func(d *debt) { d.Delete = false })
	s.end(event.Delete, started, english.Plural(len(keys), "object", ""))
}

// perRequest is how many keys one request deletes, at most
// (docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html).
const perRequest = 1000

// inOrder returns the keys in the parts that are deleted one after another.
// What one request cannot hold is deleted in the reverse order of a deploy:
// what lists pages, pages, and what pages refer to, so that a crash in between
// leaves no page without its assets.
func (s *settlement) inOrder(keys []string) [][]string {
	if len(keys) <= perRequest {
		return [][]string{keys}
	}
	types := map[string]string{}
	for _, c := range s.plan.Changes {
		if c.Op == plan.Delete {
			types[c.Path()] = c.Old.Headers[storage.ContentType]
		}
	}
	var controls, pages, assets []string
	for _, key := range keys {
		switch site.RoleOf(key, types[key]) {
		case site.Control, site.ServiceWorker:
			controls = append(controls, key)
		case site.Page:
			pages = append(pages, key)
		default:
			assets = append(assets, key)
		}
	}
	return slices.DeleteFunc([][]string{controls, pages, assets}, func(part []string) bool { return len(part) == 0 })
}

// deletable returns the paths that a debt deletes and that the live release
// neither has nor retains. What an earlier deploy could not delete may be another
// object by now, and what a gc deletes, nobody has displaced: it is looked at.
func (s *settlement) deletable(d debt) ([]string, error) {
	var keys []string
	for _, t := range d.touches {
		if !t.Delete || s.plan.Has(t.Path) || s.plan.Retains(t.Path) {
			continue
		}
		ours := true
		if d.Intent != s.tx.id || s.tx.collects {
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
