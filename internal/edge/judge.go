package edge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// judge says what the answer to a change's URL is, and what was seen.
func (p *prover) judge(ctx context.Context, c Change, a *answer, err error) (Kind, string) {
	switch {
	case err != nil:
		return Unreachable, err.Error()
	case a.elsewhere != "" && c.New == nil:
		return Proved, ""
	case a.elsewhere != "":
		return Blocked, "a redirect to " + a.elsewhere
	case c.New != nil && p.same(ctx, a, c.New, true):
		return judgeHeaders(c, a)
	case c.Old != nil && p.same(ctx, a, c.Old, false):
		return Stale, ""
	case refused(a):
		return Blocked, fmt.Sprintf("status %d", a.status)
	case c.New == nil:
		return Proved, ""
	case isS3Error(a), a.status == http.StatusNotFound, a.status == http.StatusGone:
		return Missing, fmt.Sprintf("status %d", a.status)
	case a.status >= http.StatusInternalServerError:
		return Unreachable, fmt.Sprintf("status %d", a.status)
	case a.status == http.StatusForbidden:
		return Blocked, "status 403"
	case a.status != http.StatusOK:
		return Different, fmt.Sprintf("status %d", a.status)
	}
	return p.judgeBody(ctx, c, a)
}

// judgeBody says what an answer with the status 200 is that is neither the
// object of the release nor that of the one before it.
func (p *prover) judgeBody(ctx context.Context, c Change, a *answer) (Kind, string) {
	want := p.plain(ctx, c.New, true)
	if c.Path != Home && p.home != nil && a.decoded == p.home.SHA256 {
		return Missing, "answered with the home page"
	}
	if bytes.Contains(a.body[:min(len(a.body), 1<<10)], []byte("<ListBucketResult")) {
		return Missing, "answered with a listing of the bucket"
	}
	if !p.belongs(a.url, c.Path) {
		return Blocked, "a redirect to " + a.url.Path
	}
	if asksPassword(a.body) && !asksPassword(want) {
		return Blocked, "answered with a login form"
	}
	if how := rewritten(want, a.body); how != "" {
		return Altered, how
	}
	return Different, ""
}

// urls returns the URLs at which the file at a path may be answered.
func (p *prover) urls(path string) []string { return site.URLs(p.Base, path) }

// belongs reports whether a URL, of whatever scheme and port, is one at which
// the file at a path may be answered.
func (p *prover) belongs(u *url.URL, path string) bool {
	return slices.ContainsFunc(p.urls(path), func(s string) bool {
		v, err := url.Parse(s)
		return err == nil && v.EscapedPath() == u.EscapedPath()
	})
}

// judgeHeaders looks at the rest of an answer that has the right bytes.
func judgeHeaders(c Change, a *answer) (Kind, string) {
	if a.status != http.StatusOK {
		return Mistyped, fmt.Sprintf("status %d", a.status)
	}
	got, want := a.header.Get(storage.ContentType), c.New.Headers[storage.ContentType]
	if want == "" || sameType(got, want) {
		return Proved, ""
	}
	if c.Old != nil && sameType(got, c.Old.Headers[storage.ContentType]) {
		return Stale, fmt.Sprintf("Content-Type %q", got)
	}
	return Mistyped, fmt.Sprintf("Content-Type %q, not %q", got, want)
}

// sameType compares media types and their charsets, if both name one.
func sameType(a, b string) bool {
	ta, pa, errA := mime.ParseMediaType(a)
	tb, pb, errB := mime.ParseMediaType(b)
	if errA != nil || errB != nil {
		return a == b
	}
	return ta == tb && (pa["charset"] == "" || pb["charset"] == "" || strings.EqualFold(pa["charset"], pb["charset"]))
}

// cacheControl says how the header differs from the release's; "": it does
// not, or the release has none.
func cacheControl(c Change, a *answer) string {
	want := c.New.Headers[storage.CacheControl]
	got := strings.Join(a.header.Values(storage.CacheControl), ", ")
	if want == "" || slices.Equal(directives(got), directives(want)) {
		return ""
	}
	return fmt.Sprintf("%q in place of %q", got, want)
}

func directives(cacheControl string) []string {
	var out []string
	for d := range strings.SplitSeq(strings.ToLower(cacheControl), ",") {
		if d = strings.TrimSpace(d); d != "" {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// same reports whether an answer has the bytes of an object: as they are
// stored, or without the Content-Encoding of either.
func (p *prover) same(ctx context.Context, a *answer, o *state.Object, live bool) bool {
	if a.sent == o.SHA256 || a.decoded == o.SHA256 {
		return true
	}
	if o.Headers[storage.ContentEncoding] == "" || !a.whole {
		return false
	}
	want := p.plain(ctx, o, live)
	return want != nil && storage.Digest(sha256.Sum256(want)) == a.decoded
}

// plain returns the bytes of an object without their Content-Encoding, or nil
// where these cannot be had.
func (p *prover) plain(ctx context.Context, o *state.Object, live bool) []byte {
	if p.Stored == nil {
		return nil
	}
	body, err := p.Stored(ctx, o, live)
	if err != nil {
		return nil
	}
	defer body.Close()
	decoder, err := decode(o.Headers[storage.ContentEncoding], body)
	if err != nil {
		return nil
	}
	defer decoder.Close()
	b, err := io.ReadAll(io.LimitReader(decoder, MaxBody+1))
	if err != nil || len(b) > MaxBody {
		return nil
	}
	return b
}

// refused reports whether a server answers that it does not want to answer us:
// no access, too many requests, and what services answer with to what they
// take for a robot. Cloudflare names its challenges in a header
// (developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/).
func refused(a *answer) bool {
	switch a.status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true
	}
	return a.header.Get("Cf-Mitigated") != ""
}

// isS3Error reports whether it is the storage that does not have the object.
// Where nobody may list, S3 answers so with 403
// (docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
func isS3Error(a *answer) bool {
	head := a.body[:min(len(a.body), 1<<10)]
	return a.status == http.StatusForbidden && bytes.Contains(head, []byte("<Error>")) && bytes.Contains(head, []byte("<Code>"))
}

func asksPassword(page []byte) bool {
	page = bytes.ToLower(page)
	return bytes.Contains(page, []byte(`type="password"`)) || bytes.Contains(page, []byte("type=password"))
}
