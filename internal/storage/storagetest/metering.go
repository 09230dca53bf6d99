package storagetest

import (
	"maps"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// meter checks that each operation on a small object is one request of its
// kind, and nothing else.
func meter(t *testing.T, f *fixture) {
	m, ok := f.store.(storage.Meter)
	if _, bare := f.bare.(storage.Meter); bare != ok {
		t.Fatalf("the store is a Meter: %t; below a prefix: %t", bare, ok)
	}
	if ok == (f.NoMeter != "") {
		t.Fatalf("the store is a Meter: %t; the harness says: %q", ok, f.NoMeter)
	}
	if deviates(t, f.NoMeter) {
		return
	}
	const any = -1 // an answer may hold an error or a list, a request a list of keys
	expect := func(kind string, sent, received int64, op func()) {
		t.Helper()
		before := m.Usage()
		op()
		after := m.Usage()
		want := maps.Clone(before.Requests)
		want[kind]++
		if !maps.Equal(after.Requests, want) {
			t.Errorf("%s: requests went from %v to %v", kind, before.Requests, after.Requests)
		}
		if n := after.BytesSent - before.BytesSent; sent != any && n != sent {
			t.Errorf("%s: %d bytes sent, want %d", kind, n, sent)
		}
		if n := after.BytesReceived - before.BytesReceived; received != any && n != received {
			t.Errorf("%s: %d bytes received, want %d", kind, n, received)
		}
	}
	put(t, f.store, "a", "warm up", page)
	expect("PUT", 5, 0, func() { put(t, f.store, "a", "hello", page) })
	expect("GET", 0, 5, func() { get(t, f.store, "a") })
	expect("LIST", 0, any, func() { listed(t, f.store, "") })
	expect("PUT", 2, 0, func() {
		if _, err := f.store.Put(t.Context(), "b", storage.Bytes([]byte("hi")), page, storage.Condition{Absent: true}); err != nil {
			t.Error(err)
		}
	})
	expect("GET", 0, any, func() {
		if o, err := f.store.Get(t.Context(), "missing"); err == nil {
			o.Body.Close()
		}
	})
	if c := f.copier(t); c != nil {
		expect("COPY", 0, any, func() {
			if _, err := c.Copy(t.Context(), storage.CopySource{Key: "a", Size: 5}, "c", page); err != nil {
				t.Error(err)
			}
		})
	}
	expect("DELETE", any, any, func() {
		if err := f.store.Delete(t.Context(), "a"); err != nil {
			t.Error(err)
		}
	})
	m.Usage().Requests["PUT"] += 1000
	expect("PUT", 5, 0, func() { put(t, f.store, "a", "hello", page) })
}
