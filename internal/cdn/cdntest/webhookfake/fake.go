// Package webhookfake is a strict receiver of the webhook that
// docs/cdn-webhook.md describes, for tests. It checks signatures by itself, as
// that page tells receivers to.
package webhookfake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest"
)

// Path is where the receiver listens, and Secret what signs its requests.
const (
	Path   = "/hooks/8f1c"
	Secret = "fake-webhook-Yk3fT9sLqPzV7wXb2NdM"
)

// tolerance is how old a request may be.
const tolerance = 5 * time.Minute

// limits of one request, by kind.
var limits = map[cdn.Kind]int{cdn.URLs: 1000, cdn.Prefixes: 100, cdn.Hosts: 100, cdn.Tags: 100, cdn.Everything: 0}

type judge struct{}

// New starts a receiver that ends with the test.
func New(t testing.TB) *cdntest.Server {
	t.Helper()
	return cdntest.NewServer(t, judge{})
}

type body struct {
	Version  int       `json:"version"`
	Delivery string    `json:"delivery"`
	Kind     cdn.Kind  `json:"kind"`
	Items    *[]string `json:"items"`
	Origin   string    `json:"origin"`
}

// Judge answers as a careful receiver does.
func (judge) Judge(r *http.Request, raw []byte) cdntest.Verdict {
	var b body
	err := cdntest.Strict(raw, &b)
	v := cdntest.Verdict{Answer: cdntest.Status(http.StatusNoContent)}
	if err == nil && b.Items != nil {
		v.Items = items(b)
	}
	switch {
	case r.URL.RequestURI() != Path:
		v.Answer = cdntest.Status(404)
	case r.Method != http.MethodPost:
		v.Answer = cdntest.Status(405)
	case !signed(r.Header, raw):
		v.Answer = cdntest.JSON(401, map[string]string{"error": "bad signature"})
	case r.Header.Get("Content-Type") != "application/json":
		v.Answer = cdntest.Status(415)
	case err != nil || b.Version != 1 || b.Items == nil || b.Delivery == "" || b.Delivery != r.Header.Get("Pandastack-Delivery"):
		v.Answer = cdntest.JSON(400, map[string]string{"error": "bad body"})
	default:
		if wrong := check(b); wrong != "" {
			v.Answer = cdntest.JSON(400, map[string]string{"error": wrong})
			return v
		}
		v.Purged = true
	}
	return v
}

// signed checks the signature and the age of a request.
func signed(h http.Header, raw []byte) bool {
	stamp := h.Get("Pandastack-Timestamp")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if age := time.Since(time.Unix(at, 0)); err != nil || age > tolerance || age < -tolerance {
		return false
	}
	mac := hmac.New(sha256.New, []byte(Secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(raw)
	got, ok := strings.CutPrefix(h.Get("Pandastack-Signature"), "v1=")
	sum, err := hex.DecodeString(got)
	return ok && err == nil && hmac.Equal(sum, mac.Sum(nil))
}

func items(b body) []cdntest.Item {
	if b.Kind == cdn.Everything {
		return []cdntest.Item{{Kind: b.Kind}}
	}
	var out []cdntest.Item
	for _, name := range *b.Items {
		out = append(out, cdntest.Item{Kind: b.Kind, Name: name, Origin: b.Origin})
	}
	return out
}

// check returns what is wrong with a body, or "".
func check(b body) string {
	most, known := limits[b.Kind]
	switch {
	case !known:
		return "unknown kind " + string(b.Kind)
	case len(*b.Items) > most:
		return "too many items"
	case most > 0 && len(*b.Items) == 0:
		return "no items"
	case b.Origin != "" && b.Kind != cdn.URLs:
		return "an origin beside " + string(b.Kind)
	}
	for _, item := range *b.Items {
		if b.Kind == cdn.URLs || b.Kind == cdn.Prefixes {
			if wrong := cdntest.WrongURL(item); wrong != "" {
				return wrong
			}
		}
		if b.Kind == cdn.Prefixes && !strings.HasSuffix(item, "/") {
			return "a prefix without a slash at its end"
		}
	}
	return ""
}

// Spend takes nothing: a receiver has the rates that it likes.
func (judge) Spend([]cdntest.Item) http.HandlerFunc { return nil }

// Fault returns the faults with the words of a receiver.
func (judge) Fault(f cdntest.Fault) http.HandlerFunc {
	switch f {
	case cdntest.Refused:
		return cdntest.JSON(400, map[string]string{"error": "the fake refuses"})
	case cdntest.Echo:
		return cdntest.JSON(400, map[string]string{"error": cdntest.Words(Secret)})
	}
	return nil
}
