package state

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// TestLines: a line is what encoding/json would write, and is read as
// encoding/json reads it, whatever is in it.
func TestLines(t *testing.T) {
	text := rapid.OneOf(rapid.StringMatching(`[ -~]{0,12}`), rapid.String(), rapid.Just("a\u2028b"), rapid.Just("\x7f"), rapid.Just("a\xffb"))
	rapid.Check(t, func(t *rapid.T) {
		o := Object{Path: text.Draw(t, "path"), Size: rapid.Int64().Draw(t, "size"), ETag: text.Draw(t, "etag")}
		copy(o.SHA256[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest"))
		headers := rapid.Int32().Draw(t, "headers")
		line, err := appendLine(nil, &o, int(headers))
		var want strings.Builder
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if e := enc.Encode(objectLine{o.Path, o.Size, o.SHA256, int(headers), o.ETag}); err != nil || e != nil || string(line)+"\n" != want.String() {
			t.Fatalf("got %s, %v; want %s, %v", line, err, want.String(), e)
		}
		agree(t, string(line))
	})
}

// TestForeignLines: what another tool writes, or nobody should, is read as
// encoding/json reads it.
func TestForeignLines(t *testing.T) {
	digest := storage.Digest{1, 0xab}.String()
	good := `{"path":"a/b.html","size":120,"sha256":"` + digest + `","headers":3,"etag":"e"}`
	if _, ok := cutLine([]byte(good)); !ok {
		t.Error("a usual line takes the long way")
	}
	for _, change := range [][2]string{
		{"", ""}, {`,"etag":"e"`, ""}, {`"etag":"e"`, `"etag":""`}, {"120", "-120"}, {"120", "0120"}, {"120", "0"}, {"120", "1e2"}, {"120", "1.5"}, {"120", `"120"`},
		{"120", "9223372036854775807"}, {"120", "9223372036854775808"}, {"120", ""}, {":3", ":2147483648"}, {":3", ":18446744073709551619"}, {"ab", "AB"}, {"ab", "zz"},
		{digest, digest[1:]}, {digest, digest + "00"}, {"a/b", `a\/b`}, {"a/b", `a"b`}, {"a/b", "ä"}, {"a/b", "\xff"}, {"a/b", "\t"}, {"a/b", ""}, {"{", "[" + "{"},
		{"}", "} "}, {"}", "}}"}, {"}", ""}, {"}", `,"new":1}`}, {`"size"`, `"Size"`}, {":", ": "}, {`"e"`, "null"}, {`"e"`, `"e","size":7`},
	} {
		agree(t, strings.Replace(good, change[0], change[1], 1))
	}
	for n := range good {
		agree(t, good[:n])
	}
}

// agree fails the test where cutLine takes what encoding/json does not, or takes
// it for something else.
func agree(t rapid.TB, line string) {
	got, ok := cutLine([]byte(line))
	var want objectLine
	err := json.Unmarshal([]byte(line), &want)
	if ok && (err != nil || !cmp.Equal(got, want)) {
		t.Errorf("%q: got %+v, want %+v, %v", line, got, want, err)
	}
}

// TestRoom: a list that grows as it is announced is copied a few times, and
// takes no room for what is announced only.
func TestRoom(t *testing.T) {
	var list []Blob
	copies := 0
	for range 100_000 {
		before := cap(list)
		if list = append(room(list, 100_000), Blob{}); cap(list) != before {
			copies++
		}
		if most := max(512, 9*len(list)); cap(list) > most {
			t.Fatalf("%d items have room for %d", len(list), cap(list))
		}
	}
	if copies > 5 {
		t.Errorf("%d copies", copies)
	}
	if cap(list) > 101_000 {
		t.Errorf("room for %d in the end", cap(list))
	}
}
