package ci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/sethvargo/go-retry"
)

// ErrNoIdentity says that the run may not ask its CI for an identity token: in
// GitHub Actions the job lacks the permission id-token: write.
var ErrNoIdentity = errors.New("this run cannot ask for an identity token")

// What GitHub sets in a job that has the permission.
// https://docs.github.com/en/actions/reference/security/oidc
const (
	identityURL    = "ACTIONS_ID_TOKEN_REQUEST_URL"
	identityBearer = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

const (
	identityTimeout  = 10 * time.Second // one attempt
	identityAttempts = 4
	identityPause    = 500 * time.Millisecond // before the second, doubled after
	identityMost     = 64 << 10               // bytes of an answer; tokens have some 2 KiB
)

// IdentityToken asks GitHub for a token that says which run this is, for an
// audience. It tries again where GitHub does not answer or is overloaded. The
// token is a secret: AddMask comes before anything else is done with it. Where
// the run may not ask, the error wraps ErrNoIdentity; no error holds a token.
func IdentityToken(ctx context.Context, getenv func(string) string, audience string) (string, error) {
	address, bearer := getenv(identityURL), getenv(identityBearer)
	if address == "" || bearer == "" {
		return "", ErrNoIdentity
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("%s is not a URL", identityURL)
	}
	q := u.Query()
	q.Set("audience", audience)
	u.RawQuery = q.Encode()
	token := ""
	pauses := retry.WithMaxRetries(identityAttempts-1, retry.NewExponential(identityPause))
	err = retry.Do(ctx, pauses, func(ctx context.Context) error {
		token, err = requestIdentity(ctx, u.String(), bearer)
		return err
	})
	return token, err
}

// identityClient follows no redirects: the request carries a token.
var identityClient = &http.Client{
	Timeout:       identityTimeout,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func requestIdentity(ctx context.Context, address, bearer string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", fmt.Errorf("%s is not a URL", identityURL)
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	req.Header.Set("Accept", "application/json")
	resp, err := identityClient.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // its text holds the whole address
			err = u.Err
		}
		return "", retry.RetryableError(fmt.Errorf("GitHub gave no identity token: %w", err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		err := fmt.Errorf("GitHub gave no identity token: it answered %s", resp.Status)
		if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500 {
			err = retry.RetryableError(err)
		}
		return "", err
	}
	var answer struct{ Value string }
	err = json.NewDecoder(io.LimitReader(resp.Body, identityMost)).Decode(&answer)
	if err != nil || answer.Value == "" {
		return "", retry.RetryableError(errors.New("GitHub gave no identity token: its answer holds none"))
	}
	return answer.Value, nil
}
