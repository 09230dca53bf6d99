package site

import (
	"net"
	"path/filepath"
	"slices"
	"testing"
)

func TestScanExclude(t *testing.T) {
	dir := tree(t, map[string]string{
		"index.html": "x", ".pandastack/local/index.html": "x", "pandastack.json": "{}", "a/mine/x": "", "a/b": "",
	})
	o := Options{Dir: dir, Ignore: []string{"pandastack.json"}, ConfigFile: filepath.Join(dir, "pandastack.json"),
		Exclude: []string{filepath.Join(dir, ".pandastack", "local"), filepath.Join(dir, "a", "mine")}}
	files, err := Scan(t.Context(), o)
	if err != nil || !slices.Equal(paths(files), words("a/b index.html")) {
		t.Errorf("got %q, %v", paths(files), err)
	}
	fill(t, dir, map[string]string{".pandastack/other": ""})
	want := "refused to publish .pandastack/other: this name belongs to the deploy's own state"
	if _, err := Scan(t.Context(), o); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	o.Exclude = []string{filepath.Join(dir, ".pandastack"), filepath.Join(dir, "a", "mine")}
	if _, err := Scan(t.Context(), o); err != nil {
		t.Error(err)
	}
	// A link may be what is excluded.
	fill(t, dir, map[string]string{"own": "-> " + t.TempDir()})
	o.Exclude = append(o.Exclude, filepath.Join(dir, "own"))
	if _, err := Scan(t.Context(), o); err != nil {
		t.Error(err)
	}
	fill(t, dir, map[string]string{"also-own": "-> store", "store/x": ""})
	o.Exclude = append(o.Exclude, filepath.Join(dir, "also-own"))
	if files, err := Scan(t.Context(), o); err != nil || !slices.Equal(paths(files), words("a/b index.html")) {
		t.Errorf("got %q, %v", paths(files), err)
	}
	// Nothing of ours comes in through a link.
	o.Ignore = nil
	fill(t, dir, map[string]string{"link": "-> .pandastack/local", "conf": "-> pandastack.json"})
	_, err = Scan(t.Context(), o)
	want = "refused to publish 3 paths:" +
		"\n  conf: it is the configuration of the deploy" +
		"\n  link: it is a symbolic link to .pandastack/local, which is not published" +
		"\n  pandastack.json: it is the configuration of the deploy"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestScanThroughLinkedRoot(t *testing.T) {
	dir := tree(t, map[string]string{"real/dist/a": "x", "real/dist/pandastack.json": "", "link": "-> real", "real/dist/own/b": ""})
	_, err := Scan(t.Context(), Options{Dir: filepath.Join(dir, "link", "dist"),
		ConfigFile: filepath.Join(dir, "link", "dist", "pandastack.json"), Exclude: []string{filepath.Join(dir, "link", "dist", "own")}})
	want := "refused to publish pandastack.json: it is the configuration of the deploy"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestScanSymlinks(t *testing.T) {
	outside := tree(t, map[string]string{"secret": "x"})
	dir := tree(t, map[string]string{
		"v2/index.html": "x", "v2/sub/a.css": "y",
		"latest": "-> v2", "home.html": "-> v2/index.html", "v2/up.html": "-> ../v2/index.html", "twice": "-> latest",
	})
	files, err := Scan(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	want := words(`home.html latest/index.html latest/sub/a.css latest/up.html twice/index.html twice/sub/a.css twice/up.html
		v2/index.html v2/sub/a.css v2/up.html`)
	if got := paths(files); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}

	fill(t, dir, map[string]string{
		"abs": "-> " + outside + "/secret", "rel": "-> ../" + filepath.Base(outside), "gone": "-> nowhere", "self": "-> self",
		"v2/loop": "-> ..", "root": "-> .", "odd": "-> home.html/x",
	})
	_, err = Scan(t.Context(), Options{Dir: dir, Ignore: []string{"/latest", "/twice", "/rel"}})
	message := "refused to publish 6 paths:" +
		"\n  abs: it is a symbolic link to " + outside + "/secret, outside of the output" +
		"\n  gone: it is a symbolic link to nowhere, which does not exist" +
		"\n  odd: it is a symbolic link to home.html/x, which cannot be followed (not a directory)" +
		"\n  root: it is a symbolic link to ., a directory that it lies in: this has no end" +
		"\n  self: it is a symbolic link to self, which leads in a circle" +
		"\n  v2/loop: it is a symbolic link to .., a directory that it lies in: this has no end"
	if err == nil || err.Error() != message {
		t.Errorf("got  %v\nwant %s", err, message)
	}
}

func TestScanNeighbourWithSamePrefix(t *testing.T) {
	dir := tree(t, map[string]string{"dist/a": "-> ../dist-old/a", "dist-old/a": "x"})
	_, err := Scan(t.Context(), Options{Dir: filepath.Join(dir, "dist")})
	want := "refused to publish a: it is a symbolic link to ../dist-old/a, outside of the output"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestScanIrregular(t *testing.T) {
	dir := tree(t, map[string]string{"a": "x"})
	t.Chdir(dir) // socket names are short
	l, err := net.Listen("unix", "s.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Scan(t.Context(), Options{Dir: dir})
	if want := "refused to publish s.sock: it is a socket, not a file"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := Scan(t.Context(), Options{Dir: dir, Ignore: []string{"*.sock"}}); err != nil {
		t.Error(err)
	}
}
