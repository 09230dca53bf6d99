//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

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

// kept is how many former releases of bulma are left by gc, each of which is
// then brought back.
const kept = 20

// TestHistory publishes thirty versions of a real project, one after the
// other. Then each difference is that of the trees, blame is what the sequence
// says, gc leaves exactly what the kept ones need, and a rollback to each of
// them brings its tree back byte for byte.
func TestHistory(t *testing.T) {
	t.Parallel()
	h := &past{bucket: newBucket(t), project: &project{program: buildProgram(t), dir: t.TempDir(), output: "dist"}}
	h.project.env = h.bucket.server.Env()
	h.configure(t)
	for _, dir := range published(t, bulma) {
		h.publish(t, dir)
	}
	t.Run("releases", h.releases)
	t.Run("diff", h.diffs)
	t.Run("blame", h.blame)
	t.Run("gc", func(t *testing.T) { h.collect(t, kept) })
	t.Run("rollback", h.rollbacks)
	t.Run("gc after rollbacks", func(t *testing.T) { h.collect(t, 7) })
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

// rollbacks brings back each of the kept releases, the newest first.
func (h *past) rollbacks(t *testing.T) {
	ids, trees := slices.Clone(h.ids), slices.Clone(h.trees)
	for i := len(ids) - 1; i >= len(ids)-1-kept; i-- {
		var done struct {
			Release string
			Bytes   int64 `json:"bytes_uploaded"`
		}
		h.ask(t, "finished", &done, "rollback", ids[i])
		if diff := cmp.Diff(trees[i], h.site(t)); diff != "" || done.Bytes != 0 {
			t.Errorf("%s, %d bytes uploaded:\n%s", bulma[i], done.Bytes, diff)
		}
		if done.Release != h.ids[len(h.ids)-1] {
			h.ids, h.trees = append(h.ids, done.Release), append(h.trees, trees[i])
		}
	}
}

// collect removes all but so many former releases, and compares all that is
// left in the bucket with what the trees say.
func (h *past) collect(t *testing.T, keep int) {
	before := h.bucket.objects(t)
	var done struct {
		Releases []string
		Blobs    int
		Bytes    int64
	}
	h.ask(t, "collected", &done, "gc", "--keep", strconv.Itoa(keep))
	after := h.bucket.objects(t)
	if diff := cmp.Diff(h.needed(keep), slices.Sorted(maps.Keys(after))); diff != "" {
		t.Errorf("the bucket holds what is not needed (+), or lacks what is (-):\n%s", diff)
	}
	var freed int64
	for key, o := range before {
		if _, left := after[key]; !left {
			freed += int64(len(o.body))
		}
	}
	if dropped := len(before) - len(after); len(done.Releases)+done.Blobs != dropped || done.Bytes != freed || freed == 0 {
		t.Errorf("gc says %+v, and removed %d objects with %d bytes", done, dropped, freed)
	}
	for key, o := range after {
		if sum, ok := strings.CutPrefix(key, "state/site/blobs/"); ok && sum != fmt.Sprintf("%x", sha256.Sum256([]byte(o.body))) {
			t.Errorf("%s has other bytes", key)
		}
	}
}

// needed returns the keys of the live site, and of what brings back so many
// releases before it: their records, and once each what their successors no
// longer had at a path.
func (h *past) needed(keep int) []string {
	live := len(h.ids) - 1
	keys := map[string]bool{"state/site/head": true}
	for path := range h.trees[live] {
		keys["site/"+path] = true
	}
	for i := live - keep; i <= live; i++ {
		keys["state/site/releases/"+h.ids[i]] = true
	}
	for i := live - keep; i < live; i++ {
		for path, content := range h.trees[i] {
			if h.trees[i+1][path] != content {
				keys[fmt.Sprintf("state/site/blobs/%x", sha256.Sum256([]byte(content)))] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// site reads what visitors get, by path.
func (h *past) site(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for key, o := range h.bucket.under(t, "site/") {
		files[strings.TrimPrefix(key, "site/")] = o.body
	}
	return files
}
