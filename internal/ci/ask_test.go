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
		if got := ask(t.Context(), "octo/site", own, earlier); got != want {
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
	if got := ask(t.Context(), "octo/site", own, earlier); got != Unknown {
		t.Errorf("without an answer: %v", got)
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
