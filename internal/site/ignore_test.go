package site

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestIgnore(t *testing.T) {
	files := map[string]string{
		"a.map": "", "b/a.map": "", "b/c/a.map": "", "b/c/keep.map": "", "drafts/x.html": "", "drafts/y/z.html": "",
		"docs/drafts": "", "é.txt": "", "!odd": "", "q?.txt": "", "qx.txt": "", "index.html": "",
	}
	const all = "!odd a.map b/a.map b/c/a.map b/c/keep.map docs/drafts drafts/x.html drafts/y/z.html index.html q?.txt qx.txt é.txt"
	for _, c := range []struct {
		ignore string
		gone   string
	}{
		{"", ""},
		{"*.map", "a.map b/a.map b/c/a.map b/c/keep.map"},
		{"/*.map", "a.map"},
		{"./a.map", "a.map b/a.map b/c/a.map"},
		{"b/*.map", "b/a.map"},
		{"b/**/*.map", "b/a.map b/c/a.map b/c/keep.map"},
		{"**/c/*.map", "b/c/a.map b/c/keep.map"},
		{"c", "b/c/a.map b/c/keep.map"},
		{"c/", "b/c/a.map b/c/keep.map"},
		{"a.map/", ""},
		{"drafts", "docs/drafts drafts/x.html drafts/y/z.html"},
		{"drafts/", "drafts/x.html drafts/y/z.html"},
		{"/drafts", "drafts/x.html drafts/y/z.html"},
		{"drafts/**", "drafts/x.html drafts/y/z.html"},
		{"drafts/ !drafts/y/", "drafts/x.html"},
		{"drafts/ !z.html", "drafts/x.html"},
		{"drafts/ !/drafts/y/z.html", "drafts/x.html"},
		{"drafts/ !/drafts/{y/z,q}.html", "drafts/x.html"},
		{"!z.html drafts/", "drafts/x.html drafts/y/z.html"},
		{"drafts/ !drafts/ *.html", "drafts/x.html drafts/y/z.html index.html"},
		{"*.map !keep.map", "a.map b/a.map b/c/a.map"},
		{"*.map !b/", "a.map"},
		{"b !b/c b/c/a.map", "b/a.map b/c/a.map"},
		{"e\u0301.txt", "é.txt"},
		{`\!odd`, "!odd"},
		{`q\?.txt`, "q?.txt"},
		{"q?.txt", "q?.txt qx.txt"},
		{"{a,keep}.map", "a.map b/a.map b/c/a.map b/c/keep.map"},
		{"A.MAP", ""},
		{"** !index.html", strings.ReplaceAll(all, " index.html", "")},
	} {
		var want []string
		for _, p := range words(all) {
			if !slices.Contains(words(c.gone), p) {
				want = append(want, p)
			}
		}
		got, err := Scan(t.Context(), Options{Dir: tree(t, files), Ignore: words(c.ignore)})
		if err != nil || !slices.Equal(paths(got), want) {
			t.Errorf("%s\n got %q, %v\nwant %q", c.ignore, paths(got), err, want)
		}
	}
}

func TestIgnoreDefaults(t *testing.T) {
	dir := tree(t, map[string]string{
		"index.html": "", ".DS_Store": "", "a/Thumbs.db": "", "desktop.ini": "", "a/._b.html": "", ".c.html.swp": "", "d~": "", ".#e": "",
	})
	got, err := Scan(t.Context(), Options{Dir: dir})
	if err != nil || !slices.Equal(paths(got), words("index.html")) {
		t.Errorf("got %q, %v", paths(got), err)
	}
	got, err = Scan(t.Context(), Options{Dir: dir, Ignore: words("!.DS_Store !*.db")})
	if err != nil || !slices.Equal(paths(got), words(".DS_Store a/Thumbs.db index.html")) {
		t.Errorf("got %q, %v", paths(got), err)
	}
}

func TestIgnoredFolderIsNotEntered(t *testing.T) {
	dir := tree(t, map[string]string{"index.html": "", "a/b/c": "", "a/b/d": "", "a/b/e": ""})
	for ignore, want := range map[string]int{
		"a": 1, "a/b/": 1, "a/** !/b/c": 1, "a/b/ !/a/c": 1, "* !/index.html": 1, "a !/a/x": 1,
		"a !/a/b/x": 3, "a !x": 3, "a !/a/**/x": 3, "a !/a/{b/x,y}": 3,
	} {
		s, w, err := prepare(Options{Dir: dir, Ignore: words(ignore)})
		if err != nil {
			t.Fatal(err)
		}
		s.jobs = make(chan job, 10)
		w.jobs = s.jobs
		if err := w.walk(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w.ignored != want || len(s.jobs) != 1 {
			t.Errorf("%s: ignored %d entries, want %d; %d files", ignore, w.ignored, want, len(s.jobs))
		}
	}
}

func TestPatternErrors(t *testing.T) {
	for pattern, why := range map[string]string{
		"":       "it is empty",
		"!":      "it is empty",
		"/":      "it is empty",
		"[a":     "a bracket, brace or backslash in it is not closed",
		"{a":     "a bracket, brace or backslash in it is not closed",
		"../a":   "it has a segment . or .., and patterns are relative to the output",
		"a/../b": "it has a segment . or .., and patterns are relative to the output",
		"a//b":   "it has an empty segment",
	} {
		dir := tree(t, map[string]string{"a": ""})
		_, err := Scan(t.Context(), Options{Dir: dir, Ignore: []string{pattern}})
		want := `malformed pattern in "ignore": "` + pattern + `": ` + why
		if !errors.Is(err, ErrPattern) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	_, err := Scan(t.Context(), Options{Dir: tree(t, map[string]string{"a": ""}), Headers: []HeaderRule{{Source: "[a"}}})
	want := `malformed pattern in "headers": "[a": a bracket, brace or backslash in it is not closed`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// The walk skips folders; judging each file alone must give the same answer.
func TestWalkAgreesWithJudge(t *testing.T) {
	names := rapid.SampledFrom([]string{"a", "b", "c.js", "d.css"})
	patternsGen := rapid.SliceOfN(rapid.StringMatching(`!?/?(a|b|\*|\*\*|c\.js|\*\.css|\{a,b\})(/(a|b|\*\*|\*|d\.css)){0,2}/?`), 0, 5)
	dir := tree(t, everyPath(3))
	rapid.Check(t, func(t *rapid.T) {
		lines := patternsGen.Draw(t, "ignore")
		ps, err := compilePatterns(lines)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Scan(t.Context(), Options{Dir: dir, Ignore: lines})
		if err != nil && !errors.Is(err, ErrEmptyOutput) {
			t.Fatal(err)
		}
		segs := rapid.SliceOfN(names, 1, 3).Draw(t, "path")
		p := strings.Join(segs, "/")
		if _, isFile := everyPath(3)[p]; !isFile {
			return
		}
		if want := !decide(ps, p); want != slices.Contains(paths(got), p) {
			t.Fatalf("%q: published %v, want %v", p, !want, want)
		}
	})
}

// decide is the definition: the last pattern that matches p or a folder above.
func decide(ps patterns, p string) (ignored bool) {
	for i := range ps {
		for q, isDir := p, false; q != "."; q, isDir = parent(q), true {
			if ps[i].matches(q, isDir) {
				ignored = !ps[i].neg
				break
			}
		}
	}
	return ignored
}

func parent(p string) string {
	if i := strings.LastIndexByte(p, '/'); i > 0 {
		return p[:i]
	}
	return "."
}

// everyPath has all files c.js and d.css in all folders of a and b.
func everyPath(depth int) map[string]string {
	files := map[string]string{"c.js": "", "d.css": ""}
	if depth == 1 {
		return files
	}
	for p := range everyPath(depth - 1) {
		files["a/"+p], files["b/"+p] = "", ""
	}
	return files
}
