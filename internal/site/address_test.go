package site

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		base  string
		a     Addresses
		paths string // separated by commas
		want  string // separated by spaces; without https://example.com
	}{
		"index":            {"", Addresses{}, "a/index.html", "/a /a/ /a/index.html"},
		"home":             {"/", Addresses{}, "index.html", "/ /index.html"},
		"page":             {"", Addresses{}, "b.html", "/b /b.html"},
		"asset":            {"", Addresses{}, "app.js", "/app.js"},
		"case":             {"", Addresses{}, "Case.HTML,case.js", "/Case.HTML /case.js"},
		"each once":        {"", Addresses{}, "a.html,a/index.html,a.html", "/a /a.html /a/ /a/index.html"},
		"below a path":     {"/blog", Addresses{}, "index.html,x.js", "/blog /blog/ /blog/index.html /blog/x.js"},
		"a path with é":    {"/caf\u00e9/", Addresses{}, "x.js", "/caf%C3%A9/x.js"},
		"a path with [":    {"/[a]/", Addresses{}, "[b].js", "/[a]/%5Bb%5D.js /[a]/[b].js"},
		"queries":          {"", Addresses{Queries: []string{"v=1", "x"}}, "b.html", "/b /b.html /b.html?v=1 /b.html?x /b?v=1 /b?x"},
		"brackets":         {"", Addresses{}, "_next/[id].js", "/_next/%5Bid%5D.js /_next/[id].js"},
		"pipe":             {"", Addresses{}, "a|b", "/a%7Cb /a|b"},
		"plus":             {"", Addresses{}, "a+b", "/a%2Bb /a+b"},
		"at":               {"", Addresses{}, "@user/index.html", "/%40user /%40user/ /%40user/index.html /@user /@user/ /@user/index.html"},
		"quote":            {"", Addresses{}, "it's", "/it%27s /it's"},
		"all of them":      {"", Addresses{}, "[+']", "/%5B%2B%27%5D /%5B%2B'%5D /%5B+'%5D /[+']"},
		"percent":          {"", Addresses{}, "100%", "/100%25"},
		"space, quotes, é": {"", Addresses{}, "a b\"é", "/a%20b%22%C3%A9"},
		"unreserved":       {"", Addresses{}, "a-b_c.d~e", "/a-b_c.d~e"},
	} {
		t.Run(name, func(t *testing.T) {
			c.a.Base = mustURL(t, "https://example.com"+c.base)
			var want []string
			for _, w := range strings.Fields(c.want) {
				want = append(want, "https://example.com"+w)
			}
			if got := c.a.URLs(strings.Split(c.paths, ",")); !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

func TestAddressesOfHosts(t *testing.T) {
	a := Addresses{Base: mustURL(t, "https://Example.com/b/"), Hosts: []string{"WWW.example.com", "example.com", "cdn.example.net:8443"}, NotFound: "404.html"}
	want := []string{"https://cdn.example.net:8443/b/x.js", "https://example.com/b/x.js", "https://www.example.com/b/x.js"}
	if got := a.URLs([]string{"x.js"}); !slices.Equal(got, want) {
		t.Errorf("URLs = %q", got)
	}
	want = []string{"https://example.com/b/", "https://www.example.com/b/", "https://cdn.example.net:8443/b/"}
	if got := a.Bases(); !slices.Equal(got, want) {
		t.Errorf("Bases = %q", got)
	}
	if a.IsNotFound("docs/404.html") || !a.IsNotFound("404.html") || (Addresses{}).IsNotFound("") {
		t.Error("only the file that is named answers for what is not found")
	}
}

// TestSpellings: whatever the path, all spellings mean it, the browser's is
// among them, and they lie below a base, or are one without its slash.
func TestSpellings(t *testing.T) {
	a := Addresses{Base: mustURL(t, "https://example.com/base"), Queries: []string{"q=[1]"}}
	rapid.Check(t, func(t *rapid.T) {
		p := sitePaths().Draw(t, "path")
		got := a.URLs([]string{p})
		meant := map[string]bool{}
		for _, u := range URLs(a.Base, p) {
			parsed, _ := url.Parse(u)
			meant[parsed.Path] = true
			if !slices.Contains(got, u) || !slices.Contains(got, u+"?q=[1]") {
				t.Fatalf("%s, or with its query, is missing", u)
			}
		}
		for _, s := range got {
			u, err := url.Parse(s)
			if err != nil || !meant[u.Path] || u.Path != "/base" && !strings.HasPrefix(s, a.Bases()[0]) {
				t.Fatalf("%s means something else: %v", s, err)
			}
		}
		if u := a.Bases()[0] + Relative(p); !slices.Contains(got, u) {
			t.Fatalf("%s is missing", u)
		}
	})
}
