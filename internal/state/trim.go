package state

import (
	"bytes"
	"slices"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// Trim takes out of the record of the live release, which may be nil, what is
// not kept any more since it was written: releases, blobs and retired objects.
func (h *Head) Trim(live *Release) {
	if live == nil {
		return
	}
	live.History = slices.DeleteFunc(live.History, func(id string) bool { return id < h.Oldest })
	live.Blobs = slices.DeleteFunc(live.Blobs, func(b Blob) bool { return b.Last < h.Oldest || h.Forgot(b.SHA256) })
	live.Retired = slices.DeleteFunc(live.Retired, func(t Retired) bool {
		_, out := slices.BinarySearch(h.Withdrawn, t.Path)
		return out
	})
}

// Withdraw adds paths to those that are not retained any more. It leaves what
// shares the list as it is.
func (h *Head) Withdraw(paths ...string) {
	all := append(slices.Clone(h.Withdrawn), paths...)
	slices.Sort(all)
	h.Withdrawn = slices.Compact(all)
}

// Forgot reports whether bytes were erased from the history.
func (h *Head) Forgot(d storage.Digest) bool {
	_, ok := slices.BinarySearchFunc(h.Forgotten, d, func(f Forgotten, d storage.Digest) int { return bytes.Compare(f.SHA256[:], d[:]) })
	return ok
}

// Remembered returns the objects of a release without those whose bytes were
// erased from the history, and the paths of these.
func (h *Head) Remembered(r *Release) (kept []Object, erased []string) {
	for _, o := range r.Objects {
		if h.Forgot(o.SHA256) {
			erased = append(erased, o.Path)
		} else {
			kept = append(kept, o)
		}
	}
	return kept, erased
}

// Forget adds bytes to those that were erased. It leaves what shares the list
// as it is.
func (h *Head) Forget(more ...Forgotten) {
	all := append(slices.Clone(h.Forgotten), more...)
	slices.SortFunc(all, func(a, b Forgotten) int {
		if c := bytes.Compare(a.SHA256[:], b.SHA256[:]); c != 0 {
			return c
		}
		return bytes.Compare([]byte(b.Last), []byte(a.Last)) // the newest is kept
	})
	h.Forgotten = slices.CompactFunc(all, func(a, b Forgotten) bool { return a.SHA256 == b.SHA256 })
}

// Outlive drops what was erased and was last in a release that is not kept any
// more. It leaves what shares the list as it is.
func (h *Head) Outlive() {
	h.Forgotten = slices.DeleteFunc(slices.Clone(h.Forgotten), func(f Forgotten) bool { return f.Last < h.Oldest })
	if len(h.Forgotten) == 0 {
		h.Forgotten = nil
	}
}

// Follow makes live, whose record says itself what is kept, the live release.
// What was erased is remembered while a kept release had it, unless the new
// one has it again.
func (h *Head) Follow(live *Release) {
	h.Live, h.Oldest, h.Withdrawn = live.ID, "", nil
	if len(h.Forgotten) == 0 {
		return
	}
	has := make(map[storage.Digest]bool, len(live.Objects))
	for i := range live.Objects {
		has[live.Objects[i].SHA256] = true
	}
	h.Forgotten = slices.DeleteFunc(slices.Clone(h.Forgotten), func(f Forgotten) bool {
		return has[f.SHA256] || !slices.Contains(live.History, f.Last)
	})
	if len(h.Forgotten) == 0 {
		h.Forgotten = nil
	}
}
