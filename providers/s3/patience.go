package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	// answerTime is how long the other side may be silent: while a body is
	// on its way, no byte of it moves; after that, no answer begins.
	answerTime = 30 * time.Second
	// maxAnswerTime bounds the time that is granted for the size of a request.
	maxAnswerTime = 5 * time.Minute
	// stallAttempts bounds the attempts of a request whose answer stalls, and
	// how often a stalled body is asked for: a service that hangs is reported
	// after minutes, not after a quarter of an hour.
	stallAttempts = 3
)

// errStalled reports that the other side stopped in the middle of an exchange.
var errStalled error = stalledError{}

type stalledError struct{}

// Error says what happened.
func (stalledError) Error() string { return "no byte moved for too long" }

// Timeout makes it what the network calls a timeout.
func (stalledError) Timeout() bool { return true }

// isStalled reports whether the other side stopped.
func isStalled(err error) bool { return errors.Is(err, errStalled) }

// effort is the context key of the number of bytes that a request without a
// body makes the service copy.
type effort struct{}

// withEffort grants a request more time for its answer.
func withEffort(ctx context.Context, bytes int64) context.Context {
	return context.WithValue(ctx, effort{}, bytes)
}

// patience ends exchanges in which nothing moves. A total timeout would end
// large bodies on slow lines; without any, a peer that vanished is waited for
// until the system gives up, which it does not do while it only listens.
type patience struct {
	next aws.HTTPClient
	time time.Duration // answerTime, but for tests
}

// Do sends one request. It fails with errStalled, and so does the body of the
// answer, where nothing moved for too long.
func (p *patience) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	w := &watch{cancel: cancel, ctx: ctx, time: p.time}
	w.timer = time.AfterFunc(p.forAnswer(r), func() { cancel(errStalled) })
	r = r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		w.wait(p.time)
		r.Body = &sending{ReadCloser: r.Body, watch: w, answer: p.forAnswer(r)}
	}
	resp, err := p.next.Do(r)
	if err != nil {
		w.end()
		return nil, w.reason(err)
	}
	w.rest()
	resp.Body = &receiving{resp.Body, w}
	return resp, nil
}

// forAnswer returns how long an answer may take to begin after the request is
// sent: the service may have to read or copy its bytes, a second for each MiB,
// and some of them may still wait in this machine's buffers.
func (p *patience) forAnswer(r *http.Request) time.Duration {
	size, _ := r.Context().Value(effort{}).(int64)
	size = max(size, r.ContentLength)
	return p.time + min(time.Duration(size>>20)*time.Second, maxAnswerTime)
}

// watch is one exchange.
type watch struct {
	mu     sync.Mutex
	timer  *time.Timer
	ended  bool
	ctx    context.Context
	cancel context.CancelCauseFunc
	time   time.Duration
}

// wait begins the time anew.
func (w *watch) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.timer.Reset(d)
	}
}

// rest stops the time while it is the reader that does not go on.
func (w *watch) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
}

// end stops the watch and gives the connection back.
func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
	w.cancel(nil)
}

// reason returns why an exchange failed: the transport reports only that its
// context ended.
func (w *watch) reason(err error) error {
	if isStalled(context.Cause(w.ctx)) {
		return errStalled
	}
	return err
}

// sending is the body of a request.
type sending struct {
	io.ReadCloser
	watch  *watch
	answer time.Duration
}

// Read begins the time anew. After the last byte it is that for the answer.
func (s *sending) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil {
		s.watch.wait(s.answer)
	} else {
		s.watch.wait(s.watch.time)
	}
	return n, err
}

// receiving is the body of an answer.
type receiving struct {
	io.ReadCloser
	watch *watch
}

// Read lets the time run until something comes.
func (r *receiving) Read(p []byte) (int, error) {
	r.watch.wait(r.watch.time)
	n, err := r.ReadCloser.Read(p)
	r.watch.rest()
	if err != nil && err != io.EOF {
		err = r.watch.reason(err)
	}
	return n, err
}

// Close ends the exchange.
func (r *receiving) Close() error {
	err := r.ReadCloser.Close()
	r.watch.end()
	return err
}
