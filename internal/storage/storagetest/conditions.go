package storagetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// writers is how many race for a key.
const writers = 8

func create(t *testing.T, f *fixture) {
	absent := storage.Condition{Absent: true}
	info, err := f.store.Put(t.Context(), "head", storage.Bytes([]byte("one")), page, absent)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	_, err = f.store.Put(t.Context(), "head", storage.Bytes([]byte("two")), nil, absent)
	wantError(t, err, storage.ErrPrecondition, "put", "head")
	if got := get(t, f.store, "head"); got.body != "one" || got.ETag != info.ETag || !got.Headers.Equal(page) {
		t.Errorf("a refused create left %q, %v", got.body, got.Headers)
	}
	if err := f.store.Delete(t.Context(), "head"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.Put(t.Context(), "head", storage.Bytes([]byte("two")), page, absent); err != nil {
		t.Errorf("create after delete: %v", err)
	}
}

func update(t *testing.T, f *fixture) {
	first := put(t, f.store, "head", "one", page)
	second, err := f.store.Put(t.Context(), "head", storage.Bytes([]byte("two")), page, storage.Condition{ETag: first.ETag})
	if err != nil {
		t.Fatalf("update with the current ETag: %v", err)
	}
	_, err = f.store.Put(t.Context(), "head", storage.Bytes([]byte("three")), nil, storage.Condition{ETag: first.ETag})
	wantError(t, err, storage.ErrPrecondition, "put", "head")
	if got := get(t, f.store, "head"); got.body != "two" || got.ETag != second.ETag || !got.Headers.Equal(page) {
		t.Errorf("a refused update left %q, %v", got.body, got.Headers)
	}
	_, err = f.store.Put(t.Context(), "missing", storage.Bytes([]byte("x")), page, storage.Condition{ETag: second.ETag})
	wantError(t, err, storage.ErrPrecondition, "put", "missing")
	wantMissing(t, f.store, "missing")

	body := content(large, 3)
	_, err = f.store.Put(t.Context(), "head", storage.Bytes(body), page, storage.Condition{ETag: first.ETag})
	wantError(t, err, storage.ErrPrecondition, "put", "head")
	third, err := f.store.Put(t.Context(), "head", storage.Bytes(body), page, storage.Condition{ETag: second.ETag})
	if err != nil {
		t.Fatalf("update with a large object: %v", err)
	}
	if got := wantBody(t, f.store, "head", body); got.ETag != third.ETag {
		t.Errorf("ETags differ: put %q, get %q", third.ETag, got.ETag)
	}
	if err := f.store.Delete(t.Context(), "head"); err != nil {
		t.Fatal(err)
	}
	_, err = f.store.Put(t.Context(), "head", storage.Bytes([]byte("x")), page, storage.Condition{ETag: third.ETag})
	wantError(t, err, storage.ErrPrecondition, "put", "head")
}

func concurrentCreate(t *testing.T, f *fixture) {
	for round := range 5 {
		key := fmt.Sprintf("lock/%d", round)
		var won atomic.Int32
		var winner atomic.Value
		race(func(n int) {
			body := fmt.Sprintf("writer %d", n)
			_, err := f.store.Put(t.Context(), key, storage.Bytes([]byte(body)), page, storage.Condition{Absent: true})
			if err == nil {
				won.Add(1)
				winner.Store(body)
				return
			}
			wantError(t, err, storage.ErrPrecondition, "put", key)
		})
		if won.Load() != 1 {
			t.Fatalf("round %d: %d of %d writers created the object", round, won.Load(), writers)
		}
		if got := get(t, f.store, key); got.body != winner.Load() {
			t.Errorf("round %d: %v won, but the object is of %q", round, winner.Load(), got.body)
		}
	}
}

func compareAndSwap(t *testing.T, f *fixture) {
	const each = 5
	put(t, f.store, "counter", "0", page)
	race(func(int) {
		for done := 0; done < each; {
			err := increment(t, f.store)
			switch {
			case err == nil:
				done++
			case !errors.Is(err, storage.ErrPrecondition):
				t.Error(err)
				return
			}
		}
	})
	if got := get(t, f.store, "counter").body; got != strconv.Itoa(writers*each) {
		t.Errorf("%d increments counted to %s: updates were lost", writers*each, got)
	}
}

// increment adds one to the number in counter unless that was changed
// meanwhile.
func increment(t *testing.T, s storage.Store) error {
	o, err := read(t.Context(), s, "counter")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(o.body)
	if err != nil {
		return err
	}
	_, err = s.Put(t.Context(), "counter", storage.Bytes([]byte(strconv.Itoa(n+1))), page, storage.Condition{ETag: o.ETag})
	return err
}

// race runs f in all writers, which start together.
func race(f func(n int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			<-start
			f(n)
		})
	}
	close(start)
	wg.Wait()
}
