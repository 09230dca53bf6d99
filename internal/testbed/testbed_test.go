//go:build unix

package testbed

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func TestMain(m *testing.M) {
	if os.Getenv("TESTBED_CHILD") != "" {
		startAndPanic()
	}
	Main(m)
}

// startAndPanic is a test process that dies without any cleanup.
func startAndPanic() {
	p, err := start("/bin/sleep", []string{"600"}, nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.cmd.Process.Pid)
	panic("as tests do")
}

// fakeGo puts a program in front of the Go command that notes its calls in
// the returned file.
func fakeGo(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\necho \"$@\" >> "+calls+"\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv(CacheEnv, filepath.Join(dir, "cache"))
	return calls
}

func TestInstallOnce(t *testing.T) {
	calls := fakeGo(t, `sleep 0.2; echo "$CGO_ENABLED" > "$GOBIN/tool"`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			bin, err := install(t.Context(), tool{name: "tool", pkg: "example.com/cmd/tool", version: "v1.2.3"})
			if err != nil {
				t.Error(err)
				return
			}
			if b, err := os.ReadFile(bin); err != nil || string(b) != "0\n" || !strings.HasSuffix(filepath.ToSlash(bin), "/cache/tool@v1.2.3/tool") {
				t.Errorf("%s holds %q, %v", bin, b, err)
			}
		})
	}
	wg.Wait()
	if b, _ := os.ReadFile(calls); string(b) != "install example.com/cmd/tool@v1.2.3\n" {
		t.Errorf("the Go command was called with\n%s", b)
	}
}

// TestInstallInModule installs what "go install pkg@version" refuses.
func TestInstallInModule(t *testing.T) {
	calls := fakeGo(t, `cat go.mod > "$GOBIN/tool"`)
	bin, err := install(t.Context(), tool{name: "t", pkg: "example.com/cmd/tool/v2", version: "v2.3.4", module: "example.com/cmd", tags: "a,b"})
	if err != nil {
		t.Fatal(err)
	}
	want := "module install\n\ngo 1.26.0\n\nrequire example.com/cmd v2.3.4\n\ntool example.com/cmd/tool/v2\n"
	if b, err := os.ReadFile(bin); err != nil || string(b) != want {
		t.Errorf("built in the module %q, %v", b, err)
	}
	if b, _ := os.ReadFile(calls); string(b) != "install -tags a,b -mod=mod example.com/cmd/tool/v2\n" {
		t.Errorf("the Go command was called with\n%s", b)
	}
}

func TestInstallFails(t *testing.T) {
	fakeGo(t, `touch "$GOBIN/half"; echo "no such module" >&2; exit 1`)
	_, err := install(t.Context(), tool{name: "tool", pkg: "example.com/cmd/tool", version: "v1"})
	if err == nil || !strings.Contains(err.Error(), "go install example.com/cmd/tool@v1: exit status 1\nno such module") {
		t.Errorf("got %v", err)
	}
	left, err := os.ReadDir(os.Getenv(CacheEnv))
	if err != nil || len(left) != 1 || left[0].Name() != "tool@v1.lock" {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestStopKillsWhoDoesNotListen(t *testing.T) {
	p, err := start("/bin/sh", []string{"-c", `trap "" TERM; echo up; while :; do sleep 0.1; done`}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for p.log.len() == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	p.stop()
	if state := p.cmd.ProcessState; state == nil || state.ExitCode() != -1 {
		t.Errorf("it was not killed: %v", state)
	}
}

func TestServerThatEnds(t *testing.T) {
	p, err := start("/bin/sh", []string{"-c", "echo cannot; exit 3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.healthy("http://127.0.0.1:1/"); err == nil || !strings.Contains(err.Error(), "cannot") {
		t.Errorf("got %v", err)
	}
}

func TestServersAreShared(t *testing.T) {
	if a, b := MinIO(t), MinIO(t); a != b {
		t.Error("two servers were started")
	}
}

func TestWebsite(t *testing.T) {
	srv := VersityGW(t)
	bucket := srv.NewWebsite(t)
	for key, body := range map[string]string{"index.html": "home", "docs/index.html": "docs", "404.html": "nothing"} {
		if _, err := srv.Client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{"/": "200 home", "/docs/": "200 docs", "/none": "404 nothing"} {
		resp, err := srv.WebsiteClient().Get(srv.WebsiteURL(bucket) + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if got := fmt.Sprintf("%d %s", resp.StatusCode, b); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestCountingProxy(t *testing.T) {
	srv := MinIO(t)
	p := NewCountingProxy(t, srv.Endpoint)
	behind := *srv
	behind.Endpoint = p.URL
	bucket, key := behind.NewBucket(t), "a b+c/é.txt"
	p.Reset()
	if _, err := behind.Client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("hello")}); err != nil {
		t.Fatal(err)
	}
	out, err := behind.Client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	out.Body.Close()
	reqs := p.Requests()
	if len(reqs) != 2 {
		t.Fatalf("%d requests", len(reqs))
	}
	put, get := reqs[0], reqs[1]
	if put.Method != "PUT" || put.Path != "/"+bucket+"/a%20b%2Bc/%C3%A9.txt" || put.Status != 200 || put.Sent != 5 || put.Host != strings.TrimPrefix(p.URL, "http://") {
		t.Errorf("%+v", put)
	}
	if get.Method != "GET" || get.Received != 5 || get.Query.Get("x-id") != "GetObject" {
		t.Errorf("%+v", get)
	}
	p.Around(func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	})
	resp, err := http.Get(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if reqs := p.Requests(); resp.StatusCode != http.StatusTeapot || reqs[len(reqs)-1].Status != http.StatusTeapot {
		t.Errorf("the fault was not made: %d", resp.StatusCode)
	}
}

func TestUnknownTool(t *testing.T) {
	for _, e := range tools {
		if !strings.HasPrefix(e.version, "v") || binaryName(e.pkg) == "" {
			t.Errorf("%+v", e)
		}
	}
}

// TestEmptyTrash: nothing is left of what was deleted.
func TestEmptyTrash(t *testing.T) {
	s := MinIO(t)
	bucket, key := s.NewBucket(t), "k"
	bytes := strings.Repeat("deleted", 100_000) // small objects never get there
	_, err := s.Client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(bytes)})
	if err == nil {
		_, err = s.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
	}
	if err != nil {
		t.Fatal(err)
	}
	size := func() (n int64) {
		err := filepath.WalkDir(filepath.Join(s.dir, ".minio.sys", "tmp"), func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil {
				n += info.Size()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := size()
	s.EmptyTrash(t)
	if after := size(); before < int64(len(bytes)) || after >= int64(len(bytes)) {
		t.Errorf("%d bytes, and then %d", before, after)
	}
}
