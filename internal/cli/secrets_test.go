package cli

import (
	"encoding/json"
	"io/fs"
	"net/http"
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
)

// planted are the secrets of a run that uses all CDNs.
var planted = []string{
	cloudflarefake.Token, cloudfrontfake.AccessKeyID, cloudfrontfake.SecretKey, fastlyfake.Token, bunnyfake.Key, webhookfake.Secret,
}

// TestSecrets lets each CDN fail in each way that gives it words to say, and
// searches all that the runs leave behind for the secrets: both streams, in
// each form, the summary, and the state.
func TestSecrets(t *testing.T) {
	program, err := exec.LookPath("pandastack")
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]cdntest.Fault{
		"all well": "", "long wait": cdntest.LongWait, "refused": cdntest.Refused, "echo": cdntest.Echo, "unsuccessful": cdntest.Unsuccessful,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSecretive(t, program, f)
			code := 3
			if f == "" {
				code = 0
			}
			s.run(code, "deploy")
			s.run(code, "deploy", "--json")
			s.run(0, "config")
			s.run(0, "config", "--json")
			s.env = append(s.env, "GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY="+filepath.Join(s.dir, "summary.md"), "GITHUB_OUTPUT="+filepath.Join(s.dir, "output"))
			s.run(code, "deploy")
			s.searchFiles()
		})
	}
}

// secretive is a site behind all CDNs.
type secretive struct {
	*testing.T
	program, dir string
	env          []string
}

// newSecretive returns a site whose CDNs fail in a way, for ever.
func newSecretive(t *testing.T, program string, f cdntest.Fault) *secretive {
	t.Helper()
	cloudflare := cloudflarefake.New(t, cloudflarefake.Options{})
	cloudfront, fastly := cloudfrontfake.New(t, cloudfrontfake.Options{}), fastlyfake.New(t, fastlyfake.Options{})
	bunny, webhook := bunnyfake.New(t, bunnyfake.Options{}), webhookfake.New(t)
	for _, s := range []*cdntest.Server{cloudfront, fastly, bunny, webhook} {
		switch f {
		case "":
		case cdntest.Unsuccessful, cdntest.LongWait: // not all have these: a page is wrong everywhere
			s.Answer(cdntest.HTML(403, "<html>"+strings.Join(planted, " ")), -1)
		default:
			s.Inject(f, -1)
		}
	}
	if f != "" {
		cloudflare.Inject(-1, func(w http.ResponseWriter, r *http.Request) {
			cloudflarefake.Failure(400, 6003, "bad header "+r.Header.Get("Authorization"))(w, r)
		})
	}
	s := &secretive{T: t, program: program, dir: t.TempDir()}
	s.env = []string{
		"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"),
		"CLOUDFLARE_BASE_URL=" + cloudflare.URL, "CLOUDFLARE_API_TOKEN=" + cloudflarefake.Token,
		"AWS_ENDPOINT_URL_CLOUDFRONT=" + cloudfront.URL, "AWS_ACCESS_KEY_ID=" + cloudfrontfake.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + cloudfrontfake.SecretKey,
		"FASTLY_API_URL=" + fastly.URL, "FASTLY_API_TOKEN=" + fastlyfake.Token, "BUNNY_API_URL=" + bunny.URL, "BUNNY_API_KEY=" + bunnyfake.Key,
		"PANDASTACK_WEBHOOK_SECRET=" + webhookfake.Secret,
	}
	s.write("dist/index.html", "<title>home</title>")
	config, err := json.Marshal(map[string]any{
		"type": "static", "outputDir": "dist", "siteUrl": "https://example.com", "storage": map[string]string{"provider": "local"},
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

// search fails the test where a secret is in a text, other than in the runner's
// command that masks it, which must come before all else.
func (s *secretive) search(what, text string) {
	s.Helper()
	said := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "::add-mask::") {
			if said {
				s.Errorf("%s: masks after the first words", what)
			}
			continue
		}
		said = true
		for _, secret := range planted {
			if strings.Contains(line, secret) {
				s.Errorf("%s: a secret is in %q", what, line)
			}
		}
	}
}

// searchFiles searches all files but the configuration, also in what is
// compressed.
func (s *secretive) searchFiles() {
	s.Helper()
	d, err := zstd.NewReader(nil)
	if err != nil {
		s.Fatal(err)
	}
	defer d.Close()
	files := 0
	err = filepath.WalkDir(s.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if plain, bad := d.DecodeAll(b, nil); bad == nil {
			files++
			b = plain
		}
		s.search(name, string(b))
		return err
	})
	if err != nil || files < 2 { // the head and the release
		s.Errorf("%d files of state: %v", files, err)
	}
}
