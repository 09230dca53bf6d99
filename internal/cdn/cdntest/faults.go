package cdntest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn"
)

// testTemporary injects failures that pass: the purge succeeds without the
// caller knowing.
func testTemporary(t *testing.T, h Harness) {
	for f, times := range map[Fault]int{RateLimited: 1, ServerError: h.Attempts - 1, Page: 1, HangUp: 1} {
		if !h.has(f) {
			continue
		}
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			p, fake := h.New(t)
			fake.Inject(f, times)
			requests := h.plan(p, h.urls(3))
			res, err := p.Purge(t.Context(), requests...)
			if err != nil {
				t.Fatal(err)
			}
			purgedExactly(t, fake, requests)
			if res.URLs != 3 || res.Owed != nil {
				t.Errorf("Result = %+v, want 3 URLs", res)
			}
			if fake.Requests() != res.Requests+times {
				t.Errorf("%d requests arrived for %d and %d retries", fake.Requests(), res.Requests, times)
			}
		})
	}
}

// testPermanent injects failures that stay: an error without secrets, nothing
// counted, and no storm of retries.
func testPermanent(t *testing.T, h Harness) {
	for _, f := range []Fault{RateLimited, ServerError, Refused, Unsuccessful, Page, Echo, HangUp} {
		if !h.has(f) {
			continue
		}
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			p, fake := h.New(t)
			fake.Inject(f, -1)
			requests := h.plan(p, h.urls(1000))
			res, err := p.Purge(t.Context(), requests...)
			h.checkFailure(t, p, err)
			owesAll(t, res, requests)
			if len(fake.Purged()) != 0 {
				t.Errorf("purged %v", fake.Purged())
			}
			// Those in flight when the first fails may use up their attempts
			// too, and each may be split once.
			if n, most := fake.Requests(), 2*h.Parallel*h.Attempts; n == 0 || n > most {
				t.Errorf("%d requests: want 1 to %d", n, most)
			}
			if limited := errors.Is(err, cdn.ErrLimited); limited != (f == RateLimited) {
				t.Errorf("errors.Is(%q, ErrLimited) = %t", err, limited)
			}
		})
	}
}

// checkFailure fails the test unless err is what a purger may return.
func (h Harness) checkFailure(t *testing.T, p cdn.Purger, err error) {
	t.Helper()
	var e *cdn.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is %v: want a *cdn.Error", err)
	}
	if e.CDN != p.Name() {
		t.Errorf("the error names %q, want %q", e.CDN, p.Name())
	}
	if len(err.Error()) > 1000 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
	h.secretFree(t, err.Error()+e.Hint)
}

// owesAll fails the test unless nothing was acknowledged.
func owesAll(t *testing.T, res cdn.Result, requests []cdn.Request) {
	t.Helper()
	if res.URLs != 0 || !slices.Equal(items(res.Owed), items(requests)) {
		t.Errorf("%d URLs are done and %d requests owed: want none, and all %d", res.URLs, len(res.Owed), len(requests))
	}
}

// testHalfway lets some requests through before the CDN fails: only these are
// counted, and all others are owed.
func testHalfway(t *testing.T, h Harness) {
	p, fake := h.New(t)
	l := p.Limits()
	n := 10_000
	if l.MaxURLs > 0 {
		n = min(n, l.MaxURLs)
	}
	batch := max(1, min(l.Batch, n/100))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // the CDN breaks once the purger must have heard of a success
		for len(fake.Purged()) <= h.Parallel*batch && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		fake.Inject(Refused, -1)
	}()
	var requests []cdn.Request
	for part := range slices.Chunk(h.urls(n), batch) {
		requests = append(requests, cdn.Request{Kind: cdn.URLs, Items: part, Covers: len(part)})
	}
	res, err := p.Purge(ctx, requests...)
	h.checkFailure(t, p, err)
	// What was in flight when the first request failed may have been purged
	// without the purger hearing of it.
	if purged := len(fake.Purged()); res.URLs == 0 || res.URLs > purged || purged == n {
		t.Errorf("%d URLs are done, and %d of %d were purged", res.URLs, purged, n)
	}
	if owed := len(items(res.Owed)); res.URLs+owed != n {
		t.Errorf("%d URLs are done and %d owed of %d", res.URLs, owed, n)
	}
}

func testDenied(t *testing.T, h Harness) {
	p, fake := h.BadToken(t)
	requests := h.plan(p, h.urls(1000))
	res, err := p.Purge(t.Context(), requests...)
	h.checkFailure(t, p, err)
	if !errors.Is(err, cdn.ErrDenied) {
		t.Errorf("the error is %v: want ErrDenied", err)
	}
	var e *cdn.Error
	if errors.As(err, &e) && e.Hint == "" {
		t.Error("the error has no hint")
	}
	owesAll(t, res, requests)
	if n := fake.Requests(); n > h.Parallel {
		t.Errorf("%d requests: bad credentials are not to be tried again", n)
	}
}

// testLongWait asks the purger to wait for an hour: it must fail instead.
func testLongWait(t *testing.T, h Harness) {
	if !h.has(LongWait) {
		return
	}
	p, fake := h.New(t)
	fake.Inject(LongWait, -1)
	_, err := promptly(t, func() (cdn.Result, error) { return h.purge(t.Context(), p, h.urls(1)) })
	h.checkFailure(t, p, err)
	if !errors.Is(err, cdn.ErrLimited) {
		t.Errorf("the error is %v: want ErrLimited", err)
	}
	if n := fake.Requests(); n != 1 {
		t.Errorf("%d requests: want 1", n)
	}
}

func testCancel(t *testing.T, h Harness) {
	for _, f := range []Fault{Stall, RateLimited, ServerError} {
		if !h.has(f) {
			continue
		}
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			p, fake := h.New(t)
			fake.Inject(f, -1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				for fake.Requests() == 0 && ctx.Err() == nil {
					time.Sleep(time.Millisecond)
				}
				cancel()
			}()
			requests := h.plan(p, h.urls(1000))
			res, err := promptly(t, func() (cdn.Result, error) { return p.Purge(ctx, requests...) })
			h.checkFailure(t, p, err)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("the error is %v: want context.Canceled", err)
			}
			owesAll(t, res, requests)
		})
	}
}

func testCancelBefore(t *testing.T, h Harness) {
	p, fake := h.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.purge(ctx, p, h.urls(3))
	h.checkFailure(t, p, err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v: want context.Canceled", err)
	}
	if n := fake.Requests(); n != 0 {
		t.Errorf("%d requests after the context had ended", n)
	}
}

// promptly fails the test where a purge does not end: the limit is far above
// what any machine needs, and far below what the faults ask to wait.
func promptly(t *testing.T, purge func() (cdn.Result, error)) (res cdn.Result, err error) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		res, err = purge()
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the purge does not end")
	}
	return res, err
}
