package site

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestURLs(t *testing.T) {
	const base = "https://example.com"
	for _, c := range []struct {
		base, path string
		want       string // separated by spaces
		one        string
	}{
		{base, "index.html", "/index.html /", "/"},
		{base + "/", "index.html", "/index.html /", "/"},
		{base, "a/index.html", "/a/index.html /a/ /a", "/a/"},
		{base, "a/b/index.htm", "/a/b/index.htm /a/b/ /a/b", "/a/b/"},
		{base, "b.html", "/b.html /b", "/b.html"},
		{base, "a/b.html", "/a/b.html /a/b", "/a/b.html"},
		{base, "404.html", "/404.html /404", "/404.html"},
		{base, "a/index", "/a/index", "/a/index"},
		{base, "my-index.html", "/my-index.html /my-index", "/my-index.html"},
		{base, ".html", "/.html", "/.html"},
		{base, "app.js", "/app.js", "/app.js"},
		{base, "About.HTML", "/About.HTML", "/About.HTML"},
		{base + "/docs", "index.html", "/docs/index.html /docs/ /docs", "/docs/"},
		{base + "/docs/", "a/index.html", "/docs/a/index.html /docs/a/ /docs/a", "/docs/a/"},
		{base + "/docs/", "b.html", "/docs/b.html /docs/b", "/docs/b.html"},
		{base + "/caf\u00e9/", "x.js", "/caf%C3%A9/x.js", "/caf%C3%A9/x.js"},
		{base + "/a%2Fb/", "x.js", "/a%2Fb/x.js", "/a%2Fb/x.js"},
		{"https://user:pw@EXAMPLE.com/?q=1#f", "x.js", "/x.js", "/x.js"},

		// The path percent-encode set of the WHATWG URL standard, and its complement.
		{base, "a b.js", "/a%20b.js", "/a%20b.js"},
		{base, "\"#<>?^`{}%\\.js", "/%22%23%3C%3E%3F%5E%60%7B%7D%25%5C.js", "/%22%23%3C%3E%3F%5E%60%7B%7D%25%5C.js"},
		{base, "+&=~@:,;'()*!$[]|-_.js", "/+&=~@:,;'()*!$[]|-_.js", "/+&=~@:,;'()*!$[]|-_.js"},
		{base, "über/日本.html", "/%C3%BCber/%E6%97%A5%E6%9C%AC.html /%C3%BCber/%E6%97%A5%E6%9C%AC", "/%C3%BCber/%E6%97%A5%E6%9C%AC.html"},
		{base, "100%/index.html", "/100%25/index.html /100%25/ /100%25", "/100%25/"},
		{base, "a%2fb.js", "/a%252fb.js", "/a%252fb.js"},
	} {
		u := mustURL(t, c.base)
		var want []string
		for _, w := range strings.Fields(c.want) {
			want = append(want, base+w)
		}
		if got := URLs(u, c.path); !slices.Equal(got, want) {
			t.Errorf("URLs(%s, %q)\n got %q\nwant %q", c.base, c.path, got, want)
		}
		if got := URL(u, c.path); got != base+c.one {
			t.Errorf("URL(%s, %q) = %q, want %q", c.base, c.path, got, base+c.one)
		}
	}
}

// sitePaths are valid paths with what breaks encoders.
func sitePaths() *rapid.Generator[string] {
	char := rapid.OneOf(rapid.SampledFrom([]rune("ab.%+ #?^|&=~é日😀'[]")), rapid.Rune())
	seg := rapid.Custom(func(t *rapid.T) string {
		s := rapid.StringOfN(char, 1, 8, -1).Filter(func(s string) bool {
			return badName(s) == "" && !strings.Contains(s, "/") && s != "." && s != ".."
		}).Draw(t, "segment")
		return s + rapid.SampledFrom([]string{"", ".html", ".js"}).Draw(t, "extension")
	})
	return rapid.Custom(func(t *rapid.T) string {
		segs := rapid.SliceOfN(seg, 1, 4).Draw(t, "segments")
		if rapid.Bool().Draw(t, "index") {
			segs = append(segs, "index.html")
		}
		return strings.Join(segs, "/")
	})
}

func TestURLsDecodeToPath(t *testing.T) {
	base := mustURL(t, "https://example.com/base")
	rapid.Check(t, func(t *rapid.T) {
		p := sitePaths().Draw(t, "path")
		urls := URLs(base, p)
		for i, s := range urls {
			u, err := url.Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := strings.CutPrefix(u.Path, "/base/")
			if u.RawQuery != "" || u.Fragment != "" || !ok {
				t.Fatalf("%s does not stay in its path", s)
			}
			if i == 0 && got != p {
				t.Fatalf("%s decodes to %q, not %q", s, got, p)
			}
			if !strings.HasPrefix(p, got) {
				t.Fatalf("%s decodes to %q, not the beginning of %q", s, got, p)
			}
		}
		if !slices.Contains(urls, URL(base, p)) {
			t.Fatalf("%s is not one of %q", URL(base, p), urls)
		}
		if s := slices.Sorted(slices.Values(urls)); len(slices.Compact(s)) != len(urls) {
			t.Fatalf("%q holds one twice", urls)
		}
	})
}

func FuzzURLs(f *testing.F) {
	f.Add("a/index.html")
	f.Add("%zz?#")
	f.Add("")
	base := mustURL(f, "https://example.com/base/")
	f.Fuzz(func(t *testing.T, p string) {
		for _, s := range append(URLs(base, p), URL(base, p)) {
			if !strings.HasPrefix(s, "https://example.com/base") || strings.ContainsAny(s, " ?#\\\x00") {
				t.Errorf("URLs(%q) has %q", p, s)
			}
		}
	})
}
