package cdntest_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn/cdntest"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/bunnyfake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/cloudfrontfake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/fastlyfake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/webhookfake"
	"github.com/pandastack-io/pandastack/providers/webhook"
)

// fakeCase is a request to a fake, and the status that answers it.
type fakeCase struct {
	method, target, body string
	header               map[string]string
	status               int
}

// try sends requests as they are, and fails the test where an answer is
// another, or where a refusal purged something.
func try(t *testing.T, s *cdntest.Server, cases map[string]fakeCase) {
	t.Helper()
	for name, c := range cases {
		before := len(s.Purged())
		req, err := http.NewRequestWithContext(t.Context(), c.method, s.URL, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Opaque = c.target
		for k, v := range c.header {
			req.Header.Set(k, v)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != c.status || (len(s.Purged()) > before) != (c.status/100 == 2) {
			t.Errorf("%s: status %d, want %d; purged %v", name, res.StatusCode, c.status, s.Purged()[before:])
		}
	}
}

func TestFastlyFake(t *testing.T) {
	key, service := map[string]string{"Fastly-Key": fastlyfake.Token}, "/service/"+fastlyfake.ServiceID
	many := `{"surrogate_keys":["a"` + strings.Repeat(`,"a"`, 256) + `]}`
	try(t, fastlyfake.New(t, fastlyfake.Options{Hosts: []string{"a.example"}}), map[string]fakeCase{
		"URL":           {"POST", "/purge/a.example/x?y=1", "", key, 200},
		"foreign host":  {"POST", "/purge/b.example/x", "", key, 403},
		"not encoded":   {"POST", "/purge/a.example/%zz", "", key, 400},
		"no path":       {"POST", "/purge/a.example", "", key, 400},
		"GET":           {"GET", "/purge/a.example/x", "", key, 405},
		"no token":      {"POST", "/purge/a.example/x", "", nil, 401},
		"soft":          {"POST", "/purge/a.example/x", "", map[string]string{"Fastly-Key": fastlyfake.Token, "Fastly-Soft-Purge": "1"}, 400},
		"all":           {"POST", service + "/purge_all", "", key, 200},
		"another":       {"POST", "/service/x/purge_all", "", key, 404},
		"keys":          {"POST", service + "/purge", `{"surrogate_keys":["a"]}`, key, 200},
		"257 keys":      {"POST", service + "/purge", many, key, 400},
		"no keys":       {"POST", service + "/purge", `{"surrogate_keys":[]}`, key, 400},
		"unknown field": {"POST", service + "/purge", `{"surrogate_keys":["a"],"x":1}`, key, 400},
	})
}

func TestBunnyFake(t *testing.T) {
	key, zone := map[string]string{"AccessKey": bunnyfake.Key}, "/pullzone/"+bunnyfake.PullZone+"/purgeCache"
	try(t, bunnyfake.New(t, bunnyfake.Options{Hosts: []string{"a.example"}}), map[string]fakeCase{
		"URL":               {"POST", "/purge?url=https%3A%2F%2Fa.example%2Fx&exactPath=true", "", key, 200},
		"prefix":            {"POST", "/purge?url=https%3A%2F%2Fa.example%2Fx%2F*", "", key, 200},
		"foreign host":      {"POST", "/purge?url=https%3A%2F%2Fb.example%2Fx", "", key, 404},
		"wildcard within":   {"POST", "/purge?url=https%3A%2F%2Fa.example%2F*%2Fx", "", key, 400},
		"unknown parameter": {"POST", "/purge?url=https%3A%2F%2Fa.example%2Fx&x=1", "", key, 400},
		"GET":               {"GET", "/purge?url=https%3A%2F%2Fa.example%2Fx", "", key, 405},
		"no key":            {"POST", zone, "", nil, 401},
		"zone":              {"POST", zone, "", key, 204},
		"another zone":      {"POST", "/pullzone/1/purgeCache", "", key, 404},
		"tag":               {"POST", zone, `{"CacheTag":"a"}`, key, 204},
		"unknown field":     {"POST", zone, `{"CacheTag":"a","x":1}`, key, 400},
	})
}

func TestWebhookFake(t *testing.T) {
	signed := func(body string, at time.Time) fakeCase {
		return fakeCase{"POST", webhookfake.Path, body, map[string]string{
			"Content-Type": "application/json", "Pandastack-Delivery": "d",
			"Pandastack-Timestamp": strconv.FormatInt(at.Unix(), 10), "Pandastack-Signature": webhook.Sign(webhookfake.Secret, at, []byte(body)),
		}, 400}
	}
	now := time.Now()
	with := func(c fakeCase, status int) fakeCase { c.status = status; return c }
	const good = `{"version":1,"delivery":"d","kind":"urls","items":["https://a.example/"]}`
	forged := signed(good, now)
	forged.body = strings.Replace(good, "a.example", "b.example", 1)
	try(t, webhookfake.New(t), map[string]fakeCase{
		"good":          with(signed(good, now), 204),
		"forged":        with(forged, 401),
		"old":           with(signed(good, now.Add(-time.Hour)), 401),
		"version 2":     signed(strings.Replace(good, ":1", ":2", 1), now),
		"unknown kind":  signed(strings.Replace(good, "urls", "all", 1), now),
		"unknown field": signed(strings.Replace(good, "{", `{"x":1,`, 1), now),
		"no items":      signed(`{"version":1,"delivery":"d","kind":"urls","items":[]}`, now),
		"null items":    signed(`{"version":1,"delivery":"d","kind":"everything","items":null}`, now),
	})
}

func TestCloudFrontFakeWantsSignatures(t *testing.T) {
	try(t, cloudfrontfake.New(t, cloudfrontfake.Options{}), map[string]fakeCase{
		"no signature": {"POST", "/2020-05-31/distribution/" + cloudfrontfake.DistributionID + "/invalidation", "<InvalidationBatch/>", nil, 403},
	})
}
