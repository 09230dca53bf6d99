//go:build e2e

package e2e

import (
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// TestWebsite asks the website endpoint of a real server for a deployed site
// as a browser does: the pages by their URLs, and all that they refer to.
func TestWebsite(t *testing.T) {
	t.Parallel()
	server := testbed.VersityGW(t)
	bucket := server.NewWebsite(t)
	p := newProject(t, buildProgram(t), "hugo", map[string]any{
		"siteUrl": server.WebsiteURL(bucket),
		"proof":   "off", // its name is in no DNS
		"storage": map[string]any{"provider": "s3", "endpoint": server.Endpoint, "bucket": bucket, "region": server.Region, "pathStyle": true},
	})
	p.env = server.Env()
	withHugo(t, p)
	p.deploy(t)
	files := p.files(t)
	v := &visitor{client: server.WebsiteClient(), site: server.WebsiteURL(bucket), files: files}

	v.want(t, "/", http.StatusOK, "index.html")
	v.want(t, "/docs/", http.StatusOK, "docs/index.html")
	v.want(t, "/docs/datum.html", http.StatusOK, "docs/datum.html")
	v.want(t, "/docs/springs/", http.StatusOK, "docs/springs/index.html")
	v.want(t, "/nothing/here/", http.StatusNotFound, "404.html")
	v.want(t, "/nothing.html", http.StatusNotFound, "404.html")
	if n := v.crawl(t); n < 8 {
		t.Errorf("the first page leads to %d URLs", n)
	}
}

// visitor asks a site for URLs and compares the answers with the files.
type visitor struct {
	client *http.Client
	site   string
	files  map[string]string
}

func (v *visitor) get(t *testing.T, ref string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.site+ref, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := v.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// want checks that the answer to ref is the file, with its type.
func (v *visitor) want(t *testing.T, ref string, status int, file string) {
	t.Helper()
	resp, body := v.get(t, ref)
	want, ok := v.files[file]
	if !ok {
		t.Fatalf("the build left no %s", file)
	}
	if resp.StatusCode != status || body != want {
		t.Errorf("%s: %d with %d bytes, want %d with the %d bytes of %s", ref, resp.StatusCode, len(body), status, len(want), file)
	}
	// The server's own error answers may carry their own type.
	if got := resp.Header.Get("Content-Type"); status == http.StatusOK && got != mediaType(t, file) {
		t.Errorf("%s: Content-Type %q, want %q", ref, got, mediaType(t, file))
	}
}

// link finds what the minified pages of the test sites refer to.
var link = regexp.MustCompile(`(?:href|src)=(?:"([^"]*)"|([^\s">]+))`)

// crawl follows the links and references of all pages from the first one, and
// returns how many URLs it found on this site.
func (v *visitor) crawl(t *testing.T) int {
	t.Helper()
	seen, todo := map[string]bool{"/": true}, []string{"/"}
	for len(todo) > 0 {
		ref := todo[0]
		todo = todo[1:]
		v.want(t, ref, http.StatusOK, fileOf(t, ref))
		if _, body := v.get(t, ref); strings.HasSuffix(fileOf(t, ref), ".html") {
			for _, m := range link.FindAllStringSubmatch(body, -1) {
				next := strings.TrimPrefix(m[1]+m[2], "https://example.com")
				if strings.HasPrefix(next, "/") && !seen[next] {
					seen[next] = true
					todo = append(todo, next)
				}
			}
		}
	}
	return len(seen)
}

// fileOf returns the file that a URL's path stands for.
func fileOf(t *testing.T, ref string) string {
	t.Helper()
	u, err := url.PathUnescape(ref)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(u, "/") {
		u = path.Join(u, "index.html")
	}
	return strings.TrimPrefix(u, "/")
}
