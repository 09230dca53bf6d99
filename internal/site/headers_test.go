package site

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/storage"
)

func TestHeaders(t *testing.T) {
	const page, asset, year = CacheControlPage, CacheControlAsset, CacheControlFingerprinted
	h := func(kv ...string) storage.Headers {
		m := storage.Headers{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	files := map[string]string{"index.html": "", "a/b.html": "", "a/feed": "<p", "app-3f2a9c1b.js": "", "logo.png": "", "sw.js": ""}
	for _, c := range []struct {
		name  string
		rules []HeaderRule
		path  string
		want  storage.Headers
	}{
		{"defaults", nil, "index.html", h("Content-Type", "text/html; charset=utf-8", "Cache-Control", page)},
		{"defaults", nil, "app-3f2a9c1b.js", h("Content-Type", "text/javascript; charset=utf-8", "Cache-Control", year)},
		{"defaults", nil, "logo.png", h("Content-Type", "image/png", "Cache-Control", asset)},
		{"defaults", nil, "sw.js", h("Content-Type", "text/javascript; charset=utf-8", "Cache-Control", "no-cache")},
		{"later overrides", []HeaderRule{
			{"**", h("Cache-Control", "a", "Content-Language", "en")},
			{"a/**", h("Cache-Control", "b")},
		}, "a/b.html", h("Content-Type", "text/html; charset=utf-8", "Cache-Control", "b", "Content-Language", "en")},
		{"earlier does not", []HeaderRule{
			{"a/**", h("Cache-Control", "b")},
			{"**", h("Cache-Control", "a")},
		}, "a/b.html", h("Content-Type", "text/html; charset=utf-8", "Cache-Control", "a")},
		{"empty removes", []HeaderRule{{"*.png", h("Cache-Control", "", "Content-Type", "", "Expires", "")}}, "logo.png", h()},
		{"removed and set again", []HeaderRule{{"**", h("Cache-Control", "")}, {"*.png", h("cache-control", "x")}},
			"logo.png", h("Content-Type", "image/png", "Cache-Control", "x")},
		{"a star stops at slashes", []HeaderRule{{"*.html", h("Cache-Control", "x")}}, "a/b.html",
			h("Content-Type", "text/html; charset=utf-8", "Cache-Control", page)},
		{"leading slash", []HeaderRule{{"/index.html", h("Cache-Control", "x")}}, "index.html",
			h("Content-Type", "text/html; charset=utf-8", "Cache-Control", "x")},
		{"trailing slash", []HeaderRule{{"/a/", h("Cache-Control", "x")}}, "a/b.html",
			h("Content-Type", "text/html; charset=utf-8", "Cache-Control", "x")},
		{"any case of name", []HeaderRule{{"**", h("content-TYPE", "x/y")}}, "logo.png",
			h("Content-Type", "x/y", "Cache-Control", asset)},
		{"a type makes a page", []HeaderRule{{"a/feed", h("Content-Type", "text/html")}}, "a/feed",
			h("Content-Type", "text/html", "Cache-Control", page)},
		{"the last type decides", []HeaderRule{{"**", h("Content-Type", "text/html")}, {"a/*", h("Content-Type", "image/png")}}, "a/b.html",
			h("Content-Type", "image/png", "Cache-Control", asset)},
		{"a type unmakes a page", []HeaderRule{{"**/*.html", h("Content-Type", "text/plain")}}, "a/b.html",
			h("Content-Type", "text/plain", "Cache-Control", asset)},
	} {
		got, err := Scan(t.Context(), Options{Dir: tree(t, files), Headers: c.rules})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range got {
			if f.Path != c.path {
				continue
			}
			if diff := cmp.Diff(c.want, f.Headers); diff != "" {
				t.Errorf("%s, %s: -want +got\n%s", c.name, c.path, diff)
			}
			if role := RoleOf(f.Path, f.Headers[storage.ContentType]); c.rules == nil && f.Headers[storage.CacheControl] != role.CacheControl() {
				t.Errorf("%s: %v", f.Path, role)
			}
		}
	}
}

// A large site must not hold a map for each file.
func TestHeadersAreShared(t *testing.T) {
	hs, err := NewHeaderSet([]HeaderRule{{"a/*", storage.Headers{"Content-Language": "en"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"a.html", "b.html", "c/d.html", "a/e.html", "a/f.html", "g.png"} {
		hs.Of(p, MediaType(p, nil))
	}
	if len(hs.sets) != 3 {
		t.Errorf("%d sets, want 3", len(hs.sets))
	}
}
