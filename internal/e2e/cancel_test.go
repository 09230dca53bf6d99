//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cancelSeeds is how many deploys are cancelled at a random moment.
const cancelSeeds = 3

// cancelPages is how many pages these change.
const cancelPages = 150

// testCancelled cancels steps through the engine: a build that ignores all
// signals, and deploys at random moments.
func testCancelled(t *testing.T, image string, s3 *containedS3) {
	t.Run("build", func(t *testing.T) {
		r := newRunner(t, image, "hostile")
		write(t, filepath.Join(r.workspace(), "wait"), "")
		r.own(t)
		c := r.start(t, s3.inputs("cancelled-build/"))
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			if _, err := os.Stat(filepath.Join(r.workspace(), "ready")); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the build does not begin:\n%s", output(t, docker(t, "logs", c)))
			}
		}
		if code, log := r.cancel(t, c); code != "130" {
			t.Errorf("exit code %s:\n%s", code, log)
		}
		r.unharmed(t)
		if _, err := os.Stat(filepath.Join(s3.dir, "cancelled-build", "index.html")); err == nil {
			t.Error("it was published")
		}
	})
	t.Run("deploy", func(t *testing.T) { testCancelledDeploys(t, image, s3) })
}

// testCancelledDeploys cancels deploys of new versions of a site. Each file is
// then the old one or the new one, whole, and the next run makes the site new.
func testCancelledDeploys(t *testing.T, image string, s3 *containedS3) {
	r := newRunner(t, image, "plain")
	inputs := s3.inputs("cancelled/")
	inputs["output-dir"] = "public"
	r.fill(t, 0)
	r.run(t, 0, inputs)
	for seed := range uint64(cancelSeeds) {
		version := int(seed) + 1
		r.fill(t, version)
		c := r.start(t, inputs)
		moment := time.Duration(rand.New(rand.NewPCG(seed, 0)).IntN(1500)) * time.Millisecond
		time.Sleep(moment)
		code, log := r.cancel(t, c)
		versions := pages(t, filepath.Join(s3.dir, "cancelled"))
		t.Logf("after %v: exit code %s, versions of pages: %v", moment, code, versions)
		if versions[version]+versions[version-1] != cancelPages || code == "137" {
			t.Errorf("exit code %s, versions of pages: %v:\n%s", code, versions, log)
		}
		r.run(t, 0, inputs)
		if versions := pages(t, filepath.Join(s3.dir, "cancelled")); versions[version] != cancelPages {
			t.Errorf("after the next run: %v", versions)
		}
	}
}

// page is one of the site.
func page(n, version int) string {
	return strings.Repeat(fmt.Sprintf("%d of page %d\n", version, n), 2000)
}

// fill makes all pages of a version.
func (r *runner) fill(t *testing.T, version int) {
	t.Helper()
	for n := range cancelPages {
		write(t, filepath.Join(r.workspace(), "public", fmt.Sprintf("page%d.html", n)), page(n, version))
	}
	r.own(t)
}

// pages counts the pages of each version in a bucket. One that is not whole has
// the version -1.
func pages(t *testing.T, dir string) map[int]int {
	t.Helper()
	versions := map[int]int{}
	for n := range cancelPages {
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("page%d.html", n)))
		if err != nil {
			t.Fatal(err)
		}
		var version int
		if _, err := fmt.Sscanf(string(b), "%d ", &version); err != nil || string(b) != page(n, version) {
			version = -1
		}
		versions[version]++
	}
	return versions
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
