package edge

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	html = "text/html; charset=utf-8"
	css  = "text/css; charset=utf-8"
	// quick is the wait of tests between two attempts.
	quick = time.Millisecond
)

// object describes bytes as a release does.
func object(path, contentType, body string) *state.Object {
	return &state.Object{
		Path: path, Size: int64(len(body)), SHA256: sha256.Sum256([]byte(body)),
		Headers: storage.Headers{storage.ContentType: contentType, storage.CacheControl: "public, max-age=0"},
	}
}

// world is a site as a server shows it, and what is asked of it.
type world struct {
	server *httptest.Server
	bytes  map[storage.Digest]string // what the bucket holds

	mu     sync.Mutex
	asked  []*http.Request
	purged [][]string
}

// newWorld starts a server that answers as handler does.
func newWorld(t *testing.T, handler http.HandlerFunc) *world {
	t.Helper()
	w := &world{bytes: map[storage.Digest]string{}}
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, r)
		w.mu.Unlock()
		handler(rw, r)
	}))
	t.Cleanup(w.server.Close)
	return w
}

// stored is an object whose bytes the bucket holds.
func (w *world) stored(path, contentType, body string) *state.Object {
	o := object(path, contentType, body)
	w.bytes[o.SHA256] = body
	return o
}

// options are those of a proof that has ten seconds, and never waits.
func (w *world) options(t *testing.T) Options {
	t.Helper()
	base, err := url.Parse(w.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Base: base, UserAgent: "pandastack/test", Timeout: 10 * time.Second, Backoff: quick,
		Stored: func(_ context.Context, o *state.Object, _ bool) (io.ReadCloser, error) {
			b, ok := w.bytes[o.SHA256]
			if !ok {
				return nil, errors.New("gone")
			}
			return io.NopCloser(bytes.NewReader([]byte(b))), nil
		},
		Purge: func(_ context.Context, paths []string) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.purged = append(w.purged, paths)
			return nil
		},
	}
}

// requests returns how many there were.
func (w *world) requests() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

// answerWith answers with these bytes and headers.
func answerWith(status int, contentType, body string, more ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "public, max-age=0")
		for i := 0; i+1 < len(more); i += 2 {
			w.Header().Set(more[i], more[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// byPath answers by the path of the request, and 404 else.
func byPath(routes map[string]http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if h := routes[r.URL.Path]; h != nil {
			h(w, r)
			return
		}
		answerWith(http.StatusNotFound, html, "<h1>not found</h1>")(w, r)
	}
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

// encoded returns a body in a Content-Encoding.
func encoded(t *testing.T, encoding, body string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		z, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	default:
		t.Fatal(fmt.Errorf("%q?", encoding))
	}
	_, err := io.WriteString(w, body)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
