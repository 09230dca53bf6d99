package cli

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pandastack-io/pandastack/internal/cdn/cdntest"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/bunnyfake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/cloudflarefake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/cloudfrontfake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/fastlyfake"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest/webhookfake"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

// servers are what scripts may ask for. The S3 server is shared by all of
// them, and started by the first that wants it.
type servers struct {
	shared testing.TB
	once   sync.Once
	minio  *testbed.S3
}

// script is what one script has asked for.
type script struct {
	t          testing.TB
	proxy      *testbed.CountingProxy
	cloudflare *cloudflarefake.Server
	edge       *edgeServer
	fakes      map[string]*cdntest.Server
}

type scriptKey struct{}

// setUp gives a script its place for servers, and $SCHEMA, the name of the
// schema in the repository.
func setUp(env *testscript.Env) error {
	schema, err := filepath.Abs("../config/pandastack.schema.json")
	env.Setenv("SCHEMA", schema)
	env.Values[scriptKey{}] = &script{t: env.T().(testing.TB)}
	return err
}

func scriptOf(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

// commands returns the commands of scripts that need a server:
//
//   - minio: a new bucket, S3_BUCKET, on a real server behind a proxy,
//     S3_ENDPOINT, and the credentials in the variables of the SDK.
//     HTTPS_ENDPOINT is the same place by the wrong protocol.
//   - signal-at SIGNAL METHOD KEY: when such a request reaches the proxy, the
//     process whose id is in the file pid gets the signal, INT or KILL, and
//     the request no answer.
//   - answer-at METHOD KEY STATUS CODE [HEADER VALUE]: such requests get this
//     error in place of the server's answer. Without arguments: none do.
//   - cloudflare: a fake of the API that purges, and its token and zone:
//     CLOUDFLARE_BASE_URL, CLOUDFLARE_API_TOKEN, ZONE.
//   - cdn-fakes: fakes of the other CDNs, and what leads to them in the
//     variables of the SDKs; WEBHOOK_URL is the receiver's.
//   - cdn-fails NAME FAULT N: one of these fails the next N requests, as package
//     cdntest describes.
//   - cdn-purged NAME FILE: what one of these purged so far, each once, sorted.
//   - cdn-header NAME HEADER REGEXP: the last request to one of these had such a
//     header; missing, it is empty.
//   - cloudflare-fails STATUS CODE MESSAGE: it refuses the next request.
//   - purged FILE: the URLs that were purged so far are those of the file, one
//     a line; each only once, sorted.
//   - edge works|keeps|login|bare: what visitors ask, at SITE_URL.
//   - public [FILE]: everybody may read the bucket, but what the statement in
//     the file denies.
func (s *servers) commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"minio":            s.startMinIO,
		"signal-at":        signalAt,
		"answer-at":        answerAt,
		"cloudflare":       startCloudflare,
		"cloudflare-fails": cloudflareFails,
		"purged":           purged,
		"edge":             startEdge,
		"public":           s.public,
		"cdn-fakes":        startFakes,
		"cdn-fails":        fakeFails,
		"cdn-purged":       fakePurged,
		"cdn-header":       fakeHeader,
	}
}

func (s *servers) startMinIO(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 0, "minio")
	s.once.Do(func() { s.minio = testbed.MinIO(s.shared) })
	if s.minio == nil {
		ts.Fatalf("the server did not start")
	}
	c := scriptOf(ts)
	c.proxy = testbed.NewCountingProxy(c.t, s.minio.Endpoint)
	ts.Setenv("S3_ENDPOINT", c.proxy.URL)
	ts.Setenv("HTTPS_ENDPOINT", strings.Replace(c.proxy.URL, "http:", "https:", 1))
	ts.Setenv("S3_BUCKET", s.minio.NewBucket(c.t))
	for _, v := range s.minio.Env() {
		name, value, _ := strings.Cut(v, "=")
		ts.Setenv(name, value)
	}
}

// need stops the script where a command was not called as it must be.
func need(ts *testscript.TestScript, ok bool, usage string) {
	if !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

// around puts a handler around the requests for a key, and lets all others
// through.
func around(ts *testscript.TestScript, method, key string, handler http.HandlerFunc) {
	path := "/" + ts.Getenv("S3_BUCKET") + "/" + key
	scriptOf(ts).proxy.Around(func(forward http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == method && r.URL.Path == path {
				handler(w, r)
				return
			}
			forward.ServeHTTP(w, r)
		})
	})
}

func signalAt(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "KILL": syscall.SIGKILL}
	need(ts, !neg && len(args) == 3 && signals[args[0]] != 0, "signal-at INT|KILL METHOD KEY")
	t, file := scriptOf(ts).t, ts.MkAbs("pid")
	around(ts, args[1], args[2], func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client is gone
		if err := signalFrom(file, signals[args[0]]); err != nil {
			t.Error(err)
		}
		<-r.Context().Done()
	})
}

// signalFrom sends a signal to the process whose id is in a file.
func signalFrom(file string, signal syscall.Signal) error {
	b, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return err
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Signal(signal)
}

func answerAt(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && slices.Contains([]int{0, 4, 6}, len(args)), "answer-at METHOD KEY STATUS CODE [HEADER VALUE]")
	if len(args) == 0 {
		scriptOf(ts).proxy.Around(nil)
		return
	}
	status, err := strconv.Atoi(args[2])
	ts.Check(err)
	around(ts, args[0], args[1], func(w http.ResponseWriter, _ *http.Request) {
		if len(args) == 6 {
			w.Header().Set(args[4], args[5])
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>The script said so.</Message></Error>", args[3])
	})
}

func startCloudflare(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 0, "cloudflare")
	c := scriptOf(ts)
	c.cloudflare = cloudflarefake.New(c.t, cloudflarefake.Options{})
	ts.Setenv("CLOUDFLARE_BASE_URL", c.cloudflare.URL)
	ts.Setenv("CLOUDFLARE_API_TOKEN", cloudflarefake.Token)
	ts.Setenv("ZONE", cloudflarefake.ZoneID)
}

func cloudflareFails(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 3, "cloudflare-fails STATUS CODE MESSAGE")
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	code, err := strconv.Atoi(args[1])
	ts.Check(err)
	scriptOf(ts).cloudflare.Inject(1, cloudflarefake.Failure(status, code, args[2]))
}

func purged(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "purged FILE")
	urls := scriptOf(ts).cloudflare.Purged()
	slices.Sort(urls)
	var got strings.Builder
	for _, u := range slices.Compact(urls) {
		got.WriteString(u + "\n")
	}
	if diff := cmp.Diff(ts.ReadFile(args[0]), got.String()); diff != "" {
		ts.Fatalf("purged:\n%s", diff)
	}
}

func startFakes(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 0, "cdn-fakes")
	c := scriptOf(ts)
	c.fakes = map[string]*cdntest.Server{
		"cloudfront": cloudfrontfake.New(c.t, cloudfrontfake.Options{Origin: "https://example.com"}),
		"fastly":     fastlyfake.New(c.t, fastlyfake.Options{}),
		"bunny":      bunnyfake.New(c.t, bunnyfake.Options{}),
		"webhook":    webhookfake.New(c.t),
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_CLOUDFRONT": c.fakes["cloudfront"].URL,
		"AWS_ACCESS_KEY_ID":           cloudfrontfake.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":       cloudfrontfake.SecretKey,
		"FASTLY_API_URL":              c.fakes["fastly"].URL,
		"FASTLY_API_TOKEN":            fastlyfake.Token,
		"BUNNY_API_URL":               c.fakes["bunny"].URL,
		"BUNNY_API_KEY":               bunnyfake.Key,
		"WEBHOOK_URL":                 c.fakes["webhook"].URL + webhookfake.Path,
		"PANDASTACK_WEBHOOK_SECRET":   webhookfake.Secret,
	} {
		ts.Setenv(name, value)
	}
}

// fake returns one of the CDNs of a script.
func fake(ts *testscript.TestScript, name string) *cdntest.Server {
	s := scriptOf(ts).fakes[name]
	need(ts, s != nil, "cdn-fakes, before a CDN is named")
	return s
}

func fakeFails(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 3, "cdn-fails NAME FAULT N")
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	fake(ts, args[0]).Inject(cdntest.Fault(args[1]), n)
}

func fakePurged(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "cdn-purged NAME FILE")
	var lines []string
	for _, i := range fake(ts, args[0]).Purged() {
		lines = append(lines, strings.TrimSpace(string(i.Kind)+" "+i.Name)+"\n")
	}
	slices.Sort(lines)
	if diff := cmp.Diff(ts.ReadFile(args[1]), strings.Join(slices.Compact(lines), "")); diff != "" {
		ts.Fatalf("purged:\n%s", diff)
	}
}

func fakeHeader(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 3, "cdn-header NAME HEADER REGEXP")
	log := fake(ts, args[0]).Log()
	need(ts, len(log) > 0, "a request before cdn-header")
	got := log[len(log)-1].Header.Get(args[1])
	if ok, err := regexp.MatchString(args[2], got); err != nil || !ok {
		ts.Fatalf("%s is %q, and not as %q: %v", args[1], got, args[2], err)
	}
}
