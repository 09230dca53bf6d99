package deploy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestDeletionOrder deletes more than one request holds, and dies after the
// pages are gone: what lists them went before, and what they refer to is there.
func TestDeletionOrder(t *testing.T) {
	t.Parallel()
	const n = perRequest/3 + 1
	w := newWorld(t)
	full := maps.Clone(v1)
	for i := range n {
		full[fmt.Sprintf("%03d/feed.xml", i)] = "feed"
		full[fmt.Sprintf("%03d/index.html", i)] = "page"
		full[fmt.Sprintf("%03d/app.css", i)] = "style"
	}
	o := w.options()
	o.Workers = 64
	if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(full)); err != nil {
		t.Fatal(err)
	}
	var parts []string
	dead := false
	w.spy.intercept(func(op string, done func() error) error {
		w.spy.mu.Lock()
		defer w.spy.mu.Unlock()
		if dead {
			return errBroken
		}
		err := done()
		if keys, ok := strings.CutPrefix(op, "DELETE "); ok {
			_, name, _ := strings.Cut(keys[strings.LastIndex(keys, "/"):], "/")
			parts = append(parts, fmt.Sprintf("%d %s", strings.Count(keys, " ")+1, name))
			dead = name == "index.html"
		}
		return err
	})
	if _, err := w.deploy(v1); !errors.Is(err, ErrOwed) {
		t.Fatal(err)
	}
	w.spy.intercept(nil)
	if want := []string{fmt.Sprint(n, " feed.xml"), fmt.Sprint(n, " index.html")}; !slices.Equal(parts, want) {
		t.Errorf("deleted %q before it died, want %q", parts, want)
	}
	left := maps.Clone(v1)
	for i := range n {
		left[fmt.Sprintf("%03d/app.css", i)] = "style"
	}
	if diff := cmp.Diff(left, w.files()); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	w.spy.skew += lease + time.Minute
	w.must(v1)
	w.check(v1)
}

// TestDeletionsInOneRequest: what fits is not divided.
func TestDeletionsInOneRequest(t *testing.T) {
	w := newWorld(t).quiet()
	w.must(v1)
	w.spy.requests()
	v2 := tree{"index.html": v1["index.html"]}
	w.must(v2)
	w.check(v2)
	deletions := 0
	for _, op := range w.spy.requests() {
		if strings.HasPrefix(op, "DELETE ") && !strings.Contains(op, "/.pandastack/") {
			deletions++
		}
	}
	if deletions != 1 {
		t.Errorf("%d requests", deletions)
	}
}
