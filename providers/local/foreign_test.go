package local_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// What something else did to a file shows in its ETag, so that guards hold.
func TestForeignFiles(t *testing.T) {
	for name, edit := range map[string]func(t *testing.T, file string){
		"other size": func(t *testing.T, file string) { write(t, file, "longer than before") },
		"same size": func(t *testing.T, file string) {
			write(t, file, "AFTER!")
			later := time.Now().Add(time.Second)
			if err := os.Chtimes(file, later, later); err != nil {
				t.Fatal(err)
			}
		},
		"touched": func(t *testing.T, file string) {
			past := time.Now().Add(-time.Hour)
			if err := os.Chtimes(file, past, past); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			old := put(t, s, "page.html", "before")
			edit(t, filepath.Join(s.Dir(), "page.html"))
			info, body := get(t, s, "page.html")
			if info.ETag == old.ETag || len(info.Headers) > 0 {
				t.Errorf("the edited file has the ETag %q, which was %q, and %v", info.ETag, old.ETag, info.Headers)
			}
			_, err := s.Put(t.Context(), "page.html", storage.Bytes(nil), nil, storage.Condition{ETag: old.ETag})
			wantError(t, err, storage.ErrPrecondition)
			_, err = s.Put(t.Context(), "page.html", storage.Bytes(nil), nil, storage.Condition{Absent: true})
			wantError(t, err, storage.ErrPrecondition)
			_, err = s.Copy(t.Context(), storage.CopySource{Key: "page.html", ETag: old.ETag}, "copy", nil)
			wantError(t, err, storage.ErrPrecondition)
			if now, after := get(t, s, "page.html"); now.ETag != info.ETag || after != body {
				t.Errorf("a refused write changed the file to %q", after)
			}
			if _, err := s.Put(t.Context(), "page.html", storage.Bytes(nil), page, storage.Condition{ETag: info.ETag}); err != nil {
				t.Errorf("update with the ETag of the edited file: %v", err)
			}
		})
	}
}

func TestForeignFilesAreObjects(t *testing.T) {
	s := open(t, t.TempDir())
	write(t, filepath.Join(s.Dir(), "dir", "foreign.html"), "foreign")
	info, body := get(t, s, "dir/foreign.html")
	if body != "foreign" || info.ETag == "" || info.Size != 7 {
		t.Errorf("%q, %+v", body, info)
	}
	for listed, err := range s.List(t.Context(), "") {
		if err != nil || listed.ETag != info.ETag {
			t.Errorf("listed %+v, %v", listed, err)
		}
	}
	if err := s.Delete(t.Context(), "missing", "dir/missing"); err != nil {
		t.Fatal(err)
	}
	if got := files(t, s.Dir()); !slices.Equal(got, []string{"dir/foreign.html"}) {
		t.Errorf("reading, and deleting what is missing, left %q", got)
	}
	if err := s.Delete(t.Context(), "dir/foreign.html"); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, s); len(got) > 0 {
		t.Errorf("listed %q", got)
	}
}

func TestLinksThatLeadOut(t *testing.T) {
	outside := t.TempDir()
	write(t, filepath.Join(outside, "secret"), "secret")
	s := open(t, t.TempDir())
	put(t, s, "real/page", "page")
	for link, to := range map[string]string{
		"out": outside, "file": filepath.Join(outside, "secret"), "in": "real", "loop": "loop", "inside": "real/page",
	} {
		if err := os.Symlink(to, filepath.Join(s.Dir(), link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"out", "out/secret", "file", "in", "in/page", "loop", "loop/x", "inside"} {
		_, err := s.Get(t.Context(), key)
		wantError(t, err, storage.ErrNotExist)
		_, err = s.Put(t.Context(), key, storage.Bytes([]byte("new")), nil, storage.Condition{})
		wantError(t, err, storage.ErrInvalidKey)
		wantError(t, s.Delete(t.Context(), key), nil)
	}
	if got := keys(t, s); !slices.Equal(got, []string{"real/page"}) {
		t.Errorf("listed %q", got)
	}
	if _, body := get(t, s, "real/page"); body != "page" {
		t.Errorf("a link wrote %q", body)
	}
	if got := files(t, outside); !slices.Equal(got, []string{"secret"}) {
		t.Errorf("outside are %q", got)
	}
}
