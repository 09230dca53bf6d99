//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// vcl is a cache that keeps everything for an hour, whatever Cache-Control says,
// so that only a purge makes a change visible. X-Hits counts how often an
// answer came from it.
const vcl = `vcl 4.1;
backend default { .host = "%[1]s"; .port = "%[2]s"; }
%[4]s
sub vcl_recv {
	if (req.method == "PURGE") { return (purge); }
	return (hash);
}
sub vcl_backend_fetch { set bereq.http.Host = "%[3]s"; }
sub vcl_backend_response {
	set beresp.grace = 0s;
	if (beresp.http.Cache-Control ~ "no-store") { set beresp.uncacheable = true; return (deliver); }
	set beresp.ttl = 1h;
	return (deliver);
}
sub vcl_deliver { set resp.http.X-Hits = obj.hits; }
`

// varnish is a running cache.
type varnish struct{ url string }

// startVarnish runs Debian's varnishd in front of a website, with rules that
// come before those of vcl.
func startVarnish(t *testing.T, website, rules string) *varnish {
	t.Helper()
	program, err := exec.LookPath("varnishd")
	if err != nil {
		t.Fatalf("varnishd is missing: .ci/run installs Debian's package varnish: %v", err)
	}
	backend := strings.TrimPrefix(website, "http://")
	_, port, _ := strings.Cut(backend, ":")
	dir := t.TempDir()
	config := filepath.Join(dir, "site.vcl")
	if err := os.WriteFile(config, fmt.Appendf(nil, vcl, "127.0.0.1", port, backend, rules), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	var log strings.Builder
	cmd := exec.Command(program, "-j", "none", "-F", "-n", filepath.Join(dir, "work"), "-a", addr, "-f", config, "-s", "malloc,16m")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-exited
		}
		if t.Failed() {
			t.Logf("varnishd wrote:\n%s", log.String())
		}
	})
	v := &varnish{url: "http://" + addr}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return v
		}
		select {
		case <-exited:
			t.Fatalf("varnishd ended:\n%s", log.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("varnishd does not answer")
		}
	}
}

// ask returns what a visitor gets, and how often it came from the cache.
func (v *varnish) ask(ctx context.Context, method, url string) (status int, body string, hits int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return 0, "", 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	hits, _ = strconv.Atoi(resp.Header.Get("X-Hits"))
	return resp.StatusCode, string(b), hits, err
}

// purgeAPI takes what the program asks of Cloudflare's API (purge by URL), and
// asks the cache instead, by PURGE.
type purgeAPI struct {
	cache   *varnish
	broken  atomic.Bool  // it says that it has purged, and has not
	before  func()       // called before the first URL is purged
	dropped atomic.Int64 // URLs that were purged
}

func (p *purgeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct{ Files []string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Files) == 0 {
		http.Error(w, fmt.Sprintf("purge by URL alone: %v", err), http.StatusBadRequest)
		return
	}
	if p.before != nil {
		p.before()
		p.before = nil
	}
	for _, u := range body.Files {
		if p.broken.Load() {
			break
		}
		if status, _, _, err := p.cache.ask(r.Context(), "PURGE", u); err != nil || status != http.StatusOK {
			http.Error(w, fmt.Sprintf("%s: %d %v", u, status, err), http.StatusBadGateway)
			return
		}
		p.dropped.Add(1)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"success":true,"errors":[],"messages":[],"result":{"id":"023e105f4ecef8ad9ca31a8372d0c353"}}`)
}

// TestEdge puts a real cache in front of a real website. Deploys change, add
// and remove pages: the cache gives the old ones until the purge, and the new
// ones after it; nothing that did not change is dropped; and where the purge
// does nothing, the proof notices.
func TestEdge(t *testing.T) {
	t.Parallel()
	server := testbed.VersityGW(t)
	bucket := server.NewWebsite(t)
	cache := startVarnish(t, server.WebsiteURL(bucket), "")
	api := &purgeAPI{cache: cache}
	fake := httptest.NewServer(api)
	t.Cleanup(fake.Close)
	p := newProject(t, buildProgram(t), "plain", map[string]any{
		"siteUrl": cache.url, "outputDir": "out", "buildCommand": nil, "ignore": nil, "headers": nil,
		"storage": map[string]any{"provider": "s3", "endpoint": server.Endpoint, "bucket": bucket, "region": server.Region, "pathStyle": true},
		"cdn":     map[string]any{"provider": "cloudflare", "zoneId": "023e105f4ecef8ad9ca31a8372d0c353"},
		"proof":   map[string]any{"timeout": "20s"},
	})
	p.env = append(server.Env(), "CLOUDFLARE_BASE_URL="+fake.URL, "CLOUDFLARE_API_TOKEN=e2e-token")
	first := map[string]string{
		"index.html": "<title>home 1</title>", "docs/index.html": "<title>docs 1</title>", "about.html": "<title>about</title>",
		"gone.html": "<title>gone</title>", "keep/index.html": "<title>keep</title>", "app.css": "a{}",
	}
	p.publish(t, first)
	// The deploy's own question for its records finds them: the bucket hides nothing.
	if out := p.run(t); !strings.Contains(out, "6 of 6 URLs as released") || !strings.Contains(out, "visitors can read the deploy's own records") {
		t.Fatal(out)
	}
	want := func(path string, status int, body string) (hits int) {
		t.Helper()
		got, b, hits, err := cache.ask(t.Context(), http.MethodGet, cache.url+path)
		if err != nil || got != status || body != "" && b != body {
			t.Errorf("%s: %d %q %v, want %d %q", path, got, b, err, status, body)
		}
		return hits
	}
	unchanged := []string{"/keep/", "/about.html", "/app.css"}
	count := map[string]int{}
	visit := func() {
		for range 2 {
			for _, path := range unchanged {
				count[path] = want(path, http.StatusOK, "")
			}
			want("/new/", http.StatusNotFound, "") // cached before it is there
		}
	}
	visit()

	second := map[string]string{"docs/index.html": "<title>docs 2</title>", "index.html": "<title>home 2</title>", "new/index.html": "<title>new</title>"}
	p.publish(t, second)
	p.remove(t, "out/gone.html")
	api.before = func() {
		want("/", http.StatusOK, first["index.html"])
		want("/docs/", http.StatusOK, first["docs/index.html"])
		want("/gone.html", http.StatusOK, first["gone.html"])
		want("/new/", http.StatusNotFound, "")
	}
	if out := p.run(t); !strings.Contains(out, "4 of 4 URLs as released") || strings.Contains(out, " still ") {
		t.Error(out)
	}
	if api.before != nil {
		t.Error("nothing was purged")
	}
	want("/", http.StatusOK, second["index.html"])
	want("/docs/", http.StatusOK, second["docs/index.html"])
	want("/new/", http.StatusOK, second["new/index.html"])
	want("/gone.html", http.StatusNotFound, "")
	for _, path := range unchanged {
		if hits := want(path, http.StatusOK, ""); hits != count[path]+1 {
			t.Errorf("%s was dropped from the cache: %d hits after %d", path, hits, count[path])
		}
	}
	brokenPurge(t, p, api, want)
}

// brokenPurge checks what is said where a purge is acknowledged and not done.
func brokenPurge(t *testing.T, p *project, api *purgeAPI, want func(string, int, string) int) {
	t.Helper()
	api.broken.Store(true)
	before := api.dropped.Load()
	p.configure(t, map[string]any{"proof": map[string]any{"timeout": "2s"}})
	third := map[string]string{"docs/index.html": "<title>docs 3</title>"}
	p.publish(t, third)
	want("/about.html", http.StatusOK, "<title>about</title>")
	p.remove(t, "out/about.html")
	out := p.run(t)
	for _, s := range []string{"1 of 3 URLs as released", "2 URLs still give what was live before: ", "/about.html (it is removed)"} {
		if !strings.Contains(out, s) {
			t.Errorf("no %q in\n%s", s, out)
		}
	}
	if n := api.dropped.Load(); n != before {
		t.Errorf("%d URLs were purged", n-before)
	}
	want("/docs/", http.StatusOK, "<title>docs 2</title>")

	p.publish(t, map[string]string{"keep/index.html": "<title>keep 4</title>"})
	if code, out := p.try(t, "deploy", "--proof", "strict"); code != 6 {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// publish writes files of the output.
func (p *project) publish(t *testing.T, files map[string]string) {
	t.Helper()
	for name, body := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(p.dir, p.output, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		p.write(t, name, body)
	}
}
