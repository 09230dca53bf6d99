package edge

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// answer is what a URL answered, after redirects within its host.
type answer struct {
	url       *url.URL // where the redirects ended
	elsewhere string   // a redirect to this URL of another host; then there is nothing else
	status    int
	header    http.Header
	sent      storage.Digest // of the bytes as they were sent
	decoded   storage.Digest // of the bytes without their Content-Encoding
	body      []byte         // decoded
	whole     bool           // body is all of it
}

// client asks for URLs as a visitor does: without credentials and cookies, and
// without wishes about caches.
type client struct {
	http      *http.Client
	userAgent string
	timeout   time.Duration
}

// acceptEncoding is what decode knows.
const acceptEncoding = "gzip, br, zstd"

var errRedirects = fmt.Errorf("more than %d redirects", maxRedirects)

func newClient(o Options, timeout time.Duration) *client {
	transport := o.Transport
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableKeepAlives = true // a handful of requests: nothing is left open
		transport = t
	}
	return &client{
		http:      &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		userAgent: o.UserAgent, timeout: timeout,
	}
}

// get asks for a URL and follows redirects within its host.
func (c *client) get(ctx context.Context, target string, header http.Header) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	at, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	for range maxRedirects + 1 {
		a, next, err := c.once(ctx, at, header)
		switch {
		case err != nil:
			return nil, c.plain(err)
		case next == nil:
			return a, nil
		case !strings.EqualFold(next.Hostname(), at.Hostname()):
			return &answer{url: at, elsewhere: next.Scheme + "://" + next.Host + "/"}, nil
		}
		at = next
	}
	return nil, errRedirects
}

// once sends one request. next is where the answer redirects to, or nil.
func (c *client) once(ctx context.Context, at *url.URL, header http.Header) (a *answer, next *url.URL, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("Accept", "*/*")
	req.Header.Set("Accept-Encoding", acceptEncoding)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if isRedirect(resp.StatusCode) {
		if next, err = resp.Location(); err == nil && (next.Scheme == "http" || next.Scheme == "https") {
			return nil, next, nil
		}
	}
	a = &answer{url: at, status: resp.StatusCode, header: resp.Header}
	return a, nil, a.read(resp.Body)
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// read reads the body, as far as MaxBody. It fails where the answer breaks off;
// a Content-Encoding that does not fit only leaves nothing decoded.
func (a *answer) read(body io.Reader) error {
	sent := sha256.New()
	wire := &watched{r: io.TeeReader(io.LimitReader(body, MaxBody+1), sent)}
	decoder, err := decode(a.header.Get(storage.ContentEncoding), wire)
	if err == nil {
		defer decoder.Close()
		a.body, err = io.ReadAll(io.LimitReader(decoder, MaxBody+1))
	}
	if wire.err == nil {
		_, _ = io.Copy(io.Discard, wire) // what the decoder left
	}
	if wire.err != nil {
		return wire.err
	}
	a.whole = err == nil && len(a.body) <= MaxBody
	if wire.n <= MaxBody {
		a.sent = storage.Digest(sent.Sum(nil))
	}
	if a.whole {
		a.decoded = sha256.Sum256(a.body)
	}
	return nil
}

// watched counts what was read, and keeps the error that is not its end: a
// decoder hides it.
type watched struct {
	r   io.Reader
	n   int64
	err error
}

// Read reads from what is watched.
func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	w.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// decode undoes a Content-Encoding (RFC 9110, section 8.4).
func decode(encoding string, r io.Reader) (io.ReadCloser, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return io.NopCloser(r), nil
	case "gzip", "x-gzip":
		return gzip.NewReader(r)
	case "br":
		return io.NopCloser(brotli.NewReader(r)), nil
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(4*MaxBody))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("the Content-Encoding %q is not known", encoding)
}

// plain says in short why there is no answer.
func (c *client) plain(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("no whole answer within %v", c.timeout)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("the answer broke off")
	}
	return err
}
