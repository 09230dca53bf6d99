package state

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/storage"
)

var update = flag.Bool("update", false, "write testdata")

var testSite = Site{Bucket: "www", Prefix: "blog/"}

func digest(b byte) storage.Digest {
	var d storage.Digest
	for i := range d {
		d[i] = b + byte(i)
	}
	return d
}

// golden are records of format 1, which every later version must read.
func golden() (Head, Release, Intent) {
	write := digest(7)
	html := storage.Headers{storage.ContentType: "text/html; charset=utf-8", storage.CacheControl: "public, max-age=0, must-revalidate"}
	script := storage.Headers{storage.ContentType: "text/javascript; charset=utf-8"}
	retained := time.Date(2026, 1, 3, 3, 4, 5, 0, time.UTC)
	head := Head{
		Format: 1, Site: testSite, Live: "01jd0000000000000000000001",
		Busy: &Busy{
			Owner: Owner{Repository: "o/r", RunID: "1", RunAttempt: 2, RunURL: "https://ci.example/1", Actor: "ada", Host: "h"},
			Nonce: "N", Base: "01jd0000000000000000000001", Target: "01jd0000000000000000000002",
			Expires: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		},
		Doubt:    []string{"01jd0000000000000000000000"},
		Owed:     []Debt{{Intent: "01jd0000000000000000000001", Delete: true, Purge: []string{"cloudflare zone 1"}}},
		Suspects: []Suspect{{Intent: "01jcz000000000000000000000", Until: time.Date(2026, 1, 2, 4, 4, 5, 0, time.UTC)}},
		Mark:     &Mark{Commit: "c0ffee", Repository: "o/r", RunID: "1", RunAttempt: 2}, Held: true, Strays: true,
		Oldest: "01jcx000000000000000000000", Forgotten: []Forgotten{{SHA256: digest(5), Last: "01jcy000000000000000000000"}},
		Withdrawn: []string{"assets/app-5d1e7c02.js"},
		Capabilities: &Capabilities{
			Store: "https://s3.example/www", Checked: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			Create: Kept, Update: Broken, Copy: Kept, CopyIf: Refused, Payload: Kept,
		},
	}
	release := Release{
		Format: 1, ID: "01jd0000000000000000000002", Parent: "01jd0000000000000000000001", Site: testSite,
		Created: time.Date(2026, 1, 2, 3, 4, 5, 6000000, time.UTC), Tool: "pandastack 1.0.0",
		Source:       Source{Repository: "o/r", Commit: "c0ffee", Dirty: true, Ref: "main", RunID: "1", RunAttempt: 2, RunURL: "https://ci.example/1", Actor: "ada"},
		PromotedFrom: &Promotion{Environment: "staging", Site: Site{Bucket: "www-staging", Prefix: "s/"}, Release: "01jd0000000000000000000009"},
		RollbackTo:   "01jcy000000000000000000000", Repaired: true, Forced: true,
		History: []string{"01jcy000000000000000000000", "01jd0000000000000000000001"},
		Blobs:   []Blob{{SHA256: digest(4), Size: 12, Last: "01jd0000000000000000000001"}},
		Objects: []Object{
			{Path: "a & b/é <x>.html", Size: 1, SHA256: digest(1), Headers: html, ETag: "e1"},
			{Path: "app.js", Size: 2 << 40, SHA256: digest(2), Headers: storage.Headers{storage.ContentType: "text/javascript; charset=utf-8", "X-Amz-Meta-A": "b"}, ETag: "e2"},
			{Path: "index.html", Size: 0, SHA256: digest(3), Headers: html, ETag: "e3"},
		},
		Retired: []Retired{
			{Object{Path: "assets/app-3f9c1b2e.js", Size: 4, SHA256: digest(4), Headers: script, ETag: "e4"}, "01jcy000000000000000000000", retained},
			{Object{Path: "assets/app-8e0d7a51.js", Size: 5, SHA256: digest(5), Headers: script, ETag: "e5"}, "01jd0000000000000000000001", retained.Add(time.Hour)},
		},
	}
	intent := Intent{Format: 1, ID: "01jd0000000000000000000002", Base: "01jd0000000000000000000001", Site: testSite,
		Touches: []Touch{{Path: "a.html", SHA256: &write, Size: 9}, {Path: "b.html", Delete: true, SHA256: &write}, {Path: "c.html"}, {Path: "d.html", Adopts: &write}}}
	return head, release, intent
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestGoldenIsComplete makes sure that the samples have every field that there
// is.
func TestGoldenIsComplete(t *testing.T) {
	head, release, intent := golden()
	for _, v := range []any{head, release, intent} {
		wantFields(t, reflect.TypeOf(v).Name(), reflect.ValueOf(v))
	}
}

// wantFields checks that every field has a value; of the items of a list, in
// one of them.
func wantFields(t *testing.T, name string, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		wantFields(t, name, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if v.Field(i).IsZero() {
				t.Errorf("%s.%s is not in the sample", name, f.Name)
			} else if f.Type != reflect.TypeFor[time.Time]() {
				wantFields(t, name+"."+f.Name, v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Struct {
			return
		}
		for i := range v.Type().Elem().NumField() {
			found := false
			for n := range v.Len() {
				found = found || !v.Index(n).Field(i).IsZero()
			}
			if !found {
				t.Errorf("%s.%s is not in the sample", name, v.Type().Elem().Field(i).Name)
			}
		}
	}
}

func TestGolden(t *testing.T) {
	head, release, intent := golden()
	for name, encoded := range map[string][]byte{
		"head":    must[[]byte](t)(EncodeHead(head)),
		"release": must[[]byte](t)(EncodeRelease(&release)),
		"intent":  must[[]byte](t)(EncodeIntent(&intent)),
	} {
		file := filepath.Join("testdata", "format1", name+".zst")
		plain := must[[]byte](t)(io.ReadAll(must[*zstd.Decoder](t)(zstd.NewReader(bytes.NewReader(encoded)))))
		if *update {
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, encoded, 0o644),
				os.WriteFile(strings.TrimSuffix(file, ".zst")+".jsonl", plain, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		want := must[[]byte](t)(os.ReadFile(strings.TrimSuffix(file, ".zst") + ".jsonl"))
		if diff := cmp.Diff(string(want), string(plain)); diff != "" {
			t.Errorf("%s is written in another way than format 1 (-want +got):\n%s", name, diff)
		}
	}
	open := func(name string) io.Reader {
		return bytes.NewReader(must[[]byte](t)(os.ReadFile(filepath.Join("testdata", "format1", name+".zst"))))
	}
	if diff := cmp.Diff(&head, must[*Head](t)(DecodeHead(open("head"), testSite))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&release, must[*Release](t)(DecodeRelease(open("release"), testSite))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&intent, must[*Intent](t)(DecodeIntent(open("intent"), testSite))); diff != "" {
		t.Error(diff)
	}
}

func pack(t testing.TB, plain string) []byte {
	var buf bytes.Buffer
	z, err := zstd.NewWriter(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(z, plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestRefusals(t *testing.T) {
	const site = `"site":{"bucket":"www","prefix":"blog/"}`
	sum := `"sha256":"` + digest(1).String() + `"`
	rel := func(lines ...string) string {
		return `{"format":1,"id":"01a",` + site + fmt.Sprintf(`,"headerSets":[{}],"objects":%d}`, len(lines)) + "\n" + strings.Join(lines, "\n") + "\n"
	}
	head := func(b []byte) error { _, err := DecodeHead(bytes.NewReader(b), testSite); return err }
	release := func(b []byte) error { _, err := DecodeRelease(bytes.NewReader(b), testSite); return err }
	intent := func(b []byte) error { _, err := DecodeIntent(bytes.NewReader(b), testSite); return err }
	full := must[[]byte](t)(EncodeHead(Head{Site: testSite}))
	for _, tt := range []struct {
		name   string
		decode func([]byte) error
		in     []byte
		want   string
	}{
		{"empty", head, nil, "the head is corrupt: unexpected EOF"},
		{"not compressed", head, []byte(`{"format":1}`), "the head is corrupt: "},
		{"truncated", head, full[:len(full)-5], "the head is corrupt: "},
		{"newer", head, pack(t, `{"format":2,"anything":true}`), "the head has format 2, and this version knows formats up to 1"},
		{"no format", head, pack(t, `{`+site+`}`), "its format is 0"},
		{"other site", head, pack(t, `{"format":1,"site":{"bucket":"www","prefix":"shop/"}}`), `the head belongs to the site "www/shop/", not to "www/blog/"`},
		{"unknown field", head, pack(t, `{"format":1,`+site+`,"new":1}`), `unknown field "new"`},
		{"unknown promise", head, pack(t, `{"format":1,`+site+`,"capabilities":{"create":"kept","update":"perhaps","copy":"kept","copyIf":"kept"}}`), `"perhaps" is not what a storage was found to do`},
		{"promise missing", head, pack(t, `{"format":1,`+site+`,"capabilities":{"create":"kept","update":"kept","copy":"kept"}}`), `"" is not what a storage was found to do`},
		{"bad id", head, pack(t, `{"format":1,`+site+`,"live":"../x"}`), `"../x" is not the id of a release`},
		{"bad suspect", head, pack(t, `{"format":1,`+site+`,"suspects":[{"intent":"../y","until":"2026-01-01T00:00:00Z"}]}`), `"../y" is not the id of a release`},
		{"more after the end", head, pack(t, `{"format":1,`+site+"}\n{}\n"), "it goes on after its end"},
		{"two values", head, pack(t, `{"format":1,`+site+"} 1\n"), "after top-level value"},
		{"objects missing", release, pack(t, strings.TrimSuffix(strings.Replace(rel(), `"objects":0`, `"objects":1`, 1), "\n")), "unexpected EOF"},
		{"objects of another site", release, pack(t, strings.Replace(rel(), "blog", "shop", 1)), "belongs to the site"},
		{"header set missing", release, pack(t, rel(`{"path":"a","headers":1,`+sum+`}`)), "header set 1 of 1"},
		{"climbs out", release, pack(t, rel(`{"path":"../a","headers":0,`+sum+`}`)), "not a clean relative path"},
		{"absolute", release, pack(t, rel(`{"path":"/a","headers":0,`+sum+`}`)), "not a clean relative path"},
		{"in the state", release, pack(t, rel(`{"path":"x/.pandastack/head","headers":0,`+sum+`}`)), "lies in the state"},
		{"unsorted", release, pack(t, rel(`{"path":"b","headers":0,`+sum+`}`, `{"path":"a","headers":0,`+sum+`}`)), `"a" is out of order`},
		{"twice", release, pack(t, rel(`{"path":"a","headers":0,`+sum+`}`, `{"path":"a","headers":0,`+sum+`}`)), "out of order"},
		{"short digest", release, pack(t, rel(`{"path":"a","headers":0,"sha256":"00"}`)), "has 64 hex digits, not 2"},
		{"bomb", release, pack(t, rel(`{"path":"`+strings.Repeat("a", 3<<20)+`","headers":0,`+sum+`}`)), "implausible size"},
		{"endless line", release, pack(t, strings.Repeat("a", 5<<20)), "too long"},
		{"deletion of anything", intent, pack(t, `{"format":1,"id":"01a",`+site+`,"touches":1}`+"\n"+`{"path":"a","delete":true}`+"\n"), "is deleted without a digest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.decode(tt.in)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestReadError keeps a network that fails apart from a record that is
// corrupt.
func TestReadError(t *testing.T) {
	full := must[[]byte](t)(EncodeHead(Head{Site: testSite}))
	broken := errors.New("connection reset")
	_, err := DecodeHead(io.MultiReader(bytes.NewReader(full[:10]), failing{broken}), testSite)
	var corrupt *CorruptError
	if !errors.Is(err, broken) || errors.As(err, &corrupt) {
		t.Errorf("got %v", err)
	}
	rel := Release{ID: "01a", Site: testSite} // of several blocks, one of which is cut in the middle of a line
	for i := range 10_000 {
		rel.Objects = append(rel.Objects, Object{Path: fmt.Sprintf("%05d", i), SHA256: sha256.Sum256([]byte{byte(i), byte(i >> 8)}), ETag: "e"})
	}
	full = must[[]byte](t)(EncodeRelease(&rel))
	for _, cut := range []int{len(full) / 4, len(full) / 2, len(full) - 10} {
		_, err := DecodeRelease(io.MultiReader(bytes.NewReader(full[:cut]), failing{broken}), testSite)
		if !errors.Is(err, broken) || errors.As(err, &corrupt) {
			t.Errorf("after %d bytes of %d: %v", cut, len(full), err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestReleaseRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := rapid.SliceOfN(rapid.MapOfN(rapid.SampledFrom([]string{storage.ContentType, storage.CacheControl, "X-Amz-Meta-A"}), rapid.StringMatching(`[ -~]{0,9}`), 1, 3), 1, 4).Draw(t, "sets")
		paths := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-zé ]{1,4}(/[a-z+%]{1,3}){0,2}`), 0, 20, rapid.ID[string]).Draw(t, "paths")
		rel := Release{Format: 1, ID: "01a", Site: testSite}
		for _, p := range paths {
			rel.Objects = append(rel.Objects, Object{Path: p, Size: rapid.Int64Min(0).Draw(t, "size"), SHA256: digest(rapid.Byte().Draw(t, "sum")),
				Headers: rapid.SampledFrom(sets).Draw(t, "headers"), ETag: rapid.StringMatching(`[a-f0-9-]*`).Draw(t, "etag")})
		}
		slices.SortFunc(rel.Objects, func(a, b Object) int { return strings.Compare(a.Path, b.Path) })
		b, err := EncodeRelease(&rel)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeRelease(bytes.NewReader(b), testSite)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&rel, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestIDs(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	a := NewID(now, "")
	b := NewID(now.Add(time.Second), a)
	c := NewID(now.Add(-time.Hour), b) // a clock that is behind
	if !(a < b && b < c) {
		t.Errorf("ids do not sort by time: %s %s %s", a, b, c)
	}
	if !ValidID(a) || ValidID("") || ValidID("A") || ValidID("a/b") || ValidID("..") {
		t.Error("ValidID")
	}
	if at, ok := IDTime(a); !ok || !at.Equal(now) {
		t.Errorf("IDTime: %v %v", at, ok)
	}
	if _, ok := IDTime("x"); ok {
		t.Error("IDTime of what is no ULID")
	}
}

// TestAdopts keeps what an intent says of a foreign object.
func TestAdopts(t *testing.T) {
	_, _, intent := golden()
	old := storage.Digest{7}
	intent.Touches = []Touch{{Path: "as-it-is.css", Adopts: &old}, {Path: "written.css", SHA256: &storage.Digest{8}, Adopts: &old}}
	b, err := EncodeIntent(&intent)
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeIntent(bytes.NewReader(b), testSite)
	if diff := cmp.Diff(&intent, back); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func FuzzDecode(f *testing.F) {
	head, release, intent := golden()
	for _, encode := range []func() ([]byte, error){
		func() ([]byte, error) { return EncodeHead(head) },
		func() ([]byte, error) { return EncodeRelease(&release) },
		func() ([]byte, error) { return EncodeIntent(&intent) },
	} {
		b, err := encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(b[:len(b)-1])
		f.Add(append(bytes.Clone(b), b...))
		for _, at := range []int{0, 5, len(b) / 2, len(b) - 1} {
			flipped := bytes.Clone(b)
			flipped[at] ^= 0x10
			f.Add(flipped)
		}
	}
	f.Add([]byte(nil))
	f.Add([]byte(`{"format":1}`))
	for _, b := range bombs(f) {
		if len(b) < 64<<10 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := DecodeHead(bytes.NewReader(b), testSite); err == nil && h.Site != testSite {
			t.Error("a head of another site")
		}
		if r, err := DecodeRelease(bytes.NewReader(b), testSite); err == nil {
			if err := CheckSorted(r.Objects); err != nil {
				t.Error(err)
			}
		}
		_, _ = DecodeIntent(bytes.NewReader(b), testSite)
	})
}
