package deploy

import (
	"errors"
	"sync"
	"testing"
)

// TestPromoteCrashAnywhere stops the process for good at every request to one
// of the two sites, before and after it was done. A promote, or a deploy, must
// then make the site whole; the other site is never written to.
func TestPromoteCrashAnywhere(t *testing.T) {
	t.Parallel()
	files := tree{"a.css": "a2", "b.css": "b", "new.html": "new", "index.html": "home 2", "sitemap.xml": "map"}
	for _, after := range []bool{false, true} {
		n := 0
		for ; ; n += killStride {
			p := newPair(t)
			p.staging.must(files)
			p.must(v1)
			var mu sync.Mutex
			count, crash := 0, errors.New("crashed")
			hook := func(_ string, done func() error) error {
				mu.Lock()
				now := count
				count++
				mu.Unlock()
				if now > n || now == n && !after {
					return crash
				}
				if err := done(); err != nil || now < n {
					return err
				}
				return crash
			}
			p.spy.intercept(hook)
			p.staging.spy.intercept(hook)
			_, err := p.promote()
			p.spy.intercept(nil)
			p.staging.spy.intercept(nil)
			if err == nil {
				break // more requests allowed than a promote makes
			}
			p.staging.check(files)
			p.spy.skew = lease + 1e9
			want := as(files, minute)
			if n%2 == 0 {
				_, err = p.promote()
			} else {
				want = v1
				_, err = p.deploy(v1)
			}
			if err != nil {
				t.Fatalf("after a crash at request %d (done: %v): %v", n, after, err)
			}
			p.spy.skew = 0
			p.check(want)
			if t.Failed() {
				t.Fatalf("crash at request %d (done: %v)", n, after)
			}
		}
		if n < 20 || n > 60 {
			t.Errorf("a promote makes %d requests", n)
		}
	}
}
