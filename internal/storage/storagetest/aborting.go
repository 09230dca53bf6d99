package storagetest

import (
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// huge is more than any provider sends in one request, in bytes.
const huge = 1 << 40

// aborts leaves uploads behind and drops some of them: those to the very key,
// begun within the time, of an object that is large enough for parts.
func aborts(t *testing.T, f *fixture) {
	if _, ok := f.bare.(storage.Aborter); ok == (f.NoAbort != "") {
		t.Fatalf("the store is an Aborter: %t; the harness says: %q", ok, f.NoAbort)
	}
	if deviates(t, f.NoAbort) {
		return
	}
	a := f.store.(storage.Aborter)
	stays := put(t, f.store, "ours.mp4", "live", page)
	for _, key := range []string{"ours.mp4", "ours.mp4", "ours.mp4.bak", "a b+c/ü.mp4", "small"} {
		f.BeginUpload(t, f.bare, f.prefix+key)
	}
	f.BeginUpload(t, f.bare, "neighbour/ours.mp4")
	abort := func(want int, uploads ...storage.Upload) {
		t.Helper()
		if n, err := a.Abort(t.Context(), uploads...); err != nil || n != want {
			t.Errorf("Abort(%+v) returned %d, %v, want %d", uploads, n, err, want)
		}
	}
	now := time.Now()
	soon := now.Add(time.Hour)
	abort(0)
	abort(0, storage.Upload{Key: "ours.mp4", Size: huge, Until: now.Add(-time.Hour)})
	abort(0, storage.Upload{Key: "ours.mp4", Size: huge, Since: soon, Until: soon.Add(time.Hour)})
	abort(0, storage.Upload{Key: "small", Size: 1, Until: soon}, storage.Upload{Key: "none", Size: huge, Until: soon})
	abort(3, storage.Upload{Key: "ours.mp4", Size: huge, Since: now.Add(-time.Hour), Until: soon}, storage.Upload{Key: "a b+c/ü.mp4", Size: huge, Until: soon})
	_, err := a.Abort(t.Context(), storage.Upload{Key: "/absolute", Size: huge, Until: soon})
	wantError(t, err, storage.ErrInvalidKey, "abort", "/absolute")
	for key, want := range map[string]int{
		f.prefix + "ours.mp4": 0, f.prefix + "a b+c/ü.mp4": 0,
		f.prefix + "ours.mp4.bak": 1, f.prefix + "small": 1, "neighbour/ours.mp4": 1,
	} {
		if n := f.Unfinished(t, f.bare, key); n != want {
			t.Errorf("%d unfinished uploads to %s are left, want %d", n, key, want)
		}
	}
	if got := get(t, f.store, "ours.mp4"); got.ETag != stays.ETag {
		t.Error("the object itself was changed")
	}
}
