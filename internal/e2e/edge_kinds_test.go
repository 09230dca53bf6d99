//go:build e2e

package e2e

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// edgeKinds are what a real cache does to visitors, and what the proof says of
// it. Only what the release before does not suffer from is rolled back.
var edgeKinds = []struct {
	name, rules string
	broken      bool // purges are acknowledged and not done
	says        string
	rolledBack  bool
}{
	{
		name: "a login", says: "URLs are kept from us: ",
		rules: `sub vcl_recv { if (req.method == "GET") { return (synth(302)); } }
sub vcl_synth { set resp.http.Location = "https://login.example.com/?back=" + req.url; return (deliver); }`,
	},
	{
		name: "a bot rule", says: "URLs are kept from us: ",
		rules: `sub vcl_recv { if (req.method == "GET" && req.http.User-Agent ~ "(?i)^pandastack") { return (synth(403, "Bots")); } }`,
	},
	{
		name: "no directory index", says: "directories are not answered with their index pages: ",
		rules: `sub vcl_recv { if (req.method == "GET" && req.url ~ "/$") { return (synth(404)); } }`,
	},
	{
		// The cache makes a script of a comment.
		name: "altered", says: "gives the release altered on its way: ",
		rules: `sub vcl_backend_response { set beresp.do_esi = true; }`,
	},
	{
		name: "the wrong type", says: "have the right bytes with another status or type: ",
		rules: `sub vcl_deliver { if (req.url ~ "/$") { set resp.http.Content-Type = "text/plain"; } }`, rolledBack: true,
	},
	{name: "stale", broken: true, says: "still gives what was live before: ", rolledBack: true},
}

// TestEdgeKinds lets a real cache in front of a real website do to visitors
// what CDNs and their customers do, and checks that each is told apart: with a
// strict proof, the exit code says so, and the site is rolled back where that
// helps.
func TestEdgeKinds(t *testing.T) {
	t.Parallel()
	server := testbed.VersityGW(t)
	program := buildProgram(t)
	for _, k := range edgeKinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			bucket := server.NewWebsite(t)
			cache := startVarnish(t, server.WebsiteURL(bucket), k.rules)
			api := &purgeAPI{cache: cache}
			fake := httptest.NewServer(api)
			t.Cleanup(fake.Close)
			p := newProject(t, program, "plain", map[string]any{
				"siteUrl": cache.url, "outputDir": "out", "buildCommand": nil, "ignore": nil, "headers": nil,
				"storage": map[string]any{"provider": "s3", "endpoint": server.Endpoint, "bucket": bucket, "region": server.Region, "pathStyle": true},
				"cdn":     map[string]any{"provider": "cloudflare", "zoneId": "023e105f4ecef8ad9ca31a8372d0c353"},
				"proof":   map[string]any{"mode": "strict", "rollback": true, "timeout": "2s"},
			})
			p.env = append(server.Env(), "CLOUDFLARE_BASE_URL="+fake.URL, "CLOUDFLARE_API_TOKEN=e2e-token")
			page := func(version string) string {
				return "<title>docs " + version + "</title><!--esi <script>track()</script> -->"
			}
			p.publish(t, map[string]string{"index.html": "<title>home</title>", "docs/index.html": page("1")})
			p.run(t, "deploy", "--proof", "off")
			if k.broken { // what was live before has to be in the cache
				if _, _, _, err := cache.ask(t.Context(), http.MethodGet, cache.url+"/docs/"); err != nil {
					t.Fatal(err)
				}
			}
			api.broken.Store(k.broken)
			p.publish(t, map[string]string{"docs/index.html": page("2")})
			code, out := p.try(t, "deploy")
			if back := strings.Contains(out, "the release was rolled back"); code != 6 || !strings.Contains(out, k.says) || back != k.rolledBack {
				t.Errorf("exit code %d, rolled back %t:\n%s", code, back, out)
			}
			want := page("2")
			if k.rolledBack {
				want = page("1")
			}
			if body := stored(t, server, bucket, "docs/index.html"); body != want {
				t.Errorf("the bucket has %q, want %q", body, want)
			}
		})
	}
}

// stored returns the bytes of an object.
func stored(t *testing.T, server *testbed.S3, bucket, key string) string {
	t.Helper()
	o, err := server.Client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	b, err := io.ReadAll(o.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// try runs the program, which may fail.
func (p *project) try(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), p.program, args...)
	cmd.Dir, cmd.Env = p.dir, environ(append(p.env, "CI=true")...)
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode(), string(b)
	case err != nil:
		t.Fatal(err)
	}
	return 0, string(b)
}
