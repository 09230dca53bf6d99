package s3

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

func fault(name string) func(http.ResponseWriter, *http.Request, http.Handler) {
	all := testbed.Faults()
	return all[slices.IndexFunc(all, func(f testbed.Fault) bool { return f.Name == name })].Serve
}

func impatient(o *Options) {
	o.AnswerTime, o.MaxBackoff = 200*time.Millisecond, time.Millisecond
	o.HTTPClient = &http.Client{Transport: &http.Transport{}} // which itself waits for ever
}

// TestStalled: nothing is waited for without an end, and one stall is got over.
func TestStalled(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 100_000)
	put := func(s *Store) error {
		_, err := s.Put(t.Context(), "k", storage.Bytes(content), nil, storage.Condition{})
		return err
	}
	get := func(s *Store) error {
		o, err := s.Get(t.Context(), "k")
		if err != nil {
			return err
		}
		defer o.Body.Close()
		got, err := io.ReadAll(o.Body)
		if err == nil && !bytes.Equal(got, content) {
			t.Error("other bytes came back")
		}
		return err
	}
	list := func(s *Store) error {
		for _, err := range s.List(t.Context(), "") {
			if err != nil {
				return err
			}
		}
		return nil
	}
	unread := func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		// A body that the peer does not read stops when all buffers are full.
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		time.AfterFunc(10*time.Second, func() { _ = conn.Close() })
	}
	large := func(s *Store) error {
		_, err := s.Put(t.Context(), "large", storage.Bytes(bytes.Repeat(content, 300)), nil, storage.Condition{})
		return err
	}
	for _, tt := range []struct {
		name, method string
		fault        func(http.ResponseWriter, *http.Request, http.Handler)
		do           func(*Store) error
	}{
		{"no answer to a PUT", "PUT", fault("stalled"), put},
		{"no answer to a PUT that was done", "PUT", fault("done, then stalled"), put},
		{"no answer to a GET", "GET", fault("stalled"), get},
		{"half a body", "GET", fault("done, body stalls"), get},
		{"half a list", "GET", fault("done, body stalls"), list},
		{"a body that is not read", "PUT", unread, large},
	} {
		for n, fails := range map[int32]bool{1: false, 99: true} {
			s, p := proxied(t, testbed.MinIO(t), impatient)
			if err := put(s); err != nil {
				t.Fatal(err)
			}
			p.Reset()
			p.Around(first(n, method(tt.method), tt.fault))
			err := tt.do(s)
			var e *ResponseError
			switch {
			case !fails && err != nil:
				t.Errorf("%s once: %v", tt.name, err)
			case fails && (!errors.As(err, &e) || e.Kind != storage.ErrUnreachable || !strings.HasSuffix(e.Detail, "does not answer in time")):
				t.Errorf("%s: %v", tt.name, err)
			case fails && strings.Count(lines(p), "\n") != stallAttempts:
				t.Errorf("%s: %d attempts:\n%s", tt.name, strings.Count(lines(p), "\n"), lines(p))
			}
		}
	}
}

// TestPatience: a copy is given time for its size, and not without end.
func TestPatience(t *testing.T) {
	p := &patience{time: time.Second}
	for size, want := range map[int64]time.Duration{0: time.Second, 64 << 20: 65 * time.Second, 1 << 40: time.Second + maxAnswerTime} {
		r, err := http.NewRequestWithContext(withEffort(t.Context(), size), http.MethodPut, "http://s3.test/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.forAnswer(r); got != want {
			t.Errorf("%d bytes: %v, want %v", size, got, want)
		}
	}
}

// TestSuccessOfSomethingElse: a success without an ETag is none of S3.
func TestSuccessOfSomethingElse(t *testing.T) {
	s := faked(t, &fake{answer: func(int, *http.Request) *http.Response { return answer(200, "<html>Welcome</html>") }},
		Options{Provider: "r2", AccountID: "a", MaxAttempts: 1})
	_, getErr := s.Get(t.Context(), "k")
	_, putErr := s.Put(t.Context(), "k", storage.Bytes([]byte("x")), nil, storage.Condition{})
	_, copyErr := s.Copy(t.Context(), storage.CopySource{Key: "a"}, "k", nil)
	for op, err := range map[string]error{"get": getErr, "put": putErr, "copy": copyErr} {
		if !errors.Is(err, storage.ErrUnreachable) {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// TestCopyAgain: a copy whose answer was lost is sent again, and where its
// condition then fails, the first one may have been done.
func TestCopyAgain(t *testing.T) {
	f := &fake{answer: func(n int, _ *http.Request) *http.Response {
		if n == 0 {
			return answer(500, s3Error("InternalError", "later"))
		}
		return answer(412, s3Error("PreconditionFailed", ""))
	}}
	s := faked(t, f, Options{Provider: "r2", AccountID: "a", MaxBackoff: time.Millisecond})
	_, err := s.Copy(t.Context(), storage.CopySource{Key: "k", ETag: "e"}, "k", nil)
	if !errors.Is(err, storage.ErrPrecondition) || !errors.Is(err, storage.ErrUnanswered) {
		t.Error(err)
	}
}
