package deploy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pandastack-io/pandastack/internal/site"
)

// TestFromFiles deploys what a scan finds: each path gets the bytes of its own
// file, also where that has another name on disk than in the site, or another
// place among the others, or where the output is a link.
func TestFromFiles(t *testing.T) {
	const composed, decomposed = "caf\u00e9", "cafe\u0301"
	dir := filepath.Join(t.TempDir(), "dist")
	for name, content := range map[string]string{
		"index.html":               "home",
		"caff.css":                 "between the two names",
		decomposed + ".css":        "one",
		decomposed + "/a/b.css":    "two",
		"z/" + decomposed + ".css": "three",
	} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(t.TempDir(), "latest")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	want := tree{
		"index.html": "home", "caff.css": "between the two names",
		composed + ".css": "one", composed + "/a/b.css": "two", "z/" + composed + ".css": "three",
	}
	rules := []site.HeaderRule{{Source: "**", Headers: map[string]string{"Cache-Control": ""}}}
	for _, output := range []string{dir, link} {
		files, err := site.Scan(t.Context(), site.Options{Dir: output, Headers: rules})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t).quiet()
		if _, err := Open(t.Context(), w.options()).Deploy(t.Context(), FromFiles(output, files)); err != nil {
			t.Fatal(err)
		}
		w.check(want)
	}
}
