package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/rogpeppe/go-internal/testscript"
)

// edgeServer is what visitors of a script's site ask: a cache in front of a
// bucket, which keeps each answer until the CDN's API is told to purge its URL.
type edgeServer struct {
	http *httptest.Server
	sut  *script

	mu     sync.Mutex
	mode   string
	cached map[string]*cachedAnswer // by URL
	seen   int                      // purges that were looked at
}

// edgeURL is where visitors see the site. It has no port, because a CDN knows
// none; the server is found as an HTTP proxy.
const edgeURL = "http://www.example.com"

type cachedAnswer struct {
	status int
	header http.Header
	body   []byte
}

// startEdge implements the script command edge: SITE_URL is a cache in front of
// the bucket, which serves index pages, and in which purges of the fake CDN take
// effect. The argument is what it does from now on, with an empty cache but for
// keeps:
//
//   - works: what it should.
//   - keeps: it does not forget, whatever is purged.
//   - login: it sends everybody to another host.
//   - bare: it does not know that / is index.html.
func startEdge(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1 && slices.Contains([]string{"works", "keeps", "login", "bare"}, args[0]), "edge works|keeps|login|bare")
	c := scriptOf(ts)
	if c.edge == nil {
		e := &edgeServer{sut: c, cached: map[string]*cachedAnswer{}}
		bucket := ts.Getenv("S3_ENDPOINT") + "/" + ts.Getenv("S3_BUCKET")
		e.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.serve(w, r, bucket) }))
		c.t.Cleanup(e.http.Close)
		c.edge = e
	}
	c.edge.mu.Lock()
	defer c.edge.mu.Unlock()
	c.edge.mode = args[0]
	if args[0] != "keeps" {
		clear(c.edge.cached)
	}
	ts.Setenv("SITE_URL", edgeURL)
	ts.Setenv("HTTP_PROXY", c.edge.http.URL)
}

func (e *edgeServer) serve(w http.ResponseWriter, r *http.Request, bucket string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mode == "login" {
		http.Redirect(w, r, "https://login.example.com/?back="+r.URL.Path, http.StatusFound)
		return
	}
	e.forget()
	path := r.URL.Path
	if strings.HasSuffix(path, "/") && e.mode != "bare" {
		path += "index.html"
	}
	url := edgeURL + r.URL.Path
	a := e.cached[url]
	if a == nil {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, bucket+path, nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		a = &cachedAnswer{status: resp.StatusCode, header: resp.Header}
		if a.body, err = io.ReadAll(resp.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		if !strings.Contains(resp.Header.Get("Cache-Control"), "no-store") {
			e.cached[url] = a
		}
	}
	for _, name := range []string{"Content-Type", "Cache-Control"} {
		w.Header().Set(name, a.header.Get(name))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// forget drops what was purged since it was last looked.
func (e *edgeServer) forget() {
	if e.sut.cloudflare == nil {
		return
	}
	urls := e.sut.cloudflare.Purged()
	for _, u := range urls[e.seen:] {
		if e.mode != "keeps" {
			delete(e.cached, u)
		}
	}
	e.seen = len(urls)
}

// public implements the script command: everybody may read the bucket of the
// script, but what the statement of a policy in a file denies.
func (s *servers) public(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) <= 1, "public [FILE]")
	bucket := ts.Getenv("S3_BUCKET")
	statements := []json.RawMessage{json.RawMessage(fmt.Sprintf(`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/*"}`, bucket))}
	if len(args) == 1 {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		ts.Check(err)
		statements = append(statements, json.RawMessage(strings.TrimSpace(string(b))))
	}
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	ts.Check(err)
	text := string(policy)
	_, err = s.minio.Client().PutBucketPolicy(s.shared.Context(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &text})
	ts.Check(err)
}
