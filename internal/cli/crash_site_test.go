package cli

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/cloudflarefake"
	"github.com/pandastack-io/pandastack/internal/site"
)

const crashURL = "https://example.com"

// page returns a page that refers to files of its site.
func page(title string, refs ...string) string {
	var b strings.Builder
	b.WriteString("<title>" + title + "</title>")
	for _, r := range refs {
		b.WriteString(`<a href="/` + r + `">`)
	}
	return b.String()
}

const (
	css1, css2, css3 = "assets/app-1a2b3c4d.css", "assets/app-5e6f7a8b.css", "assets/app-9c0d1e2f.css"
	js1, js3         = "assets/main-0f1e2d3c.js", "assets/main-4b5a6978.js"
)

// variant is a version of the site of these tests. From the first to the
// second, files are created, updated and deleted; logo.svg gets another
// header, which a copy onto itself does, and data.json loses one, which only
// an upload does. The third undoes some of this, and changes some again.
type variant struct {
	files map[string]string
	rules string // for the headers of logo.svg and data.json
	logo  string // the Cache-Control of logo.svg
	data  string // the Content-Language of data.json
}

var variants = []variant{
	{
		files: map[string]string{
			"index.html": page("home 1", css1, js1, "style.css", "about.html", "gone.html"),
			"about.html": page("about 1", css1, "logo.svg"),
			"gone.html":  page("gone 1", css1, js1),
			css1:         "a{color:red}", js1: "main(1)", "style.css": "b{}", "logo.svg": "<svg/>", "data.json": `{"v":1}`,
		},
		rules: `{"source": "data.json", "headers": {"Content-Language": "en"}}`,
		logo:  site.CacheControlAsset, data: "en",
	},
	{
		files: map[string]string{
			"index.html": page("home 2", css2, js1, "style.css", "about.html", "new.html"),
			"about.html": page("about 2", css2, "logo.svg"),
			"new.html":   page("new 2", css2, "index.html"),
			css2:         "a{color:lime}", js1: "main(1)", "style.css": "b{top:2px}", "logo.svg": "<svg/>", "data.json": `{"v":1}`,
		},
		rules: `{"source": "logo.svg", "headers": {"Cache-Control": "public, max-age=60"}}`,
		logo:  "public, max-age=60",
	},
	{
		files: map[string]string{
			"index.html": page("home 3", css3, js3, "style.css", "about.html", "gone.html"),
			"about.html": page("about 2", css2, "logo.svg"),
			"gone.html":  page("gone 3", css3),
			css2:         "a{color:lime}", css3: "a{color:blue}", js3: "main(3)",
			"style.css": "b{}", "logo.svg": "<svg/>", "data.json": `{"v":3}`,
		},
		rules: `{"source": "data.json", "headers": {"Content-Language": "en"}}`,
		logo:  site.CacheControlAsset, data: "en",
	},
}

// project writes the project of a version, ready to deploy, to a directory.
// Of its two CDNs, one is behind a webhook; assets are retained for so long.
func (v variant) project(t *testing.T, hook, retain string) string {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf(`{
  "type": "static", "outputDir": "dist", "siteUrl": %q,
  "storage": {"provider": "minio"}, "proof": "off", "releases": {"retainAssets": %q},
  "cdn": [{"provider": "cloudflare", "zoneId": %q}, {"provider": "webhook", "url": %q}],
  "headers": [%s]
}`, crashURL, retain, cloudflarefake.ZoneID, hook, v.rules)
	files := map[string]string{"pandastack.json": config}
	for name, content := range v.files {
		files["dist/"+name] = content
	}
	for name, content := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// objects are what a version is in a bucket.
func (v variant) objects() contents {
	types := map[string]string{
		".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
		".svg": "image/svg+xml; charset=utf-8", ".json": "application/json",
	}
	out := contents{}
	for name, body := range v.files {
		o := stored{body: body, contentType: types[path.Ext(name)], cacheControl: site.CacheControlAsset}
		switch {
		case path.Ext(name) == ".html":
			o.cacheControl = site.CacheControlPage
		case strings.HasPrefix(name, "assets/"):
			o.cacheControl = site.CacheControlFingerprinted
		case name == "logo.svg":
			o.cacheControl = v.logo
		case name == "data.json":
			o.language = v.data
		}
		out[name] = o
	}
	return out
}
