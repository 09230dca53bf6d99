// Package plan compares the desired site with the live one and says what has
// to be done, in which order, and why. It is pure: no I/O and no clock.
package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// Op is what is done to an object.
type Op string

// The operations.
const (
	Create  Op = "create"  // the path is new
	Update  Op = "update"  // other bytes, and perhaps other headers
	Headers Op = "headers" // the same bytes with other headers
	Delete  Op = "delete"  // the path is gone
	Adopt   Op = "adopt"   // a foreign object is as desired: nothing is written
	Retire  Op = "retire"  // the path is gone, its object stays for a while: nothing is written
	Revive  Op = "revive"  // a retired object is as desired: nothing is written
)

// Stage is a step of a deploy. A stage begins when the one before it is done,
// so that nothing goes live before what it refers to.
type Stage int

// The stages, in order. New pages come before changed ones, because it is the
// changed ones that link to them.
const (
	NewAssets Stage = iota
	ChangedAssets
	NewPages
	ChangedPages
	Controls  // feeds, sitemaps, web manifests, service workers
	Deletions // after the commit
)

var stageNames = [...]string{"new assets", "changed assets", "new pages", "changed pages", "controls", "deletions"}

// String returns the stage's name in words.
func (s Stage) String() string { return stageNames[s] }

// Change is one thing to do.
type Change struct {
	Op     Op
	Stage  Stage
	Reason string        // in words, for people
	New    *state.Object // into Plan.Objects; nil for a deletion
	Old    *state.Object // as it is live; nil for a creation
	// Adopted says that Old is foreign so far: no release put it there.
	Adopted bool
	// Retired is the record of Old where that is retired: its path is not in
	// the live release any more.
	Retired *state.Retired
}

// Writes reports whether the change writes or deletes its object. Of the others
// only the records hear.
func (c Change) Writes() bool { return c.Op != Adopt && c.Op != Retire && c.Op != Revive }

// Path returns the path that changes.
func (c Change) Path() string {
	if c.New != nil {
		return c.New.Path
	}
	return c.Old.Path
}

// Plan is the difference between two manifests.
type Plan struct {
	// Objects is the desired manifest, sorted by path. Objects that stay as
	// they are have the ETag that was recorded; the others get theirs when
	// they have been written.
	Objects []state.Object
	// Retired are the objects that are in the bucket and not in Objects for
	// a while, sorted by path.
	Retired []state.Retired
	// Changes are in the order in which they are done: by stage, then by path.
	Changes []Change
}

// Has reports whether the desired manifest has a path.
func (p *Plan) Has(path string) bool {
	_, ok := slices.BinarySearchFunc(p.Objects, path, func(o state.Object, path string) int { return cmp.Compare(o.Path, path) })
	return ok
}

// Retains reports whether a path is among the retired.
func (p *Plan) Retains(path string) bool {
	_, ok := slices.BinarySearchFunc(p.Retired, path, func(t state.Retired, path string) int { return cmp.Compare(t.Path, path) })
	return ok
}

// Input is what a plan is made of.
type Input struct {
	Desired []state.Object // sorted by path; becomes Plan.Objects, with other ETags
	Live    []state.Object // sorted by path
	// Foreign names paths of Live whose objects no release put there, and
	// which are taken over.
	Foreign map[string]bool
	// MixedPaths says that the provider holds an object `a` beside `a/b`.
	MixedPaths bool
	Retirement
}

// Retirement is what happens to objects whose paths are no longer desired. The
// zero value deletes them at once.
type Retirement struct {
	// Retired are those of the live release, sorted by path. No path is also
	// in Input.Live.
	Retired []state.Retired
	// For is how long one with a fingerprinted name stays. 0: none does, also
	// none of Retired.
	For time.Duration
	// Now is the time by the server's clock.
	Now time.Time
	// Release is the id of the live release.
	Release string
	// Stray names paths of Input.Live whose object is in no release: it is
	// deleted at once, because no page that was published refers to it.
	Stray map[string]bool
	// Erased reports whether bytes were erased from the history: what is
	// retired with them goes as if its time were over. Nil: none were.
	Erased func(storage.Digest) bool
	// Writes says that a release is made even if nothing changes. What is due
	// is deleted only with some other change, so that nothing to do stays
	// nothing to do.
	Writes bool
}

// Diff returns what turns Live into Desired, which it takes over: of a large site,
// a copy is what takes most memory. It fails with a *CollisionError
// where the provider could not hold the objects side by side.
func Diff(in Input) (*Plan, error) {
	for _, objects := range [][]state.Object{in.Desired, in.Live, objectsOf(in.Retired)} {
		if err := state.CheckSorted(objects); err != nil {
			return nil, err
		}
	}
	if !in.MixedPaths {
		if err := collisions(in); err != nil {
			return nil, err
		}
	}
	p := &Plan{Objects: in.Desired}
	if len(in.Live) == 0 { // all are new
		p.Changes = make([]Change, 0, len(in.Desired))
	}
	live, retired := in.inBucket()
	merge(p.Objects, live, func(desired, live *state.Object) {
		if live != nil && retired[live.Path] != nil {
			p.returns(desired, live, retired[live.Path])
			return
		}
		c, ok := compare(desired, live)
		if live != nil && desired != nil && in.Foreign[live.Path] {
			c, ok = adopt(c, desired, live), true
		}
		if ok {
			p.Changes = append(p.Changes, c)
		}
	})
	p.retire(in.Retirement)
	slices.SortStableFunc(p.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Path(), b.Path()))
	})
	return p, nil
}

// merge calls f once for each path of two sorted lists, with nil where one
// does not have it.
func merge(desired, live []state.Object, f func(desired, live *state.Object)) {
	i, j := 0, 0
	for i < len(desired) || j < len(live) {
		switch {
		case j == len(live) || i < len(desired) && desired[i].Path < live[j].Path:
			f(&desired[i], nil)
			i++
		case i == len(desired) || live[j].Path < desired[i].Path:
			f(nil, &live[j])
			j++
		default:
			f(&desired[i], &live[j])
			i++
			j++
		}
	}
}

// compare returns the change that one path needs. Where none is needed, it
// gives desired the live object's ETag and returns false.
func compare(desired, live *state.Object) (Change, bool) {
	switch {
	case live == nil:
		desired.ETag = ""
		return Change{Op: Create, Stage: stageOf(desired, true), Reason: "new", New: desired}, true
	case desired == nil:
		return Change{Op: Delete, Stage: Deletions, Reason: "no longer in the output", Old: live}, true
	}
	headers := headerReason(live.Headers, desired.Headers)
	c := Change{Stage: stageOf(desired, false), New: desired, Old: live}
	switch {
	case desired.SHA256 != live.SHA256:
		c.Op, c.Reason = Update, "content changed"
		if headers != "" {
			c.Reason += ", " + headers
		}
	case headers != "":
		c.Op, c.Reason = Headers, headers
	default:
		desired.ETag = live.ETag
		return Change{}, false
	}
	desired.ETag = ""
	return c, true
}

// adopt returns the change, if any, that a path needs as one that takes a
// foreign object over.
func adopt(c Change, desired, live *state.Object) Change {
	c.Adopted = true
	headers := headerReason(live.Headers, desired.Headers)
	switch {
	case c.Op == Update:
		c.Reason = "adopted: other bytes"
	case headers != "":
		c.Reason = "adopted: same bytes"
	default:
		return Change{Op: Adopt, Stage: stageOf(desired, false), Reason: "adopted: same bytes, same headers", New: desired, Old: live, Adopted: true}
	}
	if headers != "" {
		c.Reason += ", " + headers
	}
	return c
}

// stageOf returns the stage in which an object is written.
func stageOf(o *state.Object, isNew bool) Stage {
	switch site.RoleOf(o.Path, o.Headers[storage.ContentType]) {
	case site.Page:
		if isNew {
			return NewPages
		}
		return ChangedPages
	case site.Control, site.ServiceWorker:
		return Controls
	default:
		if isNew {
			return NewAssets
		}
		return ChangedAssets
	}
}

// headerReason names the headers that differ, or returns "".
func headerReason(live, desired storage.Headers) string {
	if live.Equal(desired) {
		return ""
	}
	var names []string
	for n, v := range desired {
		if old, ok := live[n]; !ok || old != v {
			names = append(names, n)
		}
	}
	for n := range live {
		if _, ok := desired[n]; !ok {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ") + " changed"
}

// CollisionError reports a path that is at once an object and a folder, on a
// provider that cannot hold both.
type CollisionError struct {
	Path   string // the object
	Below  string // an object below the folder of the same name
	IsLive bool   // one of the two is only in the live release
	// IsRetired: one of the two is neither desired nor live, but retired.
	IsRetired bool
}

// Error names both paths.
func (e *CollisionError) Error() string {
	msg := fmt.Sprintf("the storage cannot hold %q beside %q", e.Path, e.Below)
	switch {
	case e.IsRetired:
		msg += ", and one of them is retired: it stays for a while for pages that browsers still hold"
	case e.IsLive:
		msg += ", and the live release has one of them until the deploy is done"
	}
	return msg
}

// collisions looks for an object that is also a folder, among all objects that
// are in the bucket at some time of the deploy.
func collisions(in Input) error {
	below := map[string]string{}
	live, retired := in.inBucket()
	for _, objects := range [][]state.Object{in.Desired, live} {
		for i := range objects {
			p := objects[i].Path
			for d := parent(p); d != "" && below[d] == ""; d = parent(d) {
				below[d] = p
			}
		}
	}
	wanted := (&Plan{Objects: in.Desired}).Has
	collision := func(p string) error {
		e := &CollisionError{Path: p, Below: below[p]}
		e.IsRetired = retired[e.Path] != nil && !wanted(e.Path) || retired[e.Below] != nil && !wanted(e.Below)
		e.IsLive = !e.IsRetired && (!wanted(e.Path) || !wanted(e.Below))
		return e
	}
	for _, objects := range [][]state.Object{in.Desired, live} {
		for i := range objects {
			if p := objects[i].Path; below[p] != "" {
				return collision(p)
			}
		}
	}
	return nil
}

func parent(p string) string {
	if i := strings.LastIndexByte(p, '/'); i > 0 {
		return p[:i]
	}
	return ""
}
