package bench

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// example is a record with every kind of cell.
func example(t *testing.T) *Record {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "record.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestMarkdown(t *testing.T) { golden(t, "tables.md", example(t).Markdown()) }

func TestSVG(t *testing.T) {
	svg := example(t).SVG()
	golden(t, "plot.svg", svg)
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if (&Record{}).SVG() != "" {
		t.Error("a plot of nothing")
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), -update rewrites it:\n%s", name, diff)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.values, got, c.want)
		}
	}
}

// TestMedianKeepsWhatWentWrong: one bad round of five is a bad case.
func TestMedianKeepsWhatWentWrong(t *testing.T) {
	r := &Record{Runs: []Sample{
		{Tool: "a", Step: "s", Wall: 1, CPU: 4, Memory: 10},
		{Tool: "a", Step: "s", Wall: 2, CPU: 5, Memory: 30, Wrong: &Wrong{Stale: 1}},
		{Tool: "a", Step: "s", Wall: 9, CPU: 6, Memory: 20, Failed: "exit status 1"},
		{Tool: "a", Step: "s", Wall: 5, Delay: 1},
		{Tool: "a", Step: "s", Wall: 5, Files: 1},
		{Tool: "b", Step: "s", Wall: 5},
	}}
	want := Sample{Tool: "a", Step: "s", Wall: 2, CPU: 5, Memory: 20, Wrong: &Wrong{Stale: 1}, Failed: "exit status 1"}
	if got, ok := r.Median(Case{Tool: "a", Step: "s"}); !ok || !cmp.Equal(got, want) {
		t.Errorf("got %+v, %v", got, ok)
	}
	if _, ok := r.Median(Case{Tool: "c", Step: "s"}); ok {
		t.Error("a median of nothing")
	}
}

func TestRatios(t *testing.T) {
	got := map[string]Ratio{}
	for _, x := range example(t).Ratios() {
		got[x.What] = x
	}
	for what, want := range map[string]Ratio{
		"10,000 files: rebuild, wall / (1.25 × (walk + SHA-256) + 2 round trips)": {Value: 0.3 / (1.25*0.2 + 2*0.001), Limit: 1},
		// The fastest of those that left the bucket right: mc was faster.
		"10,000 files: rebuild, wall / the fastest peer's (rclone, tuned)":             {Value: 0.3 / 1.2, Limit: 1.0 / 3},
		"10,000 files: cold, wall / raw PUTs":                                          {Value: 6.0 / 5, Limit: 1.15},
		"10,000 files: cold, wall / (SHA-256, then checked PUTs)":                      {Value: 6.0 / 5.5, Limit: 1.15},
		"10,000 files: cold, client CPU / s5cmd's":                                     {Value: 4.0 / 16, Limit: 0.5},
		"10,000 files: cold, memory / (60 MB + 400 bytes for each file)":               {Value: 48e6 / 64e6, Limit: 1},
		"10,000 files: rollback, wall / 2 small PUTs for each changed file":            {Value: 0.5 / (2 * 0.5), Limit: 1},
		"10,000 files, 30 ms: rebuild, wall / (walk + SHA-256 + 3 round trips)":        {Value: 0.35 / (0.2 + 3*0.03), Limit: 1},
		"rebuild, 10,000 files / 1,000 files":                                          {Value: 0.3 / 0.05, Limit: 10},
		"10,000 generated files: cold, memory / (60 MB + 400 bytes for each file)":     {Value: 48e6 / 64e6, Limit: 1},
		"10,000 generated files: rebuild, memory / (60 MB + 400 bytes for each file)":  {Value: 32e6 / 64e6, Limit: 1},
		"10,000 generated files: cold, record / 90 bytes for each file":                {Value: 60. / 90, Limit: 1},
		"100,000 generated files: cold, record / 90 bytes for each file":               {Value: 99. / 90, Limit: 1},
		"100,000 generated files: cold, memory / (60 MB + 400 bytes for each file)":    {Value: 1.25, Limit: 1},
		"100,000 generated files: changed, memory / (60 MB + 400 bytes for each file)": {Value: 1, Limit: 1},
		"100,000 generated files: changed, record / 90 bytes for each file":            {Value: 60. / 90, Limit: 1},
		"rebuild, CPU, 100,000 generated files / 10,000":                               {Value: 8, Limit: 10},
		"binary / 20 MB":             {Value: 0.8, Limit: 1},
		"start of `version` / 15 ms": {Value: 0.5, Limit: 1},
	} {
		x, ok := got[what]
		if !ok || math.Abs(x.Value-want.Value) > 1e-9 || x.Limit != want.Limit {
			t.Errorf("%s: got %+v, want %+v", what, x, want)
		}
	}
	if (Ratio{Value: 1.01, Limit: 1}).Holds() || !(Ratio{Value: 1, Limit: 1}).Holds() {
		t.Error("a limit is not where it is")
	}
}

// TestRatiosOfFailures: what failed is compared with nothing.
func TestRatiosOfFailures(t *testing.T) {
	r := example(t)
	r.Generated = nil // these end the benchmark where they fail
	for i := range r.Runs {
		if r.Runs[i].Tool == Ours && r.Runs[i].Step == StepCold {
			r.Runs[i].Failed = "exit status 1"
		} else if r.Runs[i].Tool == Ours {
			r.Runs[i].Wrong = &Wrong{Missing: 1}
		}
	}
	for _, x := range r.Ratios() {
		if x.What != "binary / 20 MB" && x.What != "start of `version` / 15 ms" {
			t.Errorf("a wrong result is measured: %+v", x)
		}
	}
}

func TestInsert(t *testing.T) {
	const page = "# Before\n\n<!-- bench: begin -->\nold\n<!-- bench: end -->\n\nafter\n"
	once, err := Insert(page, "new\n")
	if err != nil || once != strings.Replace(page, "old", "new", 1) {
		t.Errorf("got %q, %v", once, err)
	}
	for _, bad := range []string{"", "<!-- bench: begin -->\n", "<!-- bench: end -->\n<!-- bench: begin -->\n"} {
		if _, err := Insert(bad, "new\n"); !errors.Is(err, errMarks) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestPage keeps a place for the results in the page of the documentation.
func TestPage(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "docs", "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Insert(string(b), "x\n"); err != nil {
		t.Error(err)
	}
}

// TestProbing: the time from the first probe's beginning to the last one's end,
// and the median of several rounds.
func TestProbing(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	request := func(path string, begun, ended int) testbed.Request {
		return testbed.Request{Method: "PUT", Path: path, Begun: at(begun), Ended: at(ended)}
	}
	got := summarize([]testbed.Request{
		request("/b/.pandastack/head", 1, 2), request("/b/.pandastack/probe/a", 4, 9), request("/b/.pandastack/probe/b", 3, 5), request("/b/x", 10, 20),
	})
	if got.Probing != 6 {
		t.Errorf("%v seconds", got.Probing)
	}
	cold := func(delay, seconds float64) Sample {
		return Sample{Files: 1, Delay: delay, Tool: Ours, Step: StepCold, Traffic: &Traffic{Probing: seconds}}
	}
	r := &Record{Runs: []Sample{cold(0.03, 2), cold(0.03, 9), cold(0.03, 3), {Files: 1, Tool: Ours, Step: StepCold}}, Traffic: []Sample{cold(0, 1)}}
	if near, far := r.probing(1, 0), r.probing(1, 0.03); near != 1 || far != 3 || r.probing(2, 0) != 0 {
		t.Errorf("%v and %v seconds", near, far)
	}
}

func TestSummarize(t *testing.T) {
	request := func(method, target, source string) testbed.Request {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		r := testbed.Request{Method: method, Path: u.EscapedPath(), Query: u.Query(), Header: http.Header{}, Sent: 10, Received: 1}
		if source != "" {
			r.Header.Set("X-Amz-Copy-Source", source)
		}
		return r
	}
	got := summarize([]testbed.Request{
		request("PUT", "/b/index.html", ""), request("PUT", "/b/a/b?x-id=PutObject", ""), request("PUT", "/b/a/b", "b/c"),
		request("GET", "/b/a/b", ""), request("GET", "/b/?list-type=2&prefix=", ""), request("GET", "/b?prefix=x", ""), request("GET", "/b/", ""), request("GET", "/b/?location=", ""),
		request("HEAD", "/b/a", ""), request("DELETE", "/b/a", ""), request("POST", "/b?delete=", ""),
		request("POST", "/b/big?uploads=", ""), request("PUT", "/b/big?partNumber=1&uploadId=x", ""),
		request("PUT", "/b/.pandastack/probe/x", ""), request("GET", "/b?list-type=2&prefix=.pandastack%2Fprobe%2F", ""), request("PUT", "/b/.pandastack/head", ""),
	})
	want := &Traffic{Sent: 160, Received: 16, Requests: map[string]int{"PUT": 3, "COPY": 1, "GET": 2, "LIST": 3, "HEAD": 1, "DELETE": 1, "BATCH": 1, "PART": 2, "PROBE": 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
