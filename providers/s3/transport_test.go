package s3

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// TestWhoHashes: other bytes than were announced are found out before all of
// them are sent, unless the service is known to find that out.
func TestWhoHashes(t *testing.T) {
	f := &fake{answer: func(int, *http.Request) *http.Response { return answer(200, "", `ETag: "e"`) }}
	s := faked(t, f, Options{Provider: "minio", Endpoint: "https://storage.example"})
	for _, size := range []int{1, writeBuffer, writeBuffer + 1, 1 << 20} {
		for _, checked := range []bool{false, true} {
			src := storage.Bytes(make([]byte, size))
			src.SHA256[0] ^= 1
			src.Checked = checked
			_, err := s.Put(t.Context(), "index.html", src, nil, storage.Condition{})
			if errors.Is(err, storage.ErrModified) == checked || checked && err != nil {
				t.Errorf("%d bytes, checked there: %v: %v", size, checked, err)
			}
			if want := src.SHA256.String(); checked && f.requests[len(f.requests)-1].Header.Get("X-Amz-Content-Sha256") != want {
				t.Errorf("%s is not announced", want)
			}
		}
	}
}

// TestOtherBytesRefused: where the service finds other bytes, the message tells how
// the file has changed, and does not where it has not.
func TestOtherBytesRefused(t *testing.T) {
	const words = "The provided 'x-amz-content-sha256' header does not match what was computed."
	f := &fake{answer: func(int, *http.Request) *http.Response {
		return answer(400, s3Error("XAmzContentSHA256Mismatch", words))
	}}
	s := faked(t, f, Options{Provider: "minio", Endpoint: "https://storage.example"})
	for _, size := range []int{10, writeBuffer + 1} {
		file := filepath.Join(t.TempDir(), "index.html")
		before := bytes.Repeat([]byte("a"), size)
		src := storage.File(file, int64(size), storage.Bytes(before).SHA256)
		src.Checked = true
		for now, want := range map[string]string{strings.Repeat("b", size): "its SHA-256 is ", string(before): words} {
			if err := os.WriteFile(file, []byte(now), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := s.Put(t.Context(), "index.html", src, nil, storage.Condition{})
			if !errors.Is(err, storage.ErrModified) || !strings.Contains(err.Error(), want) {
				t.Errorf("%d bytes: %v, want %q", size, err, want)
			}
		}
	}
}

// hasty answers before it reads the body, as HTTP allows, and reads it when the
// next requests have been answered.
type hasty struct {
	mu     sync.Mutex
	bodies []io.Reader
}

func (h *hasty) Do(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bodies = append(h.bodies, r.Body)
	return answer(http.StatusOK, "", `ETag: "e"`), nil
}

// TestEarlyAnswer: a body is the one that was sent, though it was answered
// before it was read.
func TestEarlyAnswer(t *testing.T) {
	h := &hasty{}
	client := inOnePiece{h}
	var sent [][]byte
	for i := range 10 {
		sent = append(sent, bytes.Repeat([]byte{byte(i)}, 1+i))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://storage.example/www/a", io.NopCloser(io.MultiReader(bytes.NewReader(sent[i]))))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = int64(len(sent[i]))
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	for i, body := range h.bodies {
		if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, sent[i]) {
			t.Errorf("%d: %v, %v; want %v", i, got, err, sent[i])
		}
	}
}
