//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// bulma are thirty consecutive versions of an npm package of static files:
// style sheets, their sources, documents, images.
var bulma = []string{
	"0.4.1", "0.4.2", "0.4.3", "0.4.4", "0.5.0", "0.5.1", "0.5.2", "0.5.3", "0.6.0", "0.6.1",
	"0.6.2", "0.7.0", "0.7.1", "0.7.2", "0.7.3", "0.7.4", "0.7.5", "0.8.0", "0.8.1", "0.8.2",
	"0.9.0", "0.9.1", "0.9.2", "0.9.3", "0.9.4", "1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4",
}

// TestHistory publishes thirty versions of a real project, one after the
// other. Then each difference is that of the trees, blame is what the sequence
// says, and a rollback to each brings its tree back byte for byte.
func TestHistory(t *testing.T) {
	h := &past{bucket: newBucket(t), project: &project{program: buildProgram(t), dir: t.TempDir(), output: "dist"}}
	h.project.env = h.bucket.server.Env()
	h.configure(t)
	for _, dir := range published(t, bulma) {
		h.publish(t, dir)
	}
	t.Run("releases", h.releases)
	t.Run("diff", h.diffs)
	t.Run("blame", h.blame)
	t.Run("rollback", h.rollbacks)
}

// past is a site and all that was published of it.
type past struct {
	bucket  *bucket
	project *project
	trees   []map[string]string
	ids     []string
}

func (h *past) configure(t *testing.T) {
	storage := h.bucket.storage("site/")
	storage["statePrefix"] = "state/" // so that all below site/ is the site
	b, err := json.Marshal(map[string]any{
		"type": "static", "outputDir": h.project.output, "storage": storage, "releases": map[string]any{"keep": 2 * len(bulma)},
		"guards": map[string]any{"maxDelete": "100%", "maxShrink": "100%"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.project.dir, "pandastack.json"), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// published returns the directories of the versions, each as the registry has
// it, in the cache of the tests.
func published(t *testing.T, versions []string) []string {
	root := filepath.Join(testbed.Cache(t), "bulma")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, v := range versions {
		dir := filepath.Join(root, v)
		dirs = append(dirs, filepath.Join(dir, "package"))
		if _, err := os.Stat(dir); err == nil {
			continue
		}
		tmp, err := os.MkdirTemp(root, ".fill-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(tmp)
		run := func(name string, args ...string) {
			cmd := exec.CommandContext(t.Context(), name, args...)
			cmd.Dir = tmp
			output(t, cmd)
		}
		run("npm", "pack", "--silent", "bulma@"+v)
		run("tar", "-xzf", "bulma-"+v+".tgz")
		run("rm", "bulma-"+v+".tgz")
		if err := os.Rename(tmp, dir); err != nil {
			t.Fatal(err)
		}
	}
	return dirs
}

// publish deploys a directory, without the files that are no site's.
func (h *past) publish(t *testing.T, dir string) {
	t.Helper()
	dist := filepath.Join(h.project.dir, h.project.output)
	if err := os.RemoveAll(dist); err != nil {
		t.Fatal(err)
	}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(filepath.Base(name), ".") || name == "package.json" {
			return err
		}
		b, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		name = filepath.Join(dist, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		return os.WriteFile(name, b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	h.trees = append(h.trees, h.project.files(t))
	var done struct{ Release string }
	h.ask(t, "finished", &done, "deploy")
	h.ids = append(h.ids, done.Release)
}

// ask runs a command and decodes the event of a name.
func (h *past) ask(t *testing.T, name string, into any, args ...string) {
	t.Helper()
	out := h.project.run(t, append(args, "--json")...)
	for line := range strings.Lines(out) {
		var e struct{ Event string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Event == name {
			if err := json.Unmarshal([]byte(line), into); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("%q printed no event %s:\n%s", args, name, out)
}

// operations says what turns one tree into another, by path.
func operations(from, to map[string]string) map[string]string {
	ops := map[string]string{}
	written, removed := changes(from, to)
	for _, path := range written {
		ops[path] = "create"
		if _, ok := from[path]; ok {
			ops[path] = "update"
		}
	}
	for _, path := range removed {
		ops[path] = "delete"
	}
	return ops
}

func (h *past) releases(t *testing.T) {
	var got struct {
		Releases []struct {
			ID      string
			Live    bool
			Files   int
			Changed map[string]int
		}
	}
	h.ask(t, "releases", &got, "releases", "--limit", "0")
	if len(got.Releases) != len(h.ids) {
		t.Fatalf("%d releases, want %d", len(got.Releases), len(h.ids))
	}
	for i, r := range got.Releases {
		at := len(h.ids) - 1 - i
		before := map[string]string{}
		if at > 0 {
			before = h.trees[at-1]
		}
		want := map[string]int{"created": 0, "updated": 0, "headers": 0, "deleted": 0, "kept": len(h.trees[at])}
		for _, op := range operations(before, h.trees[at]) {
			want[op+"d"]++
			if op == "delete" {
				want["kept"]++
			}
			want["kept"]--
		}
		if diff := cmp.Diff(want, r.Changed); diff != "" || r.ID != h.ids[at] || r.Live != (i == 0) || r.Files != len(h.trees[at]) {
			t.Errorf("%s: %+v\n%s", bulma[at], r, diff)
		}
	}
}

// diffs compares neighbours, and others at random.
func (h *past) diffs(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 30))
	for i := range 2 * len(h.ids) {
		from, to := i-1, i
		if i == 0 || i >= len(h.ids) {
			from, to = random.IntN(len(h.ids)), random.IntN(len(h.ids))
		}
		var got struct{ Changes []struct{ Path, Op string } }
		h.ask(t, "difference", &got, "diff", h.ids[from], h.ids[to])
		ops := map[string]string{}
		for _, c := range got.Changes {
			ops[c.Path] = c.Op
		}
		if diff := cmp.Diff(operations(h.trees[from], h.trees[to]), ops); diff != "" {
			t.Errorf("from %s to %s:\n%s", bulma[from], bulma[to], diff)
		}
	}
}

// blame asks for a hundred paths that were there at some time.
func (h *past) blame(t *testing.T) {
	all := map[string]bool{}
	for _, files := range h.trees {
		for path := range files {
			all[path] = true
		}
	}
	paths := slices.Sorted(maps.Keys(all))
	rand.New(rand.NewPCG(4, 100)).Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
	paths = paths[:min(100, len(paths))]
	type verdict struct{ ID, Op string }
	want, got := map[string]verdict{}, map[string]verdict{}
	for i := range h.trees {
		before := map[string]string{}
		if i > 0 {
			before = h.trees[i-1]
		}
		for path, op := range operations(before, h.trees[i]) {
			if slices.Contains(paths, path) {
				want[path] = verdict{h.ids[i], op}
			}
		}
	}
	var said struct {
		Paths []struct {
			Path    string
			Release struct{ ID string }
			Change  struct{ Op string }
		}
	}
	h.ask(t, "blame", &said, append([]string{"blame"}, paths...)...)
	for _, p := range said.Paths {
		got[p.Path] = verdict{p.Release.ID, p.Change.Op}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) < 100 {
		t.Errorf("%d paths:\n%s", len(got), diff)
	}
}

func (h *past) rollbacks(t *testing.T) {
	for i, id := range h.ids {
		var done struct {
			Bytes int64 `json:"bytes_uploaded"`
		}
		h.ask(t, "finished", &done, "rollback", id)
		if diff := cmp.Diff(h.trees[i], h.site(t)); diff != "" || done.Bytes != 0 {
			t.Errorf("%s, %d bytes uploaded:\n%s", bulma[i], done.Bytes, diff)
		}
	}
}

// site reads what visitors get, by path.
func (h *past) site(t *testing.T) map[string]string {
	t.Helper()
	client, prefix, files := h.bucket.server.Client(), "site/", map[string]string{}
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &h.bucket.name, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range page.Contents {
			out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &h.bucket.name, Key: entry.Key})
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(out.Body)
			out.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			files[strings.TrimPrefix(*entry.Key, prefix)] = string(b)
		}
	}
	return files
}
