package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/pandastack-io/pandastack"

// rooms says which rooms of the module each room may import. What is not
// listed here does not exist: docs/architecture.md draws the same.
var rooms = map[string][]string{
	"":                                    {"internal/cli"},
	"internal/event":                      {},
	"internal/storage":                    {},
	"internal/cdn":                        {"internal/secret"},
	"internal/secret":                     {},
	"internal/pace":                       {},
	"internal/cdn/api":                    {"internal/cdn"},
	"internal/config":                     {"internal/storage"},
	"internal/site":                       {"internal/storage"},
	"internal/state":                      {"internal/storage"},
	"internal/plan":                       {"internal/site", "internal/state", "internal/storage"},
	"internal/build":                      {"internal/event", "internal/isolation"},
	"internal/isolation":                  {},
	"internal/framework":                  {"internal/build"},
	"internal/ci":                         {"internal/event", "internal/isolation", "internal/secret"},
	"internal/report":                     {"internal/event"},
	"internal/role":                       {},
	"internal/edge":                       {"internal/site", "internal/state", "internal/storage"},
	"internal/history":                    {"internal/plan", "internal/state", "internal/storage"},
	"internal/deploy":                     {"internal/cdn", "internal/event", "internal/history", "internal/pace", "internal/plan", "internal/site", "internal/state", "internal/storage"},
	"internal/cli":                        {"*"},
	"providers/s3":                        {"internal/storage"},
	"providers/local":                     {"internal/storage"},
	"providers/cloudflare":                {"internal/cdn"},
	"providers/cloudfront":                {"internal/cdn"},
	"providers/fastly":                    {"internal/cdn", "internal/cdn/api"},
	"providers/bunny":                     {"internal/cdn", "internal/cdn/api"},
	"providers/webhook":                   {"internal/cdn", "internal/cdn/api"},
	"internal/storage/storagetest":        {"internal/storage"},
	"internal/cdn/cdntest":                {"internal/cdn"},
	"internal/cdn/cdntest/cloudflarefake": {},
	"internal/cdn/cdntest/cloudfrontfake": {"internal/cdn", "internal/cdn/cdntest"},
	"internal/cdn/cdntest/fastlyfake":     {"internal/cdn", "internal/cdn/cdntest"},
	"internal/cdn/cdntest/bunnyfake":      {"internal/cdn", "internal/cdn/cdntest"},
	"internal/cdn/cdntest/webhookfake":    {"internal/cdn", "internal/cdn/cdntest"},
	"internal/testbed":                    {},
	"bench":                               {"internal/testbed"},
}

// onlyInTests are rooms that the program itself never links.
var onlyInTests = []string{
	"internal/storage/storagetest", "internal/testbed", "internal/cdn/cdntest", "bench",
	"internal/cdn/cdntest/cloudflarefake", "internal/cdn/cdntest/cloudfrontfake", "internal/cdn/cdntest/fastlyfake",
	"internal/cdn/cdntest/bunnyfake", "internal/cdn/cdntest/webhookfake",
}

// TestLayers holds the imports of every room, tests apart, to the table.
func TestLayers(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (name == "testdata" || strings.HasPrefix(d.Name(), ".") && name != ".") {
			return orSkip(err)
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		room := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(name)), ".")
		seen[room] = true
		allowed, ok := rooms[room]
		if !ok {
			t.Errorf("%s: no room %q; add it to rooms and to docs/architecture.md", name, room)
			return nil
		}
		for _, imported := range imports(t, name) {
			if slices.Contains(onlyInTests, imported) && !slices.Contains(onlyInTests, room) {
				t.Errorf("%s imports %s, which is for tests", name, imported)
			} else if !slices.Contains(allowed, "*") && !slices.Contains(allowed, imported) {
				t.Errorf("%s: %q may not import %q", name, room, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for room := range rooms {
		if !seen[room] {
			t.Errorf("the room %q is in the table, and not in the tree", room)
		}
	}
}

// TestNoTemplates keeps what looks methods up by name out of the program: it
// would keep the linker from leaving out the unused methods of the AWS SDK,
// which make it twice as large.
func TestNoTemplates(t *testing.T) {
	forbidden := regexp.MustCompile(`"(text|html)/template"|\.(SetVersionTemplate|SetUsageTemplate|SetHelpTemplate|AddStepSummaryTemplate)\(`)
	files := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		files++
		b, err := os.ReadFile(name)
		if found := forbidden.Find(b); found != nil {
			t.Errorf("%s uses %s", name, found)
		}
		return err
	})
	if err != nil || files < 50 {
		t.Fatalf("%d files: %v", files, err)
	}
}

func orSkip(err error) error {
	if err != nil {
		return err
	}
	return fs.SkipDir
}

// imports returns the rooms of this module that a file imports.
func imports(t *testing.T, name string) []string {
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range f.Imports {
		path, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if room, ok := strings.CutPrefix(path, module+"/"); ok {
			out = append(out, room)
		}
	}
	return out
}
