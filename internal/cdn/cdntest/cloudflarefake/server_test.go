package cloudflarefake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// post sends a request with good credentials, changed by change, and returns
// the status and the first error code.
func post(t *testing.T, s *Server, body string, change func(*http.Request)) (status, code int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"zones/"+ZoneID+"/purge_cache", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+Token)
	req.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(req)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var env struct {
		Success bool
		Errors  []struct{ Code int }
	}
	if err := json.NewDecoder(res.Body).Decode(&env); err != nil {
		t.Fatal(err)
	}
	if env.Success != (len(env.Errors) == 0) || env.Success != (res.StatusCode == 200) {
		t.Errorf("status %d with %+v", res.StatusCode, env)
	}
	for _, e := range env.Errors {
		code = e.Code
	}
	return res.StatusCode, code
}

func files(n int) string {
	urls := make([]string, n)
	for i := range urls {
		urls[i] = fmt.Sprintf("https://example.com/%d", i)
	}
	b, _ := json.Marshal(map[string]any{"files": urls})
	return string(b)
}

func TestAccepts(t *testing.T) {
	s := New(t, Options{Hosts: []string{"example.com"}})
	for _, body := range []string{
		files(1), files(100),
		`{"files":["https://example.com/a%20b?x=%C3%A9"]}`,
		`{"files":[{"url":"https://example.com/f.woff2","headers":{"Origin":"https://example.com"}}]}`,
		`{"prefixes":["example.com/docs/","example.com/a"]}`, `{"hosts":["example.com"]}`, `{"tags":["site"]}`, `{"purge_everything":true}`,
	} {
		if status, code := post(t, s, body, nil); status != 200 {
			t.Errorf("%.60s: status %d, code %d", body, status, code)
		}
	}
	got := s.Purged()
	for _, want := range []string{"https://example.com/f.woff2 from https://example.com", "prefix example.com/docs/", "host example.com", "tag site", "everything"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q was not purged", want)
		}
	}
	if len(got) != 108 {
		t.Errorf("purged %d items: %.3q", len(got), got)
	}
}

func TestRefuses(t *testing.T) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	path := func(p string) func(*http.Request) { return func(r *http.Request) { r.URL.Path = p } }
	for name, c := range map[string]struct {
		body         string
		change       func(*http.Request)
		status, code int
	}{
		"101 URLs":         {files(101), nil, 400, 1094},
		"no URL":           {`{"files":[]}`, nil, 400, 1014},
		"unknown field":    {`{"files":["https://example.com/"],"x":1}`, nil, 400, 1012},
		"unknown in file":  {`{"files":[{"url":"https://example.com/","x":1}]}`, nil, 400, 1012},
		"two selectors":    {`{"files":["https://example.com/"],"tags":["a"]}`, nil, 400, 1012},
		"no selector":      {`{}`, nil, 400, 1012},
		"everything not":   {`{"purge_everything":false}`, nil, 400, 1012},
		"31 prefixes":      {`{"prefixes":["example.com/a"` + strings.Repeat(`,"example.com/a"`, 30) + `]}`, nil, 400, 1094},
		"31 hosts":         {`{"hosts":["example.com"` + strings.Repeat(`,"example.com"`, 30) + `]}`, nil, 400, 1094},
		"no prefix":        {`{"prefixes":[]}`, nil, 400, 1014},
		"prefix, scheme":   {`{"prefixes":["https://example.com/a"]}`, nil, 400, 1015},
		"prefix, query":    {`{"prefixes":["example.com/a?b"]}`, nil, 400, 1015},
		"prefix, raw é":    {`{"prefixes":["example.com/é/"]}`, nil, 400, 1015},
		"deep prefix":      {`{"prefixes":["example.com` + strings.Repeat("/a", 32) + `"]}`, nil, 400, 1015},
		"foreign prefix":   {`{"prefixes":["example.org/a"]}`, nil, 400, 1082},
		"foreign host":     {`{"hosts":["example.org"]}`, nil, 400, 1082},
		"host with path":   {`{"hosts":["example.com/a"]}`, nil, 400, 1015},
		"tag with space":   {`{"tags":["a b"]}`, nil, 400, 1015},
		"origin with path": {`{"files":[{"url":"https://example.com/","headers":{"Origin":"https://example.com/"}}]}`, nil, 400, 1015},
		"other header":     {`{"files":[{"url":"https://example.com/","headers":{"Cookie":"a"}}]}`, nil, 400, 1015},
		"two bodies":       {files(1) + files(1), nil, 400, 1012},
		"not JSON":         {`files=a`, nil, 400, 1012},
		"no scheme":        {`{"files":["example.com/"]}`, nil, 400, 1015},
		"relative":         {`{"files":["/a"]}`, nil, 400, 1015},
		"ftp":              {`{"files":["ftp://example.com/a"]}`, nil, 400, 1015},
		"raw é":            {`{"files":["https://example.com/é"]}`, nil, 400, 1015},
		"raw space":        {`{"files":["https://example.com/a b"]}`, nil, 400, 1015},
		"bad escape":       {`{"files":["https://example.com/%zz"]}`, nil, 400, 1015},
		"wildcard":         {`{"files":["https://example.com/*"]}`, nil, 400, 1015},
		"fragment":         {`{"files":["https://example.com/#a"]}`, nil, 400, 1015},
		"user":             {`{"files":["https://u@example.com/"]}`, nil, 400, 1015},
		"no path":          {`{"files":["https://example.com"]}`, nil, 400, 1015},
		"upper-case host":  {`{"files":["https://Example.com/"]}`, nil, 400, 1015},
		"foreign URL":      {`{"files":["https://example.org/"]}`, nil, 400, 1082},
		"one bad of two":   {`{"files":["https://example.com/","https://example.org/"]}`, nil, 400, 1082},
		"no token":         {files(1), header("Authorization", ""), 400, 9106},
		"basic":            {files(1), header("Authorization", "Basic eA=="), 400, 6111},
		"wrong token":      {files(1), header("Authorization", "Bearer x"), 403, 10000},
		"key and token":    {files(1), header("X-Auth-Key", "x"), 400, 6003},
		"form":             {files(1), header("Content-Type", "text/plain"), 415, 10415},
		"other zone":       {files(1), path(base + "zones/" + strings.Repeat("0", 32) + "/purge_cache"), 404, 7003},
		"other path":       {files(1), path(base + "zones"), 404, 7000},
		"query":            {files(1), func(r *http.Request) { r.URL.RawQuery = "a=1" }, 404, 7000},
		"GET":              {files(1), func(r *http.Request) { r.Method = http.MethodGet }, 405, 10405},
		"double-slash URL": {files(1), path(base + "/zones/" + ZoneID + "/purge_cache"), 404, 7000},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(t, Options{Hosts: []string{"example.com"}})
			status, code := post(t, s, c.body, c.change)
			if status != c.status || code != c.code {
				t.Errorf("status %d, code %d; want %d, %d", status, code, c.status, c.code)
			}
			if got := s.Purged(); len(got) != 0 {
				t.Errorf("purged %q", got)
			}
			if log := s.Log(); len(log) != 1 || log[0].Status != c.status || log[0].Purged {
				t.Errorf("log = %+v", log)
			}
		})
	}
}

func TestRate(t *testing.T) {
	s := New(t, Options{PerSecond: 1})
	if status, _ := post(t, s, files(1), nil); status != 200 {
		t.Fatalf("first: status %d", status)
	}
	status, code := post(t, s, files(50), nil)
	if status != 429 || code != 10429 {
		t.Errorf("50 URLs at 1/s: status %d, code %d", status, code)
	}
	s = New(t, Options{Broad: 1})
	if status, _ := post(t, s, `{"hosts":["example.com"]}`, nil); status != 200 {
		t.Fatalf("first: status %d", status)
	}
	if status, _ := post(t, s, `{"purge_everything":true}`, nil); status != 429 {
		t.Errorf("the second of one at once: status %d", status)
	}
	if status, _ := post(t, s, files(1), nil); status != 200 {
		t.Errorf("URLs have a bucket of their own: status %d", status)
	}
}

func TestInject(t *testing.T) {
	s := New(t, Options{})
	s.Inject(1, Failure(500, 1, "x"))
	s.Inject(1, Failure(200, 2, "y"))
	var got []int
	for range 3 {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"zones/"+ZoneID+"/purge_cache", strings.NewReader(files(1)))
		req.Header.Set("Authorization", "Bearer "+Token)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		got = append(got, res.StatusCode)
	}
	if !slices.Equal(got, []int{500, 200, 200}) {
		t.Errorf("statuses %v", got)
	}
	if n := len(s.Purged()); n != 1 {
		t.Errorf("purged %d URLs, want 1: faults purge nothing", n)
	}
}
