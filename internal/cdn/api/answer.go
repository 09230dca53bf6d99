package api

import (
	"errors"
	"fmt"
	"math"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn"
)

// Error is a request that the CDN did not acknowledge.
type Error struct {
	Kind   error         // of package cdn, or nil
	Status int           // of the answer; 0: there was none
	Page   bool          // the answer is an HTML page: it is hardly the API's own
	Wait   time.Duration // that the CDN asked for and was not given

	asked time.Duration // that the CDN asked for
	text  string
}

// Error returns the kind, the CDN's words and the status in one line.
func (e *Error) Error() string {
	text := e.text
	if e.Wait > 0 {
		text += fmt.Sprintf("; it asks to wait %s", e.Wait.Round(time.Second))
	}
	if e.Kind == nil {
		return text
	}
	return e.Kind.Error() + ": " + text
}

// Unwrap returns the sentinel of package cdn, if one fits.
func (e *Error) Unwrap() error { return e.Kind }

// passing reports whether the same request may succeed later.
func (e *Error) passing() bool {
	return e.Status == 0 || e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooManyRequests || e.Status >= 500
}

// Hints are what to do about failures that differ from CDN to CDN, as
// sentences.
type Hints struct{ Denied, NotFound string }

// Fail makes the *cdn.Error of a purger, or nil where err is nil.
func Fail(name string, err error, h Hints) error {
	if err == nil {
		return nil
	}
	out := &cdn.Error{CDN: name, Err: err}
	var e *Error
	if !errors.As(err, &e) {
		return out
	}
	switch {
	case errors.Is(e.Kind, cdn.ErrDenied) && e.Page:
		out.Hint = "The answer is an HTML page and not the API's own: check for a proxy or firewall in between."
	case errors.Is(e.Kind, cdn.ErrDenied):
		out.Hint = h.Denied
	case errors.Is(e.Kind, cdn.ErrNotFound):
		out.Hint = h.NotFound
	case e.Wait > 0:
		out.Hint = fmt.Sprintf("Run the command again in %s.", e.Wait.Round(time.Second))
	case errors.Is(e.Kind, cdn.ErrLimited):
		out.Hint = "Run the command again in a few minutes."
	}
	return out
}

// judge returns nil where the answer acknowledges the call, else an *Error.
func (c *Client) judge(call Call, res *http.Response, body []byte) error {
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	e := &Error{Status: res.StatusCode, Page: media == "text/html"}
	switch ok := res.StatusCode/100 == 2; {
	case e.Page: // a login or error page of something in between, whatever its status
		e.text = fmt.Sprintf("the answer is an HTML page (status %d)", e.Status)
	case ok && call.Accept == nil:
		return nil
	case ok:
		wrong := call.Accept(body)
		if wrong == "" {
			return nil
		}
		e.text = fmt.Sprintf("%s (status %d)", c.clean(wrong), e.Status)
	default:
		e.text = fmt.Sprintf("the answer has status %d", e.Status)
		if said := c.clean(c.words(body)); said != "" {
			e.text = fmt.Sprintf("%s (status %d)", said, e.Status)
		}
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests:
		e.Kind = cdn.ErrLimited
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Kind = cdn.ErrDenied
	case http.StatusNotFound:
		e.Kind = cdn.ErrNotFound
	}
	e.asked = RetryAfter(res.Header, time.Now())
	return e
}

// RetryAfter returns how long the headers of an answer ask to wait: seconds, or
// a date (RFC 9110, section 10.2.3). 0: they do not.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil && !math.IsNaN(s) {
		s = min(max(s, 0), 366*24*3600) // beyond this a Duration may overflow
		return time.Duration(s * float64(time.Second))
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}
