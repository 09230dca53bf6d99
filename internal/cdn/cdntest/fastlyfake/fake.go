// Package fastlyfake is a strict stand-in for the part of Fastly's API that
// purges caches, for tests. It refuses what the real one refuses, and more:
// whatever a correct client does not send.
//
// Source: https://www.fastly.com/documentation/reference/api/purging/.
package fastlyfake

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest"
)

// The service and the token that a server knows.
const (
	ServiceID = "SU1Z0isxPaozGVKXdv0eY"
	Token     = "fake-fastly-6mPzQ0xWvUtSrRqPoNmLkJiHgFeDcBa"
)

// maxKeys is how many surrogate keys one request may have.
const maxKeys = 256

// Options says what a server accepts.
type Options struct {
	Hosts []string // of the account's services; empty: all
	Soft  bool     // URLs and keys must be purged softly; false: must not
}

type judge struct{ o Options }

// New starts a server that ends with the test.
func New(t testing.TB, o Options) *cdntest.Server {
	t.Helper()
	return cdntest.NewServer(t, judge{o})
}

// Judge answers as the API does.
func (j judge) Judge(r *http.Request, body []byte) cdntest.Verdict {
	items, refused := j.check(r, body)
	if refused != nil {
		return cdntest.Verdict{Items: items, Answer: refused}
	}
	return cdntest.Verdict{Items: items, Purged: true, Answer: accepted(items)}
}

// accepted answers a batch of keys with an id for each, and others with one.
func accepted(items []cdntest.Item) http.HandlerFunc {
	if len(items) == 0 || items[0].Kind != cdn.Tags {
		return cdntest.JSON(200, map[string]string{"status": "ok", "id": "108-1391560174-974124"})
	}
	ids := map[string]string{}
	for _, i := range items {
		ids[i.Name] = "108-1391560174-974124"
	}
	return cdntest.JSON(200, ids)
}

func (j judge) check(r *http.Request, body []byte) ([]cdntest.Item, http.HandlerFunc) {
	items, refused := j.items(r.RequestURI, body)
	switch soft := r.Header.Get("Fastly-Soft-Purge"); {
	case r.Method != http.MethodPost:
		return items, refuse(405, "Method not allowed", "")
	case r.Header.Get("Fastly-Key") != Token || r.Header.Get("Authorization") != "":
		return items, refuse(401, "Provided credentials are missing or invalid", "")
	case refused != nil:
		return items, refused
	case items[0].Kind == cdn.Everything && soft != "":
		return items, refuse(400, "Bad request", "purge_all cannot be soft")
	case items[0].Kind != cdn.Everything && (soft == "1") != j.o.Soft:
		return items, refuse(400, "Bad request", fmt.Sprintf("Fastly-Soft-Purge is %q", soft))
	}
	return items, nil
}

// items returns what a request names, by its path as it was sent.
func (j judge) items(target string, body []byte) ([]cdntest.Item, http.HandlerFunc) {
	if rest, ok := strings.CutPrefix(target, "/purge/"); ok {
		return j.url("https://"+rest, body)
	}
	rest, _ := strings.CutPrefix(target, "/service/")
	id, action, ok := strings.Cut(rest, "/")
	switch {
	case !ok:
		return nil, refuse(404, "Record not found", "no such route")
	case id != ServiceID:
		return nil, refuse(404, "Record not found", "Cannot load service '"+id+"'")
	case action == "purge_all" && len(body) == 0:
		return []cdntest.Item{{Kind: cdn.Everything}}, nil
	case action == "purge":
		return keys(body)
	}
	return nil, refuse(404, "Record not found", "no such route")
}

func (j judge) url(u string, body []byte) ([]cdntest.Item, http.HandlerFunc) {
	host, _, _ := strings.Cut(strings.TrimPrefix(u, "https://"), "/")
	items := []cdntest.Item{{Kind: cdn.URLs, Name: u}}
	switch wrong := cdntest.WrongURL(u); {
	case wrong != "":
		return items, refuse(400, "Bad request", wrong)
	case len(body) > 0:
		return items, refuse(400, "Bad request", "a body that was not asked for")
	case len(j.o.Hosts) > 0 && !slices.Contains(j.o.Hosts, host):
		return items, refuse(403, "You are not authorized to perform this action", "")
	}
	return items, nil
}

func keys(body []byte) ([]cdntest.Item, http.HandlerFunc) {
	var in struct {
		Keys []string `json:"surrogate_keys"`
	}
	if err := cdntest.Strict(body, &in); err != nil {
		return nil, refuse(400, "Bad request", err.Error())
	}
	var items []cdntest.Item
	for _, k := range in.Keys {
		items = append(items, cdntest.Item{Kind: cdn.Tags, Name: k})
		if k == "" || len(k) > 1024 || strings.ContainsAny(k, " \t\n") {
			return items, refuse(400, "Bad request", "invalid surrogate key")
		}
	}
	if len(items) == 0 || len(items) > maxKeys {
		return items, refuse(400, "Bad request", fmt.Sprintf("%d surrogate keys, 1 to %d are allowed", len(items), maxKeys))
	}
	return items, nil
}

func refuse(status int, msg, detail string) http.HandlerFunc {
	return cdntest.JSON(status, map[string]string{"msg": msg, "detail": detail})
}

// Spend takes nothing: Fastly documents no rate for purges.
func (judge) Spend([]cdntest.Item) http.HandlerFunc { return nil }

// Fault returns the faults with Fastly's words.
func (judge) Fault(f cdntest.Fault) http.HandlerFunc {
	switch f {
	case cdntest.Unsuccessful:
		return cdntest.JSON(200, map[string]string{"status": "error", "msg": "purge failed"})
	case cdntest.Refused:
		return refuse(400, "Bad request", "The fake refuses")
	case cdntest.Echo:
		return func(w http.ResponseWriter, r *http.Request) {
			refuse(400, cdntest.Words(r.Header.Get("Fastly-Key")), "")(w, r)
		}
	}
	return nil
}
