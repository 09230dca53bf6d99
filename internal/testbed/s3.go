package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// What all servers have for their root credentials.
const (
	AccessKey = "testbed-access-key"
	SecretKey = "testbed-secret-key"
)

const (
	region = "us-east-1"
	// websiteDomain is what versitygw's website host names end in.
	websiteDomain = "web.localhost"
)

// S3 is a running S3 server.
type S3 struct {
	Name      string // minio, versitygw, rclone, s3rver or gofakes3
	Endpoint  string // http://127.0.0.1:PORT; path style
	AccessKey string
	SecretKey string
	Region    string
	// WebsiteAddr is the host:port that serves buckets as websites, by the
	// Host header BUCKET.web.localhost; empty where the server does not.
	WebsiteAddr string

	process *process
	dir     string
}

// shared holds the servers of a test process whose TestMain is Main.
var shared struct {
	active  atomic.Bool
	mu      sync.Mutex
	servers map[string]*S3
}

// Main runs the tests of a package, lets them share their servers, and exits.
// Call it from TestMain:
//
//	func TestMain(m *testing.M) { testbed.Main(m) }
//
// Without it each test gets servers of its own, which costs a second each.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a package that has more to clear away: it returns the exit
// code when the servers are stopped.
func Run(m *testing.M) int {
	shared.active.Store(true)
	code := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	for _, s := range shared.servers {
		s.stop()
	}
	return code
}

// MinIO returns a running MinIO server.
func MinIO(t testing.TB) *S3 {
	t.Helper()
	return server(t, "minio", startMinIO)
}

// VersityGW returns a running versitygw, which also serves buckets as websites.
func VersityGW(t testing.TB) *S3 {
	t.Helper()
	return server(t, "versitygw", startVersityGW)
}

func server(t testing.TB, name string, start func(bin, dir string) (*S3, error)) *S3 {
	t.Helper()
	return serve(t, name, Tool(t, name), start)
}

func serve(t testing.TB, name, bin string, start func(bin, dir string) (*S3, error)) *S3 {
	t.Helper()
	var s *S3
	var err error
	if shared.active.Load() {
		s, err = share(name, bin, start)
	} else if s, err = startIn(bin, start); err == nil {
		t.Cleanup(s.stop)
	}
	if err != nil {
		t.Fatalf("testbed: %s: %v", name, err)
	}
	s.process.attach(t, name)
	return s
}

func share(name, bin string, start func(bin, dir string) (*S3, error)) (*S3, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if s := shared.servers[name]; s != nil {
		return s, nil
	}
	s, err := startIn(bin, start)
	if err != nil {
		return nil, err
	}
	if shared.servers == nil {
		shared.servers = map[string]*S3{}
	}
	shared.servers[name] = s
	return s, nil
}

// DataEnv names the directory below which servers keep their data, in place of
// that for temporary files. In memory they are several times faster: they
// wait for the disk at each write.
const DataEnv = "PANDASTACK_TEST_DATA"

// startIn starts a server in a temporary directory. It tries again where
// another process took the port that had been free.
func startIn(bin string, start func(bin, dir string) (*S3, error)) (*S3, error) {
	var errs []error
	for range 3 {
		dir, err := os.MkdirTemp(os.Getenv(DataEnv), "pandastack-testbed-")
		if err != nil {
			return nil, err
		}
		s, err := start(bin, dir)
		if err == nil {
			s.dir = dir
			return s, nil
		}
		os.RemoveAll(dir)
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (s *S3) stop() {
	s.process.stop()
	os.RemoveAll(s.dir)
}

func startMinIO(bin, dir string) (*S3, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := newS3("minio", port)
	return s.run(bin, "/minio/health/live",
		[]string{"server", "--quiet", "--address", fmt.Sprintf("127.0.0.1:%d", port), dir},
		[]string{
			"MINIO_ROOT_USER=" + AccessKey, "MINIO_ROOT_PASSWORD=" + SecretKey,
			"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off",
		})
}

func startVersityGW(bin, dir string) (*S3, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	website, err := freePort()
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{"iam", "versions", "root"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	s := newS3("versitygw", port)
	s.WebsiteAddr = fmt.Sprintf("127.0.0.1:%d", website)
	return s.run(bin, "/healthz",
		[]string{
			"--port", fmt.Sprintf("127.0.0.1:%d", port), "--website", s.WebsiteAddr, "--website-domain", websiteDomain,
			"--health", "/healthz", "--quiet", "--keep-alive", "--iam-dir", filepath.Join(dir, "iam"),
			"posix", "--versioning-dir", filepath.Join(dir, "versions"), filepath.Join(dir, "root"),
		},
		[]string{"ROOT_ACCESS_KEY=" + AccessKey, "ROOT_SECRET_KEY=" + SecretKey})
}

func newS3(name string, port int) *S3 {
	return &S3{
		Name: name, Endpoint: fmt.Sprintf("http://127.0.0.1:%d", port),
		AccessKey: AccessKey, SecretKey: SecretKey, Region: region,
	}
}

func (s *S3) run(bin, health string, args, env []string) (*S3, error) {
	return s.await(bin, args, env, func(p *process) error { return p.healthy(s.Endpoint + health) })
}

// await starts the server and waits until it is ready.
func (s *S3) await(bin string, args, env []string, ready func(*process) error) (*S3, error) {
	p, err := start(bin, args, env)
	if err != nil {
		return nil, err
	}
	if err := ready(p); err != nil {
		p.stop()
		return nil, err
	}
	s.process = p
	return s, nil
}

// Credentials returns the server's root credentials.
func (s *S3) Credentials() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, "")
}

// Env returns the variables by which any program finds the credentials.
func (s *S3) Env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + s.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s.SecretKey, "AWS_REGION=" + s.Region}
}

// Client returns a plain SDK client, for tests to look at what a provider did.
func (s *S3) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &s.Endpoint, Region: s.Region, UsePathStyle: true, Credentials: s.Credentials(),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
}

var buckets atomic.Int64

// NewBucket makes an empty bucket and returns its name. It is gone with the
// server.
func (s *S3) NewBucket(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test-%d-%d", os.Getpid(), buckets.Add(1))
	if _, err := s.Client().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatalf("testbed: create a bucket in %s: %v", s.Name, err)
	}
	return name
}

// EmptyTrash removes what was deleted from a MinIO server. By itself it does so
// every five minutes, takes its time, and is slower to all others meanwhile.
func (s *S3) EmptyTrash(t testing.TB) {
	t.Helper()
	trash := filepath.Join(s.dir, ".minio.sys", "tmp", ".trash")
	entries, err := os.ReadDir(trash)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(trash, e.Name())))
	}
	if err != nil {
		t.Fatalf("testbed: %s: %v", s.Name, err)
	}
}

// NewWebsite makes an empty bucket that WebsiteAddr serves to everybody, with
// index.html for directories and 404.html for what is missing.
func (s *S3) NewWebsite(t testing.TB) string {
	t.Helper()
	if s.WebsiteAddr == "" {
		t.Fatalf("testbed: %s serves no websites", s.Name)
	}
	bucket := s.NewBucket(t)
	s.AllowReading(t, bucket)
	_, err := s.Client().PutBucketWebsite(t.Context(), &s3.PutBucketWebsiteInput{
		Bucket: &bucket,
		WebsiteConfiguration: &types.WebsiteConfiguration{
			IndexDocument: &types.IndexDocument{Suffix: aws.String("index.html")},
			ErrorDocument: &types.ErrorDocument{Key: aws.String("404.html")},
		},
	})
	if err != nil {
		t.Fatalf("testbed: make %s a website: %v", bucket, err)
	}
	return bucket
}

// AllowReading lets everybody read the objects of bucket.
func (s *S3) AllowReading(t testing.TB, bucket string) {
	t.Helper()
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::%s/*"]}]}`, bucket)
	if _, err := s.Client().PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &policy}); err != nil {
		t.Fatalf("testbed: policy of %s: %v", bucket, err)
	}
}

// WebsiteURL returns the address of a website bucket, for WebsiteClient.
func (s *S3) WebsiteURL(bucket string) string {
	_, port, _ := strings.Cut(s.WebsiteAddr, ":")
	return fmt.Sprintf("http://%s.%s:%s", bucket, websiteDomain, port)
}

// WebsiteClient returns a client that finds the hosts of WebsiteURL without
// DNS and does not follow redirects.
func (s *S3) WebsiteClient() *http.Client {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.WebsiteAddr)
	}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dial, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
