package testbed

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"time"
)

// Fault is one way in which an S3 service, or the way to it, fails a request.
type Fault struct {
	Name string
	// Serve answers a request in place of forward, which leads to the server.
	// The context of r ends when the client is gone; what is forwarded goes on.
	Serve func(w http.ResponseWriter, r *http.Request, forward http.Handler)
}

// Faults returns all kinds of faults. Those whose names begin with "done" let
// the server do the request first.
func Faults() []Fault {
	return []Fault{
		{"500", refuse(500, "InternalError")},
		{"503 SlowDown", refuse(503, "SlowDown")},
		{"429 Retry-After", refuse(429, "TooManyRequests", "Retry-After", "1")},
		{"429 bare", refuse(429, "")},
		{"409 conflict", refuse(409, "ConditionalRequestConflict")},
		{"409 aborted", refuse(409, "OperationAborted")},
		// As S3 does where a copy or the end of a multipart upload fails late
		// (docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html).
		{"200 with an error", refuse(200, "InternalError")},
		{"reset", reset},
		{"half-closed", halfClosed},
		{"stalled", stalled},
		{"late", late},
		{"done, then 500", done(refuse(500, "InternalError"))},
		{"done, then reset", done(reset)},
		{"done, then half-closed", done(halfClosed)},
		{"done, then stalled", done(stalled)},
		{"done, body stalls", partly(true, stalled)},
		{"done, truncated", partly(true, halfClosed)},
		{"done, chunk cut", partly(false, halfClosed)},
		{"done, wrong ETag", rewritten(wrongETag)},
		{"done, Date +1h", rewritten(dateOff(time.Hour))},
		{"done, Date -1h", rewritten(dateOff(-time.Hour))},
	}
}

// Refusal is an answer that is not worth another attempt.
func Refusal(status int, code string) Fault {
	return Fault{Name: code, Serve: refuse(status, code)}
}

// refuse answers with an error; without a code, without a body. header is
// names and values in turn.
func refuse(status int, code string, header ...string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if code != "" && r.Method != http.MethodHead {
			_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>A fault of the test.</Message></Error>", code)
		}
	}
}

// connection takes the connection of a request from the server, after the
// request has been read.
func connection(w http.ResponseWriter, r *http.Request) *net.TCPConn {
	_, _ = io.Copy(io.Discard, r.Body)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return conn.(*net.TCPConn)
}

// reset sends RST in place of an answer, or of the rest of it.
func reset(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	conn := connection(w, r)
	_ = conn.SetLinger(0)
	_ = conn.Close()
}

// halfClosed sends FIN in place of an answer, or of the rest of it, and goes
// on listening.
func halfClosed(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	conn := connection(w, r)
	defer conn.Close()
	_ = conn.CloseWrite()
	untilGone(conn)
}

// stalled sends nothing, or no more, for as long as the client listens.
func stalled(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	conn := connection(w, r)
	defer conn.Close()
	untilGone(conn)
}

// untilGone waits until the client closes a connection, at most a minute.
func untilGone(conn *net.TCPConn) {
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	_, _ = io.Copy(io.Discard, conn)
}

// late delays a request.
func late(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	time.Sleep(50 * time.Millisecond)
	forward.ServeHTTP(w, r)
}

// done lets the server do it first, and nobody hear its answer.
func done(then func(http.ResponseWriter, *http.Request, http.Handler)) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		forward.ServeHTTP(httptest.NewRecorder(), r)
		then(w, r, forward)
	}
}

// partly sends the head of the answer and the first half of its body, of a
// length that is announced or in chunks. An answer with an empty body promises
// one; one that can have none is whole.
func partly(length bool, then func(http.ResponseWriter, *http.Request, http.Handler)) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		rec := answerOf(forward, w, r)
		half := rec.Body.Bytes()
		if rec.Code == http.StatusNoContent { // which can have no body
			w.WriteHeader(rec.Code)
			return
		}
		w.Header().Del("Content-Length")
		if length {
			w.Header().Set("Content-Length", strconv.Itoa(max(len(half), 10)))
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(half[:len(half)/2])
		_ = http.NewResponseController(w).Flush()
		then(w, r, forward)
	}
}

// answerOf gets the server's answer and copies its headers to w.
func answerOf(forward http.Handler, w http.ResponseWriter, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	forward.ServeHTTP(rec, r)
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	return rec
}

// rewritten changes an answer on its way.
func rewritten(change func(h http.Header, body []byte) []byte) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		rec := answerOf(forward, w, r)
		body := change(w.Header(), rec.Body.Bytes())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
	}
}

const falseTag = "0123456789abcdef0123456789abcdef"

var tagElement = regexp.MustCompile(`<ETag>[^<]*</ETag>`)

// wrongETag names another version than there is. The length stays the same.
func wrongETag(h http.Header, body []byte) []byte {
	if h.Get("ETag") != "" {
		h.Set("ETag", `"`+falseTag+`"`)
	}
	if h.Get("Content-Type") == "application/xml" {
		h.Del("Content-Length")
		body = tagElement.ReplaceAll(body, []byte("<ETag>&#34;"+falseTag+"&#34;</ETag>"))
	}
	return body
}

// dateOff moves the server's clock.
func dateOff(by time.Duration) func(http.Header, []byte) []byte {
	return func(h http.Header, body []byte) []byte {
		if at, err := http.ParseTime(h.Get("Date")); err == nil {
			h.Set("Date", at.Add(by).UTC().Format(http.TimeFormat))
		}
		return body
	}
}
