//go:build e2e

package e2e

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// createDocusaurus is the generator whose template the site is made of.
const createDocusaurus = "create-docusaurus@3.10.2"

// withDocusaurus unpacks the template of create-docusaurus around the locked
// dependencies of testdata. These are 350 MB, so they are installed once and
// linked; Eleventy and Vite show the install.
func withDocusaurus(t *testing.T, p *project) {
	withNPM(t, p)
	own := filepath.Join(repository, "testdata", "sites", "docusaurus")
	templates := filepath.Join(once(t, createDocusaurus, func(dir string) { fetch(t, p, createDocusaurus, dir) }), "package", "templates")
	output(t, exec.Command("cp", "-r", filepath.Join(templates, "shared")+"/.", filepath.Join(templates, "classic")+"/.",
		filepath.Join(own, "package.json"), filepath.Join(own, "package-lock.json"), p.dir))

	lock, err := os.ReadFile(filepath.Join(own, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	modules := once(t, fmt.Sprintf("docusaurus-modules@%.8x", sha256.Sum256(lock)), func(dir string) {
		output(t, exec.Command("cp", filepath.Join(own, "package.json"), filepath.Join(own, "package-lock.json"), dir))
		npm(t, p, dir, "ci")
	})
	if err := os.Symlink(filepath.Join(modules, "node_modules"), filepath.Join(p.dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	// A cache from one build to the next changes the hash of a bundle. A fresh
	// checkout has none.
	p.env = append(p.env, "PANDASTACK_INSTALL=never", "DOCUSAURUS_NO_PERSISTENT_CACHE=true")
}

// once returns a directory of the cache, which fill filled in this run or an
// earlier one. It is there whole or not at all.
func once(t *testing.T, name string, fill func(dir string)) string {
	t.Helper()
	dir := filepath.Join(testbed.Cache(t), name)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	tmp, err := os.MkdirTemp(testbed.Cache(t), ".fill-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	fill(tmp)
	if err := os.Rename(tmp, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// fetch unpacks a package of npm into dir.
func fetch(t *testing.T, p *project, pkg, dir string) {
	t.Helper()
	npm(t, p, dir, "pack", pkg)
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("npm pack %s left %q, %v", pkg, archives, err)
	}
	output(t, exec.CommandContext(t.Context(), "tar", "-xzf", archives[0], "-C", dir))
}

func npm(t *testing.T, p *project, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "npm", args...)
	cmd.Dir, cmd.Env = dir, environ(p.env...)
	output(t, cmd)
}
