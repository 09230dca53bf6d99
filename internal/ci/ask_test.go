package ci

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAskGitHub(t *testing.T) {
	own, earlier := strings.Repeat("0a", 20), strings.Repeat("0b", 20)
	status, code := "", http.StatusOK
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization"))
		w.WriteHeader(code)
		_, _ = w.Write([]byte(`{"status": "` + status + `", "commits": []}`))
	}))
	defer server.Close()
	env := vars{"GITHUB_API_URL": server.URL + "/api/"}.get
	ask := AskGitHub(Run{Provider: GitHub}, "t0ken", env)
	for s, want := range map[string]Order{"ahead": Newer, "behind": Older, "identical": Same, "diverged": Unknown, "": Unknown, "odd\"": Unknown} {
		status = s
		if got := AskGitHub(Run{Provider: GitHub}, "t0ken", env)(t.Context(), "octo/site", own, earlier); got != want {
			t.Errorf("%s: %v, want %v", s, got, want)
		}
	}
	want := "GET /api/repos/octo/site/compare/" + earlier + "..." + own + "?per_page=1&page=2 Bearer t0ken"
	if len(asked) != 6 || asked[0] != want {
		t.Errorf("asked %q, want %s", asked, want)
	}
	asked, status, code = nil, "ahead", http.StatusNotFound
	if got := ask(t.Context(), "octo/site", own, earlier); got != Unknown || len(asked) != 1 {
		t.Errorf("of a commit that is gone: %v after %q", got, asked)
	}
	asked, code = nil, http.StatusOK
	for _, pair := range [][3]string{{"octo", own, earlier}, {"octo/site", "HEAD", earlier}, {"octo/site", own, "../../x"}} {
		if got := ask(t.Context(), pair[0], pair[1], pair[2]); got != Unknown || asked != nil {
			t.Errorf("%q: %v after %q", pair, got, asked)
		}
	}
	for _, none := range []Ask{AskGitHub(Run{Provider: GitHub}, "", env), AskGitHub(Run{Provider: GitLab}, "t", env), AskGitHub(Run{Provider: GitHub}, "t", vars{}.get)} {
		if none != nil {
			t.Error("asks without a token, elsewhere, or nobody")
		}
	}
	server.Close()
	if got := AskGitHub(Run{Provider: GitHub}, "t0ken", env)(t.Context(), "octo/site", own, earlier); got != Unknown {
		t.Errorf("without an answer: %v", got)
	}
}

// TestAskGitHubRedirects: a repository that was renamed is found, and the token
// stays at the API.
func TestAskGitHubRedirects(t *testing.T) {
	own, earlier := strings.Repeat("0a", 20), strings.Repeat("0b", 20)
	answer := func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"status": "ahead"}`)) }
	strange := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		strange++
		answer(w)
	}))
	defer elsewhere.Close()
	target := "/repositories/1/compare"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/repositories/1/compare":
			http.Redirect(w, r, target, http.StatusMovedPermanently)
		case r.Header.Get("Authorization") == "Bearer t0ken":
			answer(w)
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	env := vars{"GITHUB_API_URL": server.URL}.get
	if got := AskGitHub(Run{Provider: GitHub}, "t0ken", env)(t.Context(), "octo/site", own, earlier); got != Newer {
		t.Errorf("of a repository that was renamed: %v", got)
	}
	target = elsewhere.URL
	if got := AskGitHub(Run{Provider: GitHub}, "t0ken", env)(t.Context(), "octo/site", own, earlier); got != Unknown || strange != 0 {
		t.Errorf("%v after %d questions elsewhere", got, strange)
	}
}

// TestAskGitHubOnce: a deploy compares the same two commits several times. What
// was no answer is none again, so that an API that hangs does so once.
func TestAskGitHubOnce(t *testing.T) {
	own, earlier := strings.Repeat("0a", 20), strings.Repeat("0b", 20)
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer server.Close()
	ask := AskGitHub(Run{Provider: GitHub}, "t0ken", vars{"GITHUB_API_URL": server.URL}.get)
	for range 3 {
		if got := ask(t.Context(), "octo/site", own, earlier); got != Unknown {
			t.Error(got)
		}
	}
	ask(t.Context(), "octo/site", earlier, own)
	if asked != 2 {
		t.Errorf("%d requests for two questions", asked)
	}
}

// TestCompareAsks: only where the clone does not know, and of one repository.
func TestCompareAsks(t *testing.T) {
	own, earlier := strings.Repeat("0a", 20), strings.Repeat("0b", 20)
	answer := Newer
	asked := 0
	ask := func(_ context.Context, repository, a, b string) Order {
		if repository != "o/r" || a != own || b != earlier {
			t.Errorf("asked for %s: %s, %s", repository, a, b)
		}
		asked++
		return answer
	}
	at := func(repository, commit, id string) Run {
		return Run{Repository: repository, Commit: commit, RunID: id}
	}
	dir := t.TempDir()
	if got := Compare(t.Context(), at("o/r", own, "1"), at("o/r", earlier, "2"), dir, ask); got != Newer || asked != 1 {
		t.Errorf("%v after %d questions", got, asked)
	}
	answer = Unknown
	if got := Compare(t.Context(), at("o/r", own, "1"), at("o/r", earlier, "2"), dir, ask); got != Older || asked != 2 {
		t.Errorf("%v after %d questions", got, asked)
	}
	for _, earlierRun := range []Run{at("o/r", own, "2"), at("o/x", earlier, "2"), at("o/r", "", "2")} {
		Compare(t.Context(), at("o/r", own, "1"), earlierRun, dir, ask)
	}
	if asked != 2 {
		t.Errorf("%d questions that need none", asked-2)
	}
}
