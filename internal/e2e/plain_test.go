//go:build e2e

package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// testPlain runs the image as people do on their machines: docker run, as root
// and as themselves. The site is built and published, and what is in their
// directory is theirs.
func testPlain(t *testing.T, image string, s3 *containedS3) {
	const person = 1234
	for name, user := range map[string][]string{"root": nil, "person": {"--user", fmt.Sprintf("%d:%d", person, person)}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(repository, "testdata", "sites", "action"))); err != nil {
				t.Fatal(err)
			}
			commit(t, dir)
			output(t, exec.Command("chown", "-R", fmt.Sprintf("%d:%d", person, person), dir))
			args := append([]string{"run", "--rm", "-v", dir + ":/site", "-w", "/site", "-e", "AWS_ACCESS_KEY_ID=" + s3.accessKey, "-e", "AWS_SECRET_ACCESS_KEY=" + s3.secretKey}, user...)
			log := output(t, docker(t, append(args, image, "deploy", "--storage-provider", "s3", "--endpoint", s3.endpoint, "--region", "us-east-1", "--bucket", s3.bucket, "--prefix", "plain-"+name+"/")...))
			if b, err := os.ReadFile(filepath.Join(s3.dir, "plain-"+name, "index.html")); err != nil || !strings.Contains(string(b), "The first page") {
				t.Errorf("%q, %v:\n%s", b, err, log)
			}
			output(t, docker(t, append(args, image, "deploy")...)) // to a directory
			own(t, dir, person)
			if _, err := os.Stat(filepath.Join(dir, ".pandastack", "local", "index.html")); err != nil {
				t.Error(err)
			}
		})
	}
}

// own fails the test where something in a directory is somebody else's.
func own(t *testing.T, dir string, owner int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if uid := int(info.Sys().(*syscall.Stat_t).Uid); uid != owner {
			t.Errorf("%s belongs to %d", name, uid)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
