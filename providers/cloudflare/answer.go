package cloudflare

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn"
)

// envelope is around every answer of the API.
type envelope struct {
	Success bool       `json:"success"`
	Errors  []apiError `json:"errors"`
}

// apiError is a failure as the API tells it.
type apiError struct {
	Code    int        `json:"code"`
	Message string     `json:"message"`
	Chain   []apiError `json:"error_chain"` // what is behind it
}

// Codes that tell more than the status.
var (
	// Tokens: malformed headers, no credentials, invalid, not allowed.
	deniedCodes = []int{6003, 6111, 9106, 9109, 10000}
	// "No route for that URI" and "Could not route to …".
	routeCodes = []int{7000, 7003}
)

// foreignURL is "You can only purge files for this zone".
const foreignURL = 1082

// answerError is an answer that did not acknowledge a purge.
type answerError struct {
	kind   error // of package cdn, or nil
	status int
	codes  []int
	page   bool // the answer was not JSON
	wait   time.Duration
	text   string
}

// Error returns the kind, the status, and Cloudflare's words.
func (e *answerError) Error() string {
	if e.kind == nil {
		return e.text
	}
	return e.kind.Error() + ": " + e.text
}

// Unwrap returns the sentinel of package cdn, if one fits.
func (e *answerError) Unwrap() error { return e.kind }

// isMalformed reports whether Cloudflare refused a request for its form.
func isMalformed(err error) bool {
	var a *answerError
	return errors.As(err, &a) && a.status == http.StatusBadRequest && a.kind == nil && !slices.Contains(a.codes, foreignURL)
}

// hint returns what to do about the error, or "".
func (e *answerError) hint() string {
	switch {
	case errors.Is(e.kind, cdn.ErrDenied) && e.page:
		return "The answer is not from Cloudflare's API: check for a proxy or firewall in between."
	case errors.Is(e.kind, cdn.ErrDenied):
		return "Give the API token the permission Zone → Cache Purge → Purge for this zone, and check that it has not expired."
	case errors.Is(e.kind, cdn.ErrNotFound):
		return "Check the zone id: it is on the overview page of the zone in the Cloudflare dashboard."
	case e.wait > 0:
		return fmt.Sprintf("Run the command again in %s.", e.wait.Round(time.Second))
	case errors.Is(e.kind, cdn.ErrLimited):
		return "Run the command again in a few minutes."
	case slices.Contains(e.codes, foreignURL):
		return "Check that siteUrl is a host of this zone."
	}
	return ""
}

// judge returns nil where the last answer says success, else an *answerError.
func (x *exchange) judge() error {
	var env envelope
	page := json.Unmarshal(x.body, &env) != nil
	if x.status/100 == 2 && !page && env.Success {
		return nil
	}
	e := &answerError{status: x.status, page: page, wait: x.wait}
	words := gather(env.Errors, &e.codes)
	e.kind = kindOf(x.status, e.codes)
	switch {
	case page:
		e.text = fmt.Sprintf("the answer has status %d and is not JSON", x.status)
	case len(words) == 0:
		e.text = fmt.Sprintf("the answer has status %d and gives no reason", x.status)
	default:
		e.text = fmt.Sprintf("%s (status %d)", x.clean(strings.Join(words, "; ")), x.status)
	}
	if x.wait > 0 {
		e.text += fmt.Sprintf("; Cloudflare asks to wait %s", x.wait.Round(time.Second))
	}
	return e
}

// gather flattens errors to words, and collects their codes.
func gather(errs []apiError, codes *[]int) []string {
	var words []string
	for _, e := range errs {
		*codes = append(*codes, e.Code)
		words = append(words, fmt.Sprintf("%s (code %d)", e.Message, e.Code))
		for _, c := range e.Chain { // one level is all that the API documents
			*codes = append(*codes, c.Code)
			words = append(words, fmt.Sprintf("%s (code %d)", c.Message, c.Code))
		}
	}
	return words
}

func kindOf(status int, codes []int) error {
	has := func(of []int) bool {
		return slices.ContainsFunc(codes, func(c int) bool { return slices.Contains(of, c) })
	}
	switch {
	case status == http.StatusTooManyRequests:
		return cdn.ErrLimited
	case has(routeCodes), status == http.StatusNotFound:
		return cdn.ErrNotFound
	case has(deniedCodes), status == http.StatusUnauthorized, status == http.StatusForbidden:
		return cdn.ErrDenied
	}
	return nil
}

// clean makes words from the network fit for a log.
func (p *Purger) clean(s string) string { return cdn.Clean(s, p.token) }
