//go:build bench

package bench

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// quick are the tools that do not take an hour for a large site.
const quick = "rclone, tuned;rclone, 128;hugo deploy, tuned;hugo deploy, 128;s5cmd sync;mc mirror"

var (
	files   = flag.String("files", "2000,10000,100000", "sizes of the sites")
	rounds  = flag.Int("rounds", 5, "how often each command runs")
	many    = flag.Int("many-rounds", 3, "the same for sites of more than 10,000 files")
	some    = flag.String("many-tools", quick, "tools for these, separated by semicolons; empty: all")
	tools   = flag.String("tools", "", "names of the tools beside pandastack, separated by semicolons; empty: all")
	seed    = flag.Uint64("seed", 1, "of the generated sites")
	changed = flag.Float64("changed", 0.01, "share of the files that change")
	delay   = flag.Duration("delay", 30*time.Millisecond, "added to each request in a pass of its own; 0: no such pass")
	far     = flag.String("delay-files", "2000", "sizes of the sites of that pass")
	remote  = flag.String("delay-tools", quick, "tools of that pass, separated by semicolons; empty: all")
	large   = flag.Int64("large", 0, "size of one large file, in bytes: its deploy is measured, too")
	made    = flag.String("generated", "", "sizes of generated manifests, which are deployed without files: 10000,100000,1000000; empty: none")
	out     = flag.String("out", "", "folder in which performance.json, .md and .svg are written; empty: none")
	publish = flag.String("page", "", "page whose marked part becomes the tables, and beside which the record and the plot are written")
)

// TestMeasure runs the benchmark.
func TestMeasure(t *testing.T) {
	o := Options{
		Files: numbers(t, *files), Rounds: *rounds, ManyRounds: *many, ManyTools: list(*some), Tools: list(*tools), Seed: *seed, Changed: *changed,
		Delay: *delay, DelayFiles: numbers(t, *far), DelayTools: list(*remote), Large: *large, Generated: numbers(t, *made), Command: commandLine(),
	}
	if *publish != "" { // not to find out after hours that it has no place
		insert(t, *publish, "")
	}
	r := Run(t, o)
	text := r.Markdown()
	t.Logf("\n%s", text)
	if *out != "" {
		write(t, *out, "performance.md", text)
		results(t, *out, r)
	}
	if *publish != "" {
		dir, name := filepath.Split(*publish)
		write(t, dir, name, insert(t, *publish, "\n"+text+"\n![Wall time of each tool](performance.svg)\n\n"))
		results(t, dir, r)
	}
}

// insert returns a page with text in its marked part.
func insert(t *testing.T, name, text string) string {
	t.Helper()
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := Insert(string(page), text)
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// results writes the record and the plot.
func results(t *testing.T, dir string, r *Record) {
	t.Helper()
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "performance.json", string(b)+"\n")
	write(t, dir, "performance.svg", r.SVG())
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// commandLine returns the command that runs the same, without the places that
// it wrote to.
func commandLine() string {
	words := []string{"go", "test", "-tags", "bench", "-timeout", "6h", "-v", "./bench"}
	var given []string
	flag.Visit(func(f *flag.Flag) {
		if strings.HasPrefix(f.Name, "test.") || f.Name == "out" || f.Name == "page" {
			return
		}
		given = append(given, "-"+f.Name+"="+quote(f.Value.String()))
	})
	if given != nil {
		words = append(append(words, "-args"), given...)
	}
	return strings.Join(words, " ")
}

// quote protects a value from the shell where that is needed.
func quote(value string) string {
	if strings.ContainsAny(value, "; ") || value == "" {
		return "'" + value + "'"
	}
	return value
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ";")
}

func numbers(t *testing.T, text string) []int {
	t.Helper()
	var out []int
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			t.Fatalf("%q is not a number of files", word)
		}
		out = append(out, n)
	}
	return out
}
