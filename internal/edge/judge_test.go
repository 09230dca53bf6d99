package edge

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

const (
	oldPage = "<!doctype html>\n<title>one</title>\n<h1>One</h1>\n<script src=\"/app.1.js\"></script>\n"
	newPage = "<!doctype html>\n<!-- the second -->\n<title>two</title>\n<h1>Two</h1>\n<script src=\"/app.2.js\"></script>\n"
	olderJS = "<!doctype html>\n<!-- the second -->\n<title>two</title>\n<h1>Two</h1>\n<script src=\"/app.0.js\"></script>\n"
	login   = "<!doctype html>\n<form><input name=user><input type=\"password\" name=p></form>"
	s3Error = "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>"
	listing = "<?xml version=\"1.0\"?>\n<ListBucketResult><Name>www</Name></ListBucketResult>"
)

// kind is a server's answer to a page that was changed, and what it is.
type kind struct {
	name   string
	routes map[string]http.HandlerFunc
	want   Kind
	detail string
}

// page serves one answer at the URL of the page.
func page(h http.HandlerFunc) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{"/docs/": h}
}

func kinds(t *testing.T) []kind {
	minified := "<!doctype html><title>two</title><h1>Two</h1><script src=/app.2.js></script>"
	return []kind{
		{"as released", page(answerWith(200, html, newPage)), Proved, ""},
		{"gzip", page(answerWith(200, html, encoded(t, "gzip", newPage), "Content-Encoding", "gzip")), Proved, ""},
		{"br", page(answerWith(200, html, encoded(t, "br", newPage), "Content-Encoding", "br")), Proved, ""},
		{"zstd", page(answerWith(200, html, encoded(t, "zstd", newPage), "Content-Encoding", "zstd")), Proved, ""},
		{"charset in capitals", page(answerWith(200, "text/html;charset=UTF-8", newPage)), Proved, ""},
		{"a redirect to the page's other URL", map[string]http.HandlerFunc{"/docs/": redirect("/docs"), "/docs": answerWith(200, html, newPage)}, Proved, ""},

		{"the release before", page(answerWith(200, html, oldPage)), Stale, ""},
		{"the release before, in gzip", page(answerWith(200, html, encoded(t, "gzip", oldPage), "Content-Encoding", "gzip")), Stale, ""},

		{"not found", nil, Missing, "status 404"},
		{"gone", page(answerWith(410, html, "")), Missing, "status 410"},
		{"refused by the storage", page(answerWith(403, "application/xml", s3Error)), Missing, "status 403"},
		{"the home page in its place", page(answerWith(200, html, "home")), Missing, "answered with the home page"},
		{"a listing", page(answerWith(200, "application/xml", listing)), Missing, "answered with a listing of the bucket"},

		{"no index: 404", map[string]http.HandlerFunc{"/docs/index.html": answerWith(200, html, newPage)}, NoIndex, "/docs/index.html"},
		{"no index: 403", map[string]http.HandlerFunc{"/docs/": answerWith(403, html, "no"), "/docs/index.html": answerWith(200, html, newPage)}, NoIndex, "/docs/index.html"},
		{"no index: a listing", map[string]http.HandlerFunc{"/docs/": answerWith(200, "application/xml", listing), "/docs/index.html": answerWith(200, html, newPage)}, NoIndex, "/docs/index.html"},

		{"the wrong type", page(answerWith(200, "text/plain; charset=utf-8", newPage)), Mistyped, `Content-Type "text/plain; charset=utf-8", not "text/html; charset=utf-8"`},
		{"the wrong charset", page(answerWith(200, "text/html; charset=latin1", newPage)), Mistyped, `Content-Type "text/html; charset=latin1", not "text/html; charset=utf-8"`},
		{"the right page with the wrong status", page(answerWith(404, html, newPage)), Mistyped, "status 404"},

		{"an injected script", page(answerWith(200, html, strings.Replace(newPage, "</h1>", "</h1><script>track()</script>", 1))), Altered, "mark-up is inserted"},
		{"two injected scripts", page(answerWith(200, html, "<script>a()</script>"+newPage+"<script>b()</script>")), Altered, "its mark-up is rewritten"},
		{"minified", page(answerWith(200, html, minified)), Altered, "its mark-up is rewritten"},
		{"line ends", page(answerWith(200, html, strings.ReplaceAll(newPage, "\n", "\r\n"))), Altered, "white space is changed"},

		{"an older release with the same text", page(answerWith(200, html, olderJS)), Different, ""},
		{"an older release at the directory alone", map[string]http.HandlerFunc{"/docs/": answerWith(200, html, olderJS), "/docs/index.html": answerWith(200, html, newPage)}, Different, ""},
		{"another site", page(answerWith(200, html, "<h1>Parked</h1>")), Different, ""},
		{"a teapot", page(answerWith(418, html, "")), Different, "status 418"},

		{"a login", page(answerWith(401, html, "")), Blocked, "status 401"},
		{"forbidden", page(answerWith(403, html, "no")), Blocked, "status 403"},
		{"too many", page(answerWith(429, html, "")), Blocked, "status 429"},
		{"a challenge", page(answerWith(503, html, "wait")), Blocked, "status 503"},
		{"a challenge of Cloudflare", page(answerWith(403, html, "wait", "Cf-Mitigated", "challenge")), Blocked, "status 403"},
		{"a login form", page(answerWith(200, html, login)), Blocked, "answered with a login form"},
		{"a redirect to another host", page(redirect("https://login.example.com/x?token=secret")), Blocked, "a redirect to https://login.example.com/"},
		{"a redirect to a login", map[string]http.HandlerFunc{"/docs/": redirect("/login"), "/login": answerWith(200, html, "<h1>Log in</h1>")}, Blocked, "a redirect to /login"},

		{"a broken server", page(answerWith(502, html, "bad gateway")), Unreachable, "status 502"},
		{"a circle", page(redirect("/docs/")), Unreachable, "more than 5 redirects"},
		{"an answer that breaks off", page(answerWith(200, html, newPage[:10], "Content-Length", "500")), Unreachable, "the answer broke off"},
	}
}

// TestKinds checks what each kind of answer is taken for.
func TestKinds(t *testing.T) {
	for _, k := range kinds(t) {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			routes := map[string]http.HandlerFunc{"/": answerWith(200, html, "home")}
			for path, h := range k.routes {
				routes[path] = h
			}
			w := newWorld(t, byPath(routes))
			home := w.stored(Home, html, "home")
			o := w.options(t)
			o.Timeout = 150e6 // for what is asked again
			rep := Prove(t.Context(), o, []Change{
				{Path: Home, New: home, Old: home},
				{Path: "docs/index.html", New: w.stored("docs/index.html", html, newPage), Old: object("docs/index.html", html, oldPage)},
			})
			if got := rep.Results[0]; got.Kind != Proved {
				t.Errorf("the home page: %s %s", got.Kind, got)
			}
			got := rep.Results[1]
			if got.Kind != k.want || got.Detail != k.detail || got.URL != w.server.URL+"/docs/" {
				t.Errorf("%s %q %s, want %s %q", got.Kind, got.Detail, got.URL, k.want, k.detail)
			}
			if failed := len(rep.Failed()); (failed == 0) != (k.want == Proved) {
				t.Errorf("%d failed", failed)
			}
		})
	}
}

// TestRemoved checks that a removed path may answer with anything but its old
// bytes.
func TestRemoved(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   Kind
	}{
		{"not found", answerWith(404, html, "no"), Proved},
		{"forbidden", answerWith(403, html, "no"), Proved},
		{"another page", answerWith(200, html, "home"), Proved},
		{"a redirect", redirect("https://www.example.com/"), Proved},
		{"the old bytes", answerWith(200, html, oldPage), Stale},
		{"the old bytes, in br", answerWith(200, html, encoded(t, "br", oldPage), "Content-Encoding", "br"), Stale},
		{"the old bytes as not found", answerWith(404, html, oldPage), Stale},
		{"a login", answerWith(401, html, ""), Blocked},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.answer)
			o := w.options(t)
			o.Timeout = 100e6
			rep := Prove(t.Context(), o, []Change{{Path: "gone.html", Old: object("gone.html", html, oldPage)}})
			if got := rep.Results[0]; got.Kind != test.want || !got.Removed {
				t.Errorf("%s %s", got.Kind, got)
			}
		})
	}
}

// TestStoredEncoded checks objects that are stored with a Content-Encoding: they
// are right as they are stored, decoded, and encoded otherwise.
func TestStoredEncoded(t *testing.T) {
	now, before := encoded(t, "gzip", newPage), encoded(t, "gzip", oldPage)
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   Kind
	}{
		{"as it is stored", answerWith(200, html, now, "Content-Encoding", "gzip"), Proved},
		{"decoded", answerWith(200, html, newPage), Proved},
		{"encoded otherwise", answerWith(200, html, encoded(t, "br", newPage), "Content-Encoding", "br"), Proved},
		{"without saying so", answerWith(200, html, now), Proved},
		{"the old one, decoded", answerWith(200, html, oldPage), Stale},
		{"something else", answerWith(200, html, "<p>x"), Different},
		{"not in that encoding", answerWith(200, html, "plain", "Content-Encoding", "gzip"), Different},
		{"an encoding that nobody knows", answerWith(200, html, "plain", "Content-Encoding", "rot13"), Different},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.answer)
			c := Change{Path: "a.html", New: w.stored("a.html", html, now), Old: w.stored("a.html", html, before)}
			c.New.Headers[storage.ContentEncoding], c.Old.Headers[storage.ContentEncoding] = "gzip", "gzip"
			o := w.options(t)
			o.Timeout = 100e6
			if got := Prove(t.Context(), o, []Change{c}).Results[0]; got.Kind != test.want {
				t.Errorf("%s %s", got.Kind, got)
			}
		})
	}
}

// TestHeadersOnly checks a change of headers alone: the former type is stale,
// and another Cache-Control is only said.
func TestHeadersOnly(t *testing.T) {
	for _, test := range []struct {
		name, contentType, cacheControl string
		want                            Kind
		said                            string
	}{
		{"new", "text/x-new", "Max-Age=0,public", Proved, ""},
		{"the former type", "text/x-old", "public, max-age=0", Stale, ""},
		{"a third type", "text/x-other", "public, max-age=0", Mistyped, ""},
		{"another Cache-Control", "text/x-new", "max-age=14400", Proved, `"max-age=14400" in place of "public, max-age=0"`},
		{"none", "text/x-new", "", Proved, `"" in place of "public, max-age=0"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, answerWith(200, test.contentType, "x", "Cache-Control", test.cacheControl))
			o := w.options(t)
			o.Timeout = 100e6
			got := Prove(t.Context(), o, []Change{{Path: "a.x", New: w.stored("a.x", "text/x-new", "x"), Old: object("a.x", "text/x-old", "x")}}).Results[0]
			if got.Kind != test.want || got.CacheControl != test.said {
				t.Errorf("%s %q", got.Kind, got.CacheControl)
			}
		})
	}
}

// TestRewrittenStyles checks files that are no mark-up.
func TestRewrittenStyles(t *testing.T) {
	const sheet = "a {\n  color: red;\n}\n/* end */\n"
	for got, want := range map[string]string{
		"a{color:red}": "it is minified",
		"a {\r\n  color: red;\r\n}\r\n/* end */\r\n": "white space is changed",
		"a{color:blue}": "",
		sheet + "b{}":   "",
	} {
		if how := rewritten([]byte(sheet), []byte(got)); how != want {
			t.Errorf("%q: %q, want %q", got, how, want)
		}
	}
}
