package testbed

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"
	"time"
)

// Issuer is an identity provider over loopback (OpenID Connect: discovery,
// keys, RS256), and the endpoint at which a job of GitHub Actions asks for its
// token.
type Issuer struct {
	URL string
	// RequestURL and RequestToken are what GitHub sets as
	// ACTIONS_ID_TOKEN_REQUEST_URL and _TOKEN.
	RequestURL, RequestToken string

	key    *rsa.PrivateKey
	mu     sync.Mutex
	change func(claims map[string]any)
	issued []string
}

// NewIssuer starts an issuer. It is gone with the test.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatalf("testbed: %v", err)
	}
	i := &Issuer{key: key, RequestToken: rand.Text()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /jwks", i.keys)
	mux.HandleFunc("GET /token", i.token)
	srv := httptest.NewUnstartedServer(mux)
	i.URL = "http://" + srv.Listener.Addr().String()
	i.RequestURL = i.URL + "/token?api-version=2.0"
	srv.Start()
	t.Cleanup(srv.Close)
	return i
}

// Env returns the variables of a job that may ask for a token.
func (i *Issuer) Env() []string {
	return []string{"ACTIONS_ID_TOKEN_REQUEST_URL=" + i.RequestURL, "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + i.RequestToken}
}

// Change lets a function alter the claims of all tokens to come; nil: none.
func (i *Issuer) Change(f func(claims map[string]any)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.change = f
}

// Issued returns all tokens that were given out.
func (i *Issuer) Issued() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.issued...)
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, map[string]any{
		"issuer": i.URL, "jwks_uri": i.URL + "/jwks", "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/none",
		"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "testbed",
		"n": segment(i.key.N.Bytes()), "e": segment(big.NewInt(int64(i.key.E)).Bytes()),
	}}})
}

// token answers as GitHub's endpoint does.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+i.RequestToken {
		http.Error(w, "bad bearer", http.StatusUnauthorized)
		return
	}
	now := time.Now()
	claims := map[string]any{
		"iss": i.URL, "aud": r.URL.Query().Get("audience"), "sub": "repo:owner/site:ref:refs/heads/main",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": rand.Text(),
		"repository": "owner/site", "ref": "refs/heads/main",
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.change != nil {
		i.change(claims)
	}
	token, err := i.sign(claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	i.issued = append(i.issued, token)
	answerJSON(w, map[string]any{"count": len(token), "value": token})
}

func (i *Issuer) sign(claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := segment([]byte(`{"typ":"JWT","alg":"RS256","kid":"testbed"}`)) + "." + segment(payload)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, i.key, crypto.SHA256, sum[:])
	return text + "." + segment(signature), err
}

func segment(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that has gone
}

// Federated is a MinIO server that gives credentials of a role for the tokens
// of an issuer: AssumeRoleWithWebIdentity at its own endpoint.
type Federated struct {
	*S3
	Role string // its ARN; it may read and write everything
}

var roleARN = regexp.MustCompile(`arn:minio:iam:::role/\S+`)

// MinIOFor starts a MinIO server of the test's own whose role trusts an issuer,
// for an audience.
func MinIOFor(t testing.TB, i *Issuer, audience string) *Federated {
	t.Helper()
	s, err := startIn(Tool(t, "minio"), func(bin, dir string) (*S3, error) {
		return startFederated(bin, dir, i.URL, audience)
	})
	if err != nil {
		t.Fatalf("testbed: minio: %v", err)
	}
	t.Cleanup(s.stop)
	s.process.attach(t, "minio")
	// It says so after it has begun to answer.
	for deadline := time.Now().Add(startTime); ; time.Sleep(20 * time.Millisecond) {
		if arn := roleARN.FindString(s.process.log.tail(0)); arn != "" {
			return &Federated{s, arn}
		}
		if time.Now().After(deadline) {
			t.Fatal("testbed: minio names no role")
		}
	}
}

func startFederated(bin, dir, issuer, audience string) (*S3, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := newS3("minio", port)
	return s.run(bin, "/minio/health/live",
		[]string{"server", "--address", fmt.Sprintf("127.0.0.1:%d", port), dir},
		[]string{
			"MINIO_ROOT_USER=" + AccessKey, "MINIO_ROOT_PASSWORD=" + SecretKey,
			"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off",
			"MINIO_IDENTITY_OPENID_CONFIG_URL=" + issuer + "/.well-known/openid-configuration",
			"MINIO_IDENTITY_OPENID_CLIENT_ID=" + audience, "MINIO_IDENTITY_OPENID_ROLE_POLICY=readwrite",
		})
}
