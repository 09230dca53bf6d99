//go:build e2e

package e2e

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// slimLimit is how many bytes of the slim image may travel: less than this.
const slimLimit = 20 << 20

// testSlim deploys what an earlier step built with the small image, as the
// runner starts slim/action.yml.
func testSlim(t *testing.T, s3 *containedS3) {
	image := buildTarget(t, "slim")
	if got, want := output(t, docker(t, "run", "--rm", image, "version")), "pandastack "+imageVersion+"\n"; got != want {
		t.Errorf("version: %q, want %q", got, want)
	}
	r := newRunner(t, image, "plain")
	step := r.run(t, 0, s3.inputs("slim/"))
	if step.outputs["changed"] != "true" {
		t.Errorf("outputs: %q\n%s", step.outputs, step.log)
	}
	built, err := os.ReadFile(filepath.Join(r.workspace(), "public", "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	if stored, err := os.ReadFile(filepath.Join(s3.dir, "slim", "index.html")); err != nil || string(stored) != string(built) {
		t.Errorf("index.html: %q, %v", stored, err)
	}
	if n := compressed(t, image); n >= slimLimit {
		t.Errorf("the slim image has %d bytes compressed, and may have %d", n, slimLimit)
	} else {
		t.Logf("the slim image has %d bytes compressed", n)
	}
}

// compressed returns about how many bytes of an image travel.
func compressed(t *testing.T, image string) int64 {
	t.Helper()
	cmd := docker(t, "save", image)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var n counter
	z := gzip.NewWriter(&n)
	if _, err := io.Copy(z, out); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return int64(n)
}

type counter int64

// Write counts.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
