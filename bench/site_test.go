package bench

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSiteIsTheSameEverywhere holds names and bytes to what the seed gave when
// this was written, so that figures of other machines and days are of one site.
func TestSiteIsTheSameEverywhere(t *testing.T) {
	s := Site{Seed: 1}
	for _, want := range []struct {
		number, version int
		file            file
	}{
		{0, 0, file{"docs/00/page-0/index.html", Content{24246, "beff7e04cf5aa04a720d27e9829dae84"}}},
		{0, 1, file{"docs/00/page-0/index.html", Content{24246, "7ae88d27ca0e58af308a710e652b62d2"}}},
		{2, 0, file{"assets/chunk-9.0ec832e58182f0b15c1c.css", Content{45333, "583bf8107a2086ddb6867084625d7aa3"}}},
		{2, 1, file{"assets/chunk-9.a09e1f0d21a80d51413a.css", Content{45333, "dd7a620c49368bd76e0ecc9c66fbb646"}}},
		{8, 0, file{"images/11/photo-11.jpg", Content{124864, "3bba04ffaf6630c48253b015fdc85826"}}},
		{99999, 0, file{"docs/48/page-64998/index.html", Content{5853, "4a74bc2ce9cf1a1ba19c41b201a43660"}}},
	} {
		if got, _ := s.file(want.number, want.version); got != want.file {
			t.Errorf("file %d, version %d: got %+v", want.number, want.version, got)
		}
	}
}

func TestSiteIsDeterministic(t *testing.T) {
	s := Site{Files: 80, Seed: 7, Changed: 0.05}
	first, second := generate(t, s), generate(t, s)
	if diff := cmp.Diff(first.First.Files, second.First.Files) + cmp.Diff(first.Second.Files, second.Second.Files); diff != "" {
		t.Errorf("the same seed gave another site: %s", diff)
	}
	other := generate(t, Site{Files: 80, Seed: 8, Changed: 0.05})
	if maps.Equal(first.First.Files, other.First.Files) {
		t.Error("another seed gave the same site")
	}
}

// TestSiteMix looks at the sizes alone: nothing is written.
func TestSiteMix(t *testing.T) {
	const n = 2000
	s := Site{Files: n, Seed: 1}
	count, sum := map[string]int{}, int64(0)
	names := map[string]bool{}
	for i := range n {
		k, _ := kindOf(i)
		f, body := s.file(i, 0)
		size := f.content.Size
		if size < int64(k.min) || size > int64(k.max) || size != int64(len(body)) {
			t.Errorf("%s has %d bytes", f.path, size)
		}
		if names[f.path] {
			t.Errorf("%s is there twice", f.path)
		}
		names[f.path] = true
		count[strings.TrimPrefix(path.Ext(f.path), ".")]++
		sum += size
	}
	if want := map[string]int{"html": 1300, "js": 200, "css": 200, "jpg": 300}; !maps.Equal(count, want) {
		t.Errorf("files by kind: %v, want %v", count, want)
	}
	if mean := sum / n; mean < 47_000 || mean > 53_000 {
		t.Errorf("the mean is %d bytes; 10,000 files should be some 500 MB", mean)
	}
}

// TestSecondTree compares both trees on the disk with what is said of them.
func TestSecondTree(t *testing.T) {
	trees := generate(t, Site{Files: 200, Seed: 1, Changed: 0.1})
	changed, renamed, deleted := 0, 0, 0
	for name, c := range trees.First.Files {
		after, ok := trees.Second.Files[name]
		switch {
		case !ok && strings.HasPrefix(name, "assets/"):
			renamed++
		case !ok:
			deleted++
		case after != c:
			changed++
			if after.Size != c.Size {
				t.Errorf("%s has another size: a comparison of sizes would see it", name)
			}
		}
	}
	for _, tree := range []Tree{trees.First, trees.Second} {
		if diff := cmp.Diff(tree.Files, onDisk(t, tree.Dir)); diff != "" {
			t.Errorf("%s is not as it says: %s", filepath.Base(tree.Dir), diff)
		}
	}
	if trees.Changed != 20 || trees.Deleted != 4 || trees.Renamed == 0 || changed+trees.Renamed != trees.Changed || renamed+deleted != trees.Renamed+trees.Deleted {
		t.Errorf("%d changed, %d renamed, %d deleted; found %d with other bytes, %d and %d missing", trees.Changed, trees.Renamed, trees.Deleted, changed, renamed, deleted)
	}
}

// TestEachKindChanges: one per cent has all kinds, also of the smallest site.
func TestEachKindChanges(t *testing.T) {
	s := Site{Files: 5000, Changed: 0.01}
	changes, early, deletions := map[string]int{}, map[string]bool{}, 0
	for i := range s.Files {
		changed, deleted := s.fate(i)
		if k, _ := kindOf(i); changed {
			changes[k.name]++
			early[k.name] = early[k.name] || i < 2000
		}
		if deleted {
			deletions++
		}
		if changed && deleted {
			t.Errorf("file %d changes and is deleted", i)
		}
	}
	if len(early) != len(mix) || changes["page"]+changes["bundle"]+changes["image"] != 50 || deletions != 10 {
		t.Errorf("%v changed, %d deleted", changes, deletions)
	}
}

func TestTouch(t *testing.T) {
	trees := generate(t, Site{Files: 20, Seed: 1, Changed: 0.2})
	old := time.Now().Add(-time.Hour)
	for name := range trees.Second.Files {
		if err := os.Chtimes(filepath.Join(trees.Second.Dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := trees.Second.Touch(); err != nil {
		t.Fatal(err)
	}
	for name := range trees.Second.Files {
		info, err := os.Stat(filepath.Join(trees.Second.Dir, name))
		if err != nil || time.Since(info.ModTime()) > time.Minute {
			t.Errorf("%s is as old as before: %v", name, err)
		}
	}
}

func generate(t *testing.T, s Site) *Trees {
	t.Helper()
	trees, err := s.Write(filepath.Join(t.TempDir(), "site"))
	if err != nil {
		t.Fatal(err)
	}
	return trees
}

func onDisk(t *testing.T, dir string) map[string]Content {
	t.Helper()
	found := map[string]Content{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		found[filepath.ToSlash(rel)], err = contentOf(name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
