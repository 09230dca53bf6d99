package ci

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Ask compares two commits of a repository where the clone does not know both.
// It returns Unknown where nobody can tell.
type Ask func(ctx context.Context, repository, own, earlier string) Order

// askTimeout bounds the question: an answer that does not come is none.
const askTimeout = 10 * time.Second

// AskGitHub returns an Ask that puts the question to GitHub's API. The clones of
// workflows are shallow. It returns nil without a token, or elsewhere.
//
// The status says how the second commit stands to the first.
// https://docs.github.com/en/rest/commits/commits#compare-two-commits
func AskGitHub(r Run, token string, getenv func(string) string) Ask {
	api := strings.TrimSuffix(getenv("GITHUB_API_URL"), "/")
	if r.Provider != GitHub || token == "" || api == "" {
		return nil
	}
	return once(func(ctx context.Context, repository, own, earlier string) Order {
		owner, name, ok := strings.Cut(repository, "/")
		if !ok || !isHash(own) || !isHash(earlier) {
			return Unknown
		}
		// Of a page after the first, the answer has no files.
		return comparison(ctx, api+"/repos/"+url.PathEscape(owner)+"/"+url.PathEscape(name)+"/compare/"+earlier+"..."+own+"?per_page=1&page=2", token)
	})
}

// once returns an Ask that puts each question once. A deploy compares the same
// commits several times, also while it holds the site: an API that hangs must
// hold it up once, and the answers must agree.
func once(ask Ask) Ask {
	type question struct{ repository, own, earlier string }
	var mu sync.Mutex
	answers := map[question]Order{}
	return func(ctx context.Context, repository, own, earlier string) Order {
		mu.Lock()
		defer mu.Unlock()
		q := question{repository, own, earlier}
		o, known := answers[q]
		if !known {
			o = ask(ctx, repository, own, earlier)
			answers[q] = o
		}
		return o
	}
}

// client follows a repository that was renamed, and nothing that leads away
// from the API: net/http would send the token along to another port, and
// without TLS.
var client = &http.Client{CheckRedirect: func(req *http.Request, via []*http.Request) error {
	if first := via[0].URL; len(via) > 3 || req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
		return http.ErrUseLastResponse
	}
	return nil
}}

// comparison asks for one comparison.
func comparison(ctx context.Context, address, token string) Order {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Unknown
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	resp, err := client.Do(req)
	if err != nil {
		return Unknown
	}
	defer resp.Body.Close()
	var answer struct{ Status string }
	const most = 1 << 20 // of the two commits, and some files at worst
	if resp.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(resp.Body, most)).Decode(&answer) != nil {
		return Unknown
	}
	switch answer.Status {
	case "ahead":
		return Newer
	case "behind":
		return Older
	case "identical":
		return Same
	}
	return Unknown // diverged: neither is the other's ancestor
}
