// Package storagetest is the specification of storage.Store in the form of a
// test: every provider passes it, bare and below a prefix.
package storagetest

import (
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// Harness tells Run how to reach a provider, and where that is known to differ
// from the specification. A difference is named with its reason, which the
// test logs; one that does not show is a failure as well, so that no stale one
// stays.
type Harness struct {
	// New returns an empty store that the calling sub-test has for itself. It
	// arranges for its removal with t.Cleanup.
	New func(t *testing.T) storage.Store
	// NoBucket returns a store whose bucket does not exist.
	NoBucket func(t *testing.T) storage.Store

	// CreatesBucket is why a bucket that does not exist is taken for an empty
	// one, which the first Put makes.
	CreatesBucket string
	// NoWebsiteRedirect is why storage.WebsiteRedirect is not kept.
	NoWebsiteRedirect string
	// FoldsCase is why two keys that differ only in case cannot be there both.
	// The second is refused with storage.ErrInvalidKey.
	FoldsCase string
	// SelfCopyKeeps is why a copy of an object onto itself keeps such headers
	// of the old ones as the new ones do not name.
	SelfCopyKeeps string
	// NoCopy is why the store is no storage.Copier.
	NoCopy string
	// NoMeter is why the store is no storage.Meter.
	NoMeter string
	// NoAbort is why the store is no storage.Aborter.
	NoAbort string
	// BeginUpload leaves an upload in parts to a key of a store that New
	// returned, as a process does that dies. Needed where NoAbort is empty.
	BeginUpload func(t *testing.T, s storage.Store, key string)
	// Unfinished returns how many such uploads to a key there are.
	Unfinished func(t *testing.T, s storage.Store, key string) int
	// Collisions is what becomes of a key a beside a key a/b.
	Collisions Collisions
}

// Collisions is what becomes of a key that is also a folder in another.
type Collisions int

const (
	// CollisionsHeld means that both are kept, as in S3 itself.
	CollisionsHeld Collisions = iota
	// CollisionsRefused means that the second is refused with
	// storage.ErrInvalidKey, and the first stays.
	CollisionsRefused
	// CollisionsBroken means that the second is accepted and one of both is
	// then not listed, as MinIO does on a file system.
	CollisionsBroken
)

// specification lists all tests, by the name of the sub-test.
var specification = []struct {
	name string
	test func(*testing.T, *fixture)
}{
	{"put and get", putAndGet},
	{"sizes", sizes},
	{"overwrite", overwrite},
	{"overwrite is atomic for readers", overwriteAtomic},
	{"get missing", getMissing},
	{"stat", stat},
	{"close early", closeEarly},
	{"times", times},
	{"delete", deletes},
	{"delete reports each key", deleteReports},
	{"missing bucket", missingBucket},

	{"create", create},
	{"update", update},
	{"concurrent create", concurrentCreate},
	{"compare and swap", compareAndSwap},

	{"odd keys", oddKeys},
	{"refused keys", refusedKeys},
	{"case", caseOfKeys},
	{"collisions", collisions},

	{"list", list},
	{"list by prefix", listByPrefix},
	{"list many", listMany},
	{"list stops", listStops},

	{"headers", headersKept},
	{"no headers", headersNone},
	{"headers replaced", headersReplaced},
	{"website redirect", websiteRedirect},

	{"copy", copies},
	{"copy onto itself", copyOntoItself},
	{"copy guarded", copyGuarded},
	{"copy missing", copyMissing},
	{"copy odd keys", copyOddKeys},
	{"copy large", copyLarge},
	{"copy between prefixes", copyBetweenPrefixes},
	{"copy from elsewhere", copyFromElsewhere},

	{"changed source", changedSource},
	{"failing source", failingSource},
	{"sources are closed", sourcesClosed},
	{"canceled before", canceledBefore},
	{"canceled within", canceledWithin},

	{"abort", aborts},

	{"meter", meter},
}

// Run runs the specification on the store itself and on a part of it.
func Run(t *testing.T, h Harness) {
	for _, mode := range []struct{ name, prefix string }{
		{"bare", ""},
		{"prefixed", "site/blog/"},
	} {
		t.Run(mode.name, func(t *testing.T) {
			for _, s := range specification {
				t.Run(s.name, func(t *testing.T) { s.test(t, newFixture(t, h, mode.prefix)) })
			}
		})
	}
}

// fixture is what one test works on.
type fixture struct {
	Harness
	store  storage.Store // under test
	bare   storage.Store // the same without the prefix
	prefix string
}

// newFixture returns an empty store. Below a prefix it has neighbours, of which
// the test must not change any.
func newFixture(t *testing.T, h Harness, prefix string) *fixture {
	t.Helper()
	f := &fixture{Harness: h, bare: h.New(t), prefix: prefix}
	f.store = storage.Prefixed(f.bare, prefix)
	if prefix == "" {
		return f
	}
	etags := map[string]string{}
	for _, key := range []string{"site/blog-old/page.html", "site/blog.html", "site/a.html", "page.html"} {
		etags[key] = put(t, f.bare, key, "neighbour "+key, nil).ETag
	}
	t.Cleanup(func() {
		for key, etag := range etags {
			if got := get(t, f.bare, key); got.ETag != etag || got.body != "neighbour "+key {
				t.Errorf("%s, which is outside the prefix, was changed", key)
			}
		}
	})
	return f
}

// deviates logs a known difference and reports whether there is one.
func deviates(t *testing.T, reason string) bool {
	t.Helper()
	if reason != "" {
		t.Logf("known to differ: %s", reason)
	}
	return reason != ""
}

// copier returns the store as a Copier, or nil where it is known to be none.
func (f *fixture) copier(t *testing.T) storage.Copier {
	t.Helper()
	c, ok := f.store.(storage.Copier)
	if _, bare := f.bare.(storage.Copier); bare != ok {
		t.Fatalf("the store is a Copier: %t; below a prefix: %t", bare, ok)
	}
	if ok == (f.NoCopy != "") {
		t.Fatalf("the store is a Copier: %t; the harness says: %q", ok, f.NoCopy)
	}
	deviates(t, f.NoCopy)
	return c
}
