package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pandastack-io/pandastack/internal/role"
	"github.com/pandastack-io/pandastack/internal/secret"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

// job is a job of GitHub Actions that has no key.
type job struct {
	*testing.T
	program, dir string
	env          []string
}

// newJob returns a job with a site for a bucket, and variables.
func newJob(t *testing.T, storage map[string]string, env ...string) *job {
	t.Helper()
	program, err := exec.LookPath("pandastack")
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{"type": "static", "outputDir": "dist", "buildCommand": "env; mkdir -p dist; echo built >dist/index.html", "storage": storage})
	if err != nil {
		t.Fatal(err)
	}
	j := &job{T: t, program: program, dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(j.dir, "pandastack.json"), config, 0o644); err != nil {
		t.Fatal(err)
	}
	j.env = append([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "GITHUB_ACTIONS=true", "GITHUB_RUN_ID=42", raceOptions}, env...)
	return j
}

// run runs the program and returns its log.
func (j *job) run(code int, args ...string) string {
	j.Helper()
	cmd := exec.CommandContext(j.Context(), j.program, args...)
	cmd.Dir, cmd.Env = j.dir, j.env
	out, _ := cmd.CombinedOutput() // the exit code says it
	if got := cmd.ProcessState.ExitCode(); got != code {
		j.Fatalf("%v: exit code %d, want %d:\n%s", args, got, code, out)
	}
	return string(out)
}

// TestRole deploys without any key, by the real flow: a token of the job, the
// role of a server that checks it, the temporary credentials. None of them is
// in the log, in any form, and all are hidden before its first word.
func TestRole(t *testing.T) {
	issuer := testbed.NewIssuer(t)
	server := testbed.MinIOFor(t, issuer, role.Audience)
	recorded := &recordedSTS{T: t}
	sts := testbed.NewCountingProxy(t, server.Endpoint)
	sts.Around(recorded.around)
	storage := map[string]string{"provider": "s3", "bucket": server.NewBucket(t), "endpoint": server.Endpoint, "region": server.Region}
	j := newJob(t, storage, append(issuer.Env(), "INPUT_ROLE-TO-ASSUME="+server.Role, "AWS_ENDPOINT_URL_STS="+sts.URL)...)
	j.env = append(j.env, "PLANTED="+base64.StdEncoding.EncodeToString([]byte("user:"+issuer.RequestToken)))
	for _, args := range [][]string{{"deploy"}, {"deploy", "--json"}} {
		log := j.run(0, args...)
		warning := "GitHub's identity token was sent to " + sts.URL + ", which AWS_ENDPOINT_URL_STS names, and not to AWS"
		if !strings.Contains(log, warning) {
			t.Errorf("a token went elsewhere without a word:\n%s", log)
		}
		seen := recorded.all()
		for _, planted := range append(seen[len(seen)-4:], issuer.RequestToken) {
			for _, form := range secret.Forms(planted) {
				j.unsaid(log, form)
			}
		}
	}
	if n := len(recorded.all()); n != 8 { // a token and three keys, twice
		t.Errorf("%d secrets were seen", n)
	}
	if name := recorded.session; name != "pandastack-42" {
		t.Errorf("the session is %q", name)
	}

	issuer.Change(func(claims map[string]any) { claims["aud"] = "else" })
	log := j.run(12, "deploy")
	if want := "Make the identity provider in the role's account: aws iam create-open-id-connect-provider --url " + issuer.URL + " --client-id-list else."; !strings.Contains(log, want) {
		t.Errorf("got %s", log)
	}
	if strings.Contains(log, "built") {
		t.Errorf("the build ran: %s", log)
	}
}

// unsaid fails the test where a form of a secret is in the log, other than in
// the runner's command that masks it, which must come before all else.
func (j *job) unsaid(log, form string) {
	j.Helper()
	said, masked := false, false
	for line := range strings.Lines(log) {
		value, isMask := strings.CutPrefix(line, "::add-mask::")
		switch {
		case isMask:
			masked = masked || unescape.Replace(strings.TrimSuffix(value, "\n")) == form && !said
		case strings.Contains(line, form):
			j.Errorf("a secret is in %q", line)
		default:
			said = true
		}
	}
	if !masked {
		j.Errorf("%q is not masked before the first words:\n%s", form, log)
	}
}

var unescape = strings.NewReplacer("%0A", "\n", "%0D", "\r", "%25", "%")

// recordedSTS sees what goes to STS and comes from it.
type recordedSTS struct {
	*testing.T
	mu      sync.Mutex
	secrets []string
	session string
}

func (s *recordedSTS) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.secrets)
}

func (s *recordedSTS) around(forward http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			s.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		forward.ServeHTTP(answer, r)
		form, err := url.ParseQuery(string(body))
		if err != nil {
			s.Error(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if answer.Code == http.StatusOK {
			s.session = form.Get("RoleSessionName")
			s.secrets = append(s.secrets, form.Get("WebIdentityToken"))
			for _, name := range []string{"AccessKeyId", "SecretAccessKey", "SessionToken"} {
				_, after, _ := strings.Cut(answer.Body.String(), "<"+name+">")
				value, _, ok := strings.Cut(after, "<")
				if !ok {
					s.Errorf("the answer has no %s", name)
				}
				s.secrets = append(s.secrets, value)
			}
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// TestRoleRefused holds what is said where a role cannot be assumed: what is
// wrong, and the line to add.
func TestRoleRefused(t *testing.T) {
	const arn = "arn:aws:iam::111122223333:role/ci/deploy-www"
	aws := map[string]string{"provider": "s3", "bucket": "www", "region": "eu-central-1"}
	for name, c := range map[string]struct {
		answer  string // code and message of STS
		storage map[string]string
		env     []string
		code    int
		want    []string
	}{
		"no permission": {env: []string{"ACTIONS_ID_TOKEN_REQUEST_URL="}, code: 12, want: []string{
			"this run cannot ask for an identity token", "Add to the job in the workflow: permissions: {contents: read, id-token: write}.",
		}},
		"trust policy": {answer: "AccessDenied|Not authorized to perform sts:AssumeRoleWithWebIdentity", code: 12, want: []string{
			"the role " + arn + " cannot be assumed: the role does not trust this run: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
			`Add to the Condition of the role's trust policy: "StringEquals": {"token.example:aud": "sts.amazonaws.com", "token.example:sub": "repo:owner/site:ref:refs/heads/main"}.`,
		}},
		"no provider": {answer: "InvalidIdentityToken|No OpenIDConnect provider found in your account", code: 12, want: []string{
			"aws iam create-open-id-connect-provider --url https://token.example --client-id-list sts.amazonaws.com.",
		}},
		"expired":  {answer: "ExpiredTokenException|Token expired", code: 12, want: []string{"the identity token has expired", "Run the job again; on a runner of your own, set its clock."}},
		"too long": {answer: "ValidationError|The requested DurationSeconds exceeds the MaxSessionDuration", code: 12, want: []string{"aws iam update-role --role-name deploy-www --max-session-duration 43200."}},
		"region":   {answer: "RegionDisabledException|STS is not activated", code: 12, want: []string{"Activate STS in eu-central-1"}},
		"elsewhere": {storage: map[string]string{"provider": "r2", "accountId": "0123456789abcdef0123456789abcdef", "bucket": "www"}, env: []string{"AWS_ENDPOINT_URL_STS="}, code: 12, want: []string{
			"its credentials are for AWS, and the storage is at another service",
		}},
		"no role":      {env: []string{"INPUT_ROLE-TO-ASSUME=deploy-www"}, code: 2, want: []string{`input role-to-assume: "deploy-www" is not the ARN of a role`}},
		"no number":    {env: []string{"INPUT_ROLE-DURATION-SECONDS=1h"}, code: 2, want: []string{`input role-duration-seconds: "1h" is not a number of seconds`}},
		"too short":    {env: []string{"INPUT_ROLE-DURATION-SECONDS=60"}, code: 2, want: []string{"60 is not between 900 and 43200"}},
		"no transport": {env: []string{"AWS_ENDPOINT_URL_STS=http://sts.example.com"}, code: 2, want: []string{`AWS_ENDPOINT_URL_STS: "http://sts.example.com" is not a URL that begins with https://`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.storage == nil {
				c.storage = aws
			}
			j := newJob(t, c.storage, append([]string{"INPUT_ROLE-TO-ASSUME=" + arn}, refusingSTS(t, c.answer)...)...)
			j.env = append(j.env, c.env...)
			log := j.run(c.code, "deploy")
			for _, want := range c.want {
				if !strings.Contains(unescape.Replace(log), want) {
					t.Errorf("%q is missing:\n%s", want, log)
				}
			}
		})
	}
}

// refusingSTS returns the variables of a job whose STS gives one answer.
func refusingSTS(t *testing.T, answer string) []string {
	t.Helper()
	code, message, _ := strings.Cut(answer, "|")
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://token.example","sub":"repo:owner/site:ref:refs/heads/main","aud":"sts.amazonaws.com"}`))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprintf(w, `{"value":"head.%s.signature"}`, claims)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, message)
	}))
	t.Cleanup(srv.Close)
	return []string{"ACTIONS_ID_TOKEN_REQUEST_URL=" + srv.URL + "/?v=2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=bearer-of-the-job", "AWS_ENDPOINT_URL_STS=" + srv.URL}
}
