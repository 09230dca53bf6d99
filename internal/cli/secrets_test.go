package cli

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/pandastack-io/pandastack/internal/cdn/cdntest"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/bunnyfake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/cloudflarefake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/cloudfrontfake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/fastlyfake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/webhookfake"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

// planted are the secrets of all servers and fakes that the tests have, and
// two that are for TestSecrets alone.
var planted = []string{
	testbed.AccessKey, testbed.SecretKey,
	cloudflarefake.Token, cloudfrontfake.AccessKeyID, cloudfrontfake.SecretKey, fastlyfake.Token, bunnyfake.Key, webhookfake.Secret,
	cloudfrontSession, storageSession,
}

const (
	cloudfrontSession = "fake-session-of-cloudfront/Jr5+Wq8ZbX2nLc0d"
	storageSession    = "fake-session-of-the-storage/Tg7+Kp3YvM9sHe1a"
)

// leaked returns the first line of an output that has a secret in any form. The
// runner's commands that mask secrets have them, and come before all else.
func leaked(output string) string {
	said := false
	for line := range strings.Lines(output) {
		mask := strings.HasPrefix(line, "::add-mask::")
		if mask && !said {
			continue
		}
		said = said || !mask
		for _, secret := range planted {
			if cdntest.Leaks(line, secret) != "" {
				return line
			}
		}
	}
	return ""
}

// TestSecrets lets each CDN fail in each way that gives it words to say, and
// searches all that the runs leave behind for the secrets: both streams, in
// each form, the summary, the outputs and the report, the files of the project, and the
// bucket with the state.
func TestSecrets(t *testing.T) {
	program, err := exec.LookPath("pandastack")
	if err != nil {
		t.Fatal(err)
	}
	server := testbed.MinIO(t)
	for name, f := range map[string]cdntest.Fault{
		"all well": "", "long wait": cdntest.LongWait, "refused": cdntest.Refused, "echo": cdntest.Echo, "unsuccessful": cdntest.Unsuccessful,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSecretive(t, program, server, f)
			code, byHand := exitOwed, exitDenied
			if f == "" {
				code, byHand = exitOK, exitOK
			}
			s.run(code, "deploy")
			s.run(code, "deploy", "--json")
			s.run(exitOK, "config")
			s.run(exitOK, "config", "--json")
			s.inGitHub()
			s.run(code, "deploy")
			s.run(code, "purge")
			s.run(byHand, "purge", "--all")
			s.searchBucket()
			s.searchFiles("output", "summary.md", "report.json")
		})
	}
	t.Run("storage echoes", func(t *testing.T) {
		t.Parallel()
		s := newSecretive(t, program, server, "")
		s.env = append(s.env, "PANDASTACK_ENDPOINT="+echoingStorage(t), "AWS_SESSION_TOKEN="+storageSession)
		s.run(exitDenied, "deploy")
		s.run(exitDenied, "deploy", "--json")
		s.run(exitDenied, "releases")
		s.inGitHub()
		s.run(exitDenied, "deploy")
		s.searchFiles("output", "summary.md", "report.json")
	})
}

// echoingStorage answers every request with all the secrets, and with what it
// was signed with.
func echoingStorage(t *testing.T) string {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, "<Error><Code>AccessDenied</Code><Message>")
		_ = xml.EscapeText(w, []byte(cdntest.Words(planted...)+r.Header.Get("Authorization")))
		_, _ = fmt.Fprint(w, "</Message></Error>")
	}))
	t.Cleanup(h.Close)
	return h.URL
}

// secretive is a site behind all CDNs.
type secretive struct {
	*testing.T
	program, dir string
	depot        *depot
	env          []string
}

// newSecretive returns a site whose CDNs fail in a way, for ever.
func newSecretive(t *testing.T, program string, server *testbed.S3, f cdntest.Fault) *secretive {
	t.Helper()
	cloudflare := cloudflarefake.New(t, cloudflarefake.Options{})
	cloudfront, fastly := cloudfrontfake.New(t, cloudfrontfake.Options{}), fastlyfake.New(t, fastlyfake.Options{})
	bunny, webhook := bunnyfake.New(t, bunnyfake.Options{}), webhookfake.New(t)
	for _, s := range []*cdntest.Server{cloudfront, fastly, bunny, webhook} {
		switch f {
		case "":
		case cdntest.Unsuccessful, cdntest.LongWait: // not all have these: a page is wrong everywhere
			s.Answer(cdntest.HTML(403, "<html>"+cdntest.Words(planted...)), -1)
		default:
			s.Inject(f, -1)
		}
	}
	if f != "" {
		cloudflare.Inject(-1, func(w http.ResponseWriter, r *http.Request) {
			cloudflarefake.Failure(400, 6003, "bad header "+r.Header.Get("Authorization")+cdntest.Words(cloudflarefake.Token))(w, r)
		})
	}
	s := &secretive{T: t, program: program, dir: t.TempDir(), depot: newDepot(t, server)}
	s.env = append(server.Env(),
		"HOME="+t.TempDir(), "PATH="+os.Getenv("PATH"), raceOptions, "PANDASTACK_ENDPOINT="+server.Endpoint, "PANDASTACK_BUCKET="+s.depot.name,
		"CLOUDFLARE_BASE_URL="+cloudflare.URL, "CLOUDFLARE_API_TOKEN="+cloudflarefake.Token,
		"AWS_ENDPOINT_URL_CLOUDFRONT="+cloudfront.URL, "CLOUDFRONT_ACCESS_KEY_ID="+cloudfrontfake.AccessKeyID,
		"CLOUDFRONT_SECRET_ACCESS_KEY="+cloudfrontfake.SecretKey, "CLOUDFRONT_SESSION_TOKEN="+cloudfrontSession,
		"FASTLY_API_URL="+fastly.URL, "FASTLY_API_TOKEN="+fastlyfake.Token, "BUNNY_API_URL="+bunny.URL, "BUNNY_API_KEY="+bunnyfake.Key,
		"PANDASTACK_WEBHOOK_SECRET="+webhookfake.Secret,
	)
	s.write("dist/index.html", "<title>home</title>")
	config, err := json.Marshal(map[string]any{
		"type": "static", "outputDir": "dist", "siteUrl": "https://example.com", "proof": "off", "storage": map[string]string{"provider": "minio"},
		"cdn": []map[string]string{
			{"provider": "cloudflare", "zoneId": cloudflarefake.ZoneID}, {"provider": "cloudfront", "distributionId": cloudfrontfake.DistributionID},
			{"provider": "fastly", "serviceId": fastlyfake.ServiceID}, {"provider": "bunny", "pullZone": bunnyfake.PullZone},
			{"provider": "webhook", "url": webhook.URL + webhookfake.Path},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.write("pandastack.json", string(config))
	return s
}

// inGitHub makes what follows a step of a workflow.
func (s *secretive) inGitHub() {
	s.env = append(s.env, "GITHUB_ACTIONS=true", "PANDASTACK_REPORT="+filepath.Join(s.dir, "report.json"), "GITHUB_STEP_SUMMARY="+filepath.Join(s.dir, "summary.md"), "GITHUB_OUTPUT="+filepath.Join(s.dir, "output"))
}

func (s *secretive) write(name, content string) {
	s.Helper()
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		s.Fatal(err)
	}
}

// run runs the program, and searches what it says.
func (s *secretive) run(code int, args ...string) {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), s.program, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	out, _ := cmd.CombinedOutput() // the exit code says it
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.Fatalf("%v: exit code %d, want %d:\n%s", args, got, code, out)
	}
	s.search(strings.Join(args, " "), string(out))
}

// search fails the test where a secret is in a text, compressed or not. It
// reports whether it was compressed.
func (s *secretive) search(what, text string) (compressed bool) {
	s.Helper()
	d, err := zstd.NewReader(nil)
	if err != nil {
		s.Fatal(err)
	}
	defer d.Close()
	if plain, bad := d.DecodeAll([]byte(text), nil); bad == nil && text != "" {
		text, compressed = string(plain), true
	}
	if line := leaked(text); line != "" {
		s.Errorf("%s: a secret is in %q", what, line)
	}
	return compressed
}

// searchBucket searches all objects.
func (s *secretive) searchBucket() {
	s.Helper()
	records := 0
	for key, o := range s.depot.read(s.T) {
		if s.search(key, o.body) {
			records++
		}
		s.search("the headers of "+key, o.contentType+o.cacheControl+o.language)
	}
	if records < 2 { // the head and the release
		s.Errorf("%d records of state", records)
	}
}

// searchFiles searches all that lies in the project, among it what was written.
func (s *secretive) searchFiles(written ...string) {
	s.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(s.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		found[filepath.Base(name)] = len(b) > 0
		s.search(name, string(b))
		return err
	})
	for _, name := range written {
		if err != nil || !found[name] {
			s.Errorf("files %v without %s, %v", found, name, err)
		}
	}
}
