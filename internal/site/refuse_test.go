package site

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const pem = "-----BEGIN PRIVATE KEY-----\nMIIE\n"

func TestScanRefuses(t *testing.T) {
	for _, c := range []struct{ path, content, why string }{
		{".env", "A=1", whyEnv},
		{"a/.env.local", "A=1", whyEnv},
		{".ENV", "A=1", whyEnv},
		{".envrc", "A=1", whyEnv},
		{".npmrc", "x", whyToken},
		{".netrc", "x", whyToken},
		{".htpasswd", "x", whyToken},
		{".git", "gitdir: ../x", whyRepo},
		{"id_rsa", "x", whyKey},
		{"keys/id_ed25519", "x", whyKey},
		{"a.p12", "x", whyKey},
		{"a.PFX", "x", whyKey},
		{"server.key", "x", whyKey},
		{"server.pem", "Bag Attributes\n" + pem, whyPEM},
		{"server.txt", "-----BEGIN RSA PRIVATE KEY-----\n", whyPEM},
		{"logo.png", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", whyLFS},
	} {
		dir := tree(t, map[string]string{"index.html": "x", c.path: c.content})
		_, err := Scan(t.Context(), Options{Dir: dir})
		var re *RefusedError
		if !errors.As(err, &re) || !errors.Is(err, ErrRefused) {
			t.Errorf("%s is published: %v", c.path, err)
			continue
		}
		want := Refusal{Path: c.path, Why: c.why, Ignore: "/" + c.path, Include: "!/" + c.path}
		if re.Total != 1 || re.Refusals[0] != want {
			t.Errorf("got %+v\nwant %+v", re.Refusals, want)
		}
		checkEntriesWork(t, dir, c.path, want)
	}
}

// checkEntriesWork does what the refusal advises.
func checkEntriesWork(t *testing.T, dir, path string, r Refusal) {
	t.Helper()
	files, err := Scan(t.Context(), Options{Dir: dir, Ignore: []string{r.Ignore}})
	if err != nil || !slices.Equal(paths(files), []string{"index.html"}) {
		t.Errorf("%s, ignored: %q, %v", path, paths(files), err)
	}
	files, err = Scan(t.Context(), Options{Dir: dir, Ignore: []string{r.Include}})
	if err != nil || !slices.Contains(paths(files), path) {
		t.Errorf("%s, re-included: %q, %v", path, paths(files), err)
	}
}

func TestScanRefusesFolders(t *testing.T) {
	for dirName, why := range map[string]string{
		".git": whyRepo, "node_modules": whyModules, ".ssh": whyKey, ".aws": whyToken, "Node_Modules": whyModules,
	} {
		file := "a/" + dirName + "/b/x.js"
		dir := tree(t, map[string]string{"index.html": "x", file: "", "a/" + dirName + "/y.js": ""})
		_, err := Scan(t.Context(), Options{Dir: dir})
		var re *RefusedError
		if !errors.As(err, &re) {
			t.Errorf("%s is published: %v", dirName, err)
			continue
		}
		want := Refusal{Path: "a/" + dirName + "/", Why: why, Ignore: "/a/" + dirName + "/", Include: "!/a/" + dirName + "/"}
		if re.Total != 1 || re.Refusals[0] != want {
			t.Errorf("got %+v\nwant %+v", re.Refusals, want)
		}
		checkEntriesWork(t, dir, file, want)
	}
}

func TestScanPublishes(t *testing.T) {
	dir := tree(t, map[string]string{
		"ca.pem":          "-----BEGIN CERTIFICATE-----\n",
		"blog/keys.html":  "<pre>" + pem,
		"talk.key":        "PK\x03\x04",
		"lfs.txt":         "version https://git-lfs.github.com/spec/v1\n" + strings.Repeat("x", 1024),
		"env":             "",
		"env.js":          "",
		"id_rsa.pub":      "",
		".well-known/a":   "",
		".nojekyll":       "",
		".htaccess":       "",
		"pandastack.json": "", // another site's
		"git/node.js":     "",
	})
	files, err := Scan(t.Context(), Options{Dir: dir, ConfigFile: dir + "/../pandastack.json"})
	if err != nil || len(files) != 12 {
		t.Errorf("got %q, %v", paths(files), err)
	}
}

// What is refused by name needs a pattern that names it.
func TestScanReinclude(t *testing.T) {
	for _, c := range []struct {
		ignore  string // separated by spaces
		refused string // by path; empty: none
		present string
	}{
		{"!.env", "node_modules/", ""},
		{"!.env node_modules", "", ".env"},
		{"!.env* node_modules", "", ".env"},
		{"*.txt !**", ".env node_modules/", ""},
		{"!*", ".env node_modules/", ""},
		{"!/node_modules/ !.env", "", "node_modules/a/x.js"},
		{"!node_modules", ".env", ""},
		{"!node_modules/a", ".env node_modules/", ""}, // the rest of it is still there
		{"/.env node_modules !/node_modules/a", "", "node_modules/a/x.js"},
		{"/.env node_modules !/node_modules/a/*.js", "", "node_modules/a/x.js"},
		{"/.env node_modules !*.js", "node_modules/a/x.js node_modules/b/y.js", ""},
		{"/.env node_modules !node_modules/**/y.js", "", "node_modules/b/y.js"},
		{"!.env .env node_modules", "", "index.html"},
		{"* !index.html", "", "index.html"},
		{"** !/*.html", "", "index.html"},
	} {
		dir := tree(t, map[string]string{
			"index.html": "", "a.txt": "", ".env": "", "node_modules/a/x.js": "", "node_modules/b/y.js": "", "node_modules/b/z.css": "",
		})
		files, err := Scan(t.Context(), Options{Dir: dir, Ignore: words(c.ignore)})
		var got []string
		var re *RefusedError
		if errors.As(err, &re) {
			for _, r := range re.Refusals {
				got = append(got, r.Path)
			}
		}
		if !slices.Equal(got, words(c.refused)) {
			t.Errorf("%s: refused %q, want %q (%v)", c.ignore, got, c.refused, err)
		}
		if c.present != "" && !slices.Contains(paths(files), c.present) {
			t.Errorf("%s: %s is missing from %q", c.ignore, c.present, paths(files))
		}
	}
}

func TestScanNeverPublishesState(t *testing.T) {
	for _, p := range []string{".pandastack/head", "a/.pandastack", ".PandaStack/x"} {
		dir := tree(t, map[string]string{"index.html": "", p: ""})
		for _, ignore := range [][]string{nil, {"!.pandastack"}, {"!.pandastack/"}, {"!/" + p}, {"!**"}} {
			_, err := Scan(t.Context(), Options{Dir: dir, Ignore: ignore})
			var re *RefusedError
			if !errors.As(err, &re) || re.Refusals[0].Include != "" || re.Refusals[0].Why != whyOwn {
				t.Errorf("%s with %q: %v", p, ignore, err)
			}
		}
		if _, err := Scan(t.Context(), Options{Dir: dir, Ignore: []string{".pandastack", ".PandaStack"}}); err != nil {
			t.Error(err)
		}
	}
	dir := tree(t, map[string]string{"index.html": "", ".pandastack/a": "", ".pandastack/b": ""})
	_, err := Scan(t.Context(), Options{Dir: dir, Ignore: []string{".pandastack", "!.pandastack/a"}})
	want := "refused to publish .pandastack/a: this name belongs to the deploy's own state"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A link does not launder a name.
func TestScanLinkToSecret(t *testing.T) {
	dir := tree(t, map[string]string{".env": "", "public.txt": "-> .env", "lib": "-> node_modules/a", "node_modules/a/x": ""})
	_, err := Scan(t.Context(), Options{Dir: dir, Ignore: []string{".env", "node_modules"}})
	want := "refused to publish 2 paths:" +
		"\n  lib/: it is a symbolic link to node_modules/a: it holds the dependencies of the build" +
		"\n  public.txt: it is a symbolic link to .env: environment files hold secrets"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	files, err := Scan(t.Context(), Options{Dir: dir, Ignore: words(".env node_modules !/lib/ !/public.txt")})
	if err != nil || !slices.Equal(paths(files), words("lib/x public.txt")) {
		t.Errorf("got %q, %v", paths(files), err)
	}
}

func TestScanRefusesNames(t *testing.T) {
	for name, want := range map[string]string{
		"a\xff.txt":    `refused to publish "a\xff.txt": its name is not valid UTF-8: rename it`,
		"a\\b.txt":     `refused to publish "a\\b.txt": a backslash in its name would be read as a slash: rename it`,
		"a\nb.txt":     `refused to publish "a\nb.txt": there is a control character in its name: rename it`,
		"a\x7f.txt":    `refused to publish "a\x7f.txt": there is a control character in its name: rename it`,
		"a\u0085b.txt": `refused to publish "a\u0085b.txt": there is a control character in its name: rename it`,
	} {
		dir := tree(t, map[string]string{"index.html": "", name: ""})
		_, err := Scan(t.Context(), Options{Dir: dir})
		var re *RefusedError
		if !errors.As(err, &re) || err.Error() != want || re.Refusals[0].Include != "" {
			t.Errorf("got  %v\nwant %s", err, want)
			continue
		}
		if valid := utf8.ValidString(name); valid != (re.Refusals[0].Ignore != "") || valid != (re.Hint() != "") {
			t.Errorf("%q: ignore %q, hint %q", name, re.Refusals[0].Ignore, re.Hint())
		}
		if out := re.Refusals[0].Ignore; out != "" {
			if _, err := Scan(t.Context(), Options{Dir: dir, Ignore: []string{out}}); err != nil {
				t.Errorf("%q does not leave it out: %v", out, err)
			}
		}
	}
}

func TestRefusedErrorIsCapped(t *testing.T) {
	files := map[string]string{}
	for i := range MaxRefusals + 5 {
		files[fmt.Sprintf("%02d/.env", i)] = ""
	}
	_, err := Scan(t.Context(), Options{Dir: tree(t, files)})
	var re *RefusedError
	if !errors.As(err, &re) || len(re.Refusals) != MaxRefusals || re.Total != MaxRefusals+5 {
		t.Fatalf("got %v", err)
	}
	s := err.Error()
	if !strings.HasPrefix(s, "refused to publish 25 paths:\n  00/.env: ") || !strings.HasSuffix(s, "\n  and 5 more") {
		t.Errorf("got %s", s)
	}
}

func TestRefusedErrorHint(t *testing.T) {
	dir := tree(t, map[string]string{".env": "", "[a]*.key": "", "gone": "-> x", ".git/config": ""})
	_, err := Scan(t.Context(), Options{Dir: dir})
	var re *RefusedError
	if !errors.As(err, &re) {
		t.Fatal(err)
	}
	want := `To leave out, set "ignore": ["/.env", "/.git/", "/\\[a\\]\\*.key", "/gone"]; ` +
		`to publish all the same, set "ignore": ["!/.env", "!/.git/", "!/\\[a\\]\\*.key"].`
	if got := re.Hint(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	files, err := Scan(t.Context(), Options{Dir: dir, Ignore: []string{"/gone", "!/.env", "!/.git/", `!/\[a\]\*.key`}})
	if err != nil || len(files) != 3 {
		t.Errorf("got %q, %v", paths(files), err)
	}
}

func TestSecretNamesAreLowerCase(t *testing.T) {
	for name := range maps.Keys(secretNames) {
		if name != strings.ToLower(name) {
			t.Errorf("%q never matches", name)
		}
	}
}
