//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tailscale/hujson"
)

// project is a site's sources in a directory of their own, and how the program
// is run there.
type project struct {
	program string
	dir     string
	output  string // outputDir
	env     []string
}

// newProject copies a site of testdata/sites and adds fields to its
// pandastack.json.
func newProject(t *testing.T, program, site string, fields map[string]any) *project {
	p := &project{program: program, dir: t.TempDir()}
	if err := os.CopyFS(p.dir, os.DirFS(filepath.Join(repository, "testdata", "sites", site))); err != nil {
		t.Fatal(err)
	}
	p.configure(t, fields)
	return p
}

// configure sets fields of pandastack.json. Nil removes one.
func (p *project) configure(t *testing.T, fields map[string]any) {
	t.Helper()
	name := filepath.Join(p.dir, "pandastack.json")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = hujson.Standardize(b); err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(b, &config); err != nil {
		t.Fatal(err)
	}
	maps.Copy(config, fields)
	maps.DeleteFunc(config, func(_ string, v any) bool { return v == nil })
	p.output = config["outputDir"].(string)
	if b, err = json.MarshalIndent(config, "", "  "); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// deploy removes the last output, as a fresh checkout has none, and runs
// `pandastack deploy`.
func (p *project) deploy(t *testing.T, args ...string) string {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(p.dir, p.output)); err != nil {
		t.Fatal(err)
	}
	return p.run(t, append([]string{"deploy"}, args...)...)
}

// republish deploys what the last build left.
func (p *project) republish(t *testing.T) string {
	t.Helper()
	return p.run(t, "deploy", "--install", "never", "--build-command", "true")
}

func (p *project) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), p.program, args...)
	cmd.Dir = p.dir
	cmd.Env = environ(append(slices.Clone(p.env), "CI=true")...)
	return output(t, cmd)
}

// edit replaces the one place in a source file that reads old.
func (p *project) edit(t *testing.T, name, old, new string) {
	t.Helper()
	name = filepath.Join(p.dir, name)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte(old)); n != 1 {
		t.Fatalf("%s has %d places that read %q", name, n, old)
	}
	if err := os.WriteFile(name, bytes.Replace(b, []byte(old), []byte(new), 1), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p *project) remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(p.dir, name)); err != nil {
		t.Fatal(err)
	}
}

// files reads the output: slash-separated path → bytes.
func (p *project) files(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	root := os.DirFS(filepath.Join(p.dir, p.output))
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(root, name)
		files[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("the build left no files")
	}
	return files
}

// changes returns the paths that differ between two outputs, and those that
// only the old one has, sorted.
func changes(old, new map[string]string) (written, removed []string) {
	for path, b := range new {
		if o, ok := old[path]; !ok || o != b {
			written = append(written, path)
		}
	}
	for path := range old {
		if _, ok := new[path]; !ok {
			removed = append(removed, path)
		}
	}
	slices.Sort(written)
	slices.Sort(removed)
	return written, removed
}

// mediaTypes are the types that visitors must get, by extension. They stand
// here once more so that a slip in the program's own table is seen.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".xml": "application/xml; charset=utf-8", ".xsl": "application/xslt+xml; charset=utf-8", ".txt": "text/plain; charset=utf-8",
	".svg": "image/svg+xml; charset=utf-8", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
	".ico": "image/x-icon", ".map": "application/json", ".nojekyll": "text/plain; charset=utf-8",
}

func mediaType(t *testing.T, path string) string {
	t.Helper()
	m, ok := mediaTypes[path[strings.LastIndexByte(path, '.'):]]
	if !ok {
		t.Errorf("%s: no media type is expected", path)
	}
	return m
}
