//go:build !race

// The race detector allocates for itself.

package deploy

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/storage/storagetest"
)

// costFiles is how many files the site has by which costs are judged: so many that
// what a deploy takes of itself does not count.
const costFiles = 50_000

// costSite is an output of pages, of which every nth is another one in the given
// version. 0: none is.
func costSite(version string, nth int) Desired {
	d := Desired{Objects: make([]state.Object, costFiles), Files: make([]string, costFiles), Dir: "/dist"}
	headers := storage.Headers{storage.ContentType: "text/html; charset=utf-8"}
	for i := range costFiles {
		content := fmt.Append(nil, i)
		if nth > 0 && i%nth == 0 {
			content = fmt.Append(content, version)
		}
		d.Files[i] = fmt.Sprintf("docs/%05d/index.html", i)
		d.Objects[i] = state.Object{Path: d.Files[i], Size: 7919, SHA256: sha256.Sum256(content), Headers: headers}
	}
	return d
}

// weighed is a storage of a site that keeps nothing, and of its records. It weighs
// what the process holds when each of these is written, and with the last file.
type weighed struct {
	storage.Store // of records
	events        []event.Event
	base          uint64 // bytes without the deploy
	files         int    // that are still to be written
	most          map[string]float64
}

// live returns how many bytes are in use.
func live() uint64 {
	runtime.GC()
	runtime.GC() // what pools have kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (w *weighed) weigh(moment string) {
	w.most[moment] = float64(int64(live()-w.base)) / costFiles
}

// Emit keeps an event, as the record of a run does.
func (w *weighed) Emit(e event.Event) {
	if _, ok := e.(event.Progress); !ok {
		w.events = append(w.events, e)
	}
}

func (w *weighed) Put(ctx context.Context, key string, src storage.Source, h storage.Headers, c storage.Condition) (storage.Info, error) {
	switch kind, _, _ := strings.Cut(key, "/"); kind {
	case "intents": // nobody reads it
		w.weigh(kind)
		runtime.KeepAlive(src)
		return storage.Info{Key: key}, nil
	case "releases":
		w.weigh(kind)
	}
	return w.Store.Put(ctx, key, src, h, c)
}

// Copy keeps no displaced bytes.
func (w *weighed) Copy(_ context.Context, _ storage.CopySource, key string, _ storage.Headers) (storage.Info, error) {
	return storage.Info{Key: key}, nil
}

// bytesOf is the site's storage.
type bytesOf struct{ *weighed }

func (bytesOf) Get(_ context.Context, key string) (*storage.Object, error) {
	return nil, &storage.Error{Op: "get", Key: key, Err: storage.ErrNotExist}
}

func (b bytesOf) Put(_ context.Context, key string, src storage.Source, _ storage.Headers, _ storage.Condition) (storage.Info, error) {
	if b.files--; b.files == 0 {
		b.weigh("files")
	}
	return storage.Info{Key: key, Size: src.Size, ETag: fmt.Sprintf("%x", md5.Sum(src.SHA256[:]))}, nil
}

func (bytesOf) List(context.Context, string) iter.Seq2[storage.Info, error] {
	return func(func(storage.Info, error) bool) {}
}

// TestDeployHolds keeps to budgets what a deploy holds for each file of the site,
// in bytes, beside the list of files. They are some 30 more than what was needed when
// they were written, and less than one more list of all files takes.
func TestDeployHolds(t *testing.T) {
	records := storagetest.NewMemory()
	for _, step := range []struct {
		name    string
		output  Desired
		written int
		budgets map[string]float64
	}{
		{"all", costSite("", 0), costFiles, map[string]float64{"intents": 150, "files": 145, "releases": 200}},
		{"one per cent", costSite("b", 100), costFiles / 100, map[string]float64{"intents": 145, "files": 145, "releases": 210}},
	} {
		w := &weighed{Store: records, files: step.written, most: map[string]float64{}}
		w.base = live()
		r := Open(t.Context(), Options{Target: "nowhere", Live: bytesOf{w}, State: w, MixedPaths: true, Tool: "test", Sink: w, Workers: 1})
		if _, err := r.Deploy(t.Context(), step.output); err != nil {
			t.Fatal(err)
		}
		for moment, budget := range step.budgets {
			if w.most[moment] == 0 || w.most[moment] > budget {
				t.Errorf("%s, %s: %.0f bytes for each file are held; it may be %v", step.name, moment, w.most[moment], budget)
			}
		}
		t.Logf("%s: %v bytes for each file", step.name, w.most)
		runtime.KeepAlive(step.output)
		runtime.KeepAlive(w)
	}
}
