// Package bench measures pandastack beside other tools that publish a directory
// to object storage: generated sites, a real S3 server on this machine, and the
// physical limits of the same run. docs/performance.md says how to run it, and
// holds what it found.
//
// Only its own test, behind the build tag bench, runs it.
package bench

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// Options says what is measured.
type Options struct {
	Files  []int    // sizes of the sites
	Rounds int      // how often each command runs; the figures are medians
	Tools  []string // names of Tools; empty: all
	// ManyRounds and ManyTools are the same for sites of more than manyFiles,
	// where a command takes minutes.
	ManyRounds int
	ManyTools  []string
	Seed       uint64 // of the sites
	// Changed is the share of the files that the third step changes: 0.01.
	Changed float64
	// Delay is added to each request in a pass of its own. 0: no such pass.
	Delay time.Duration
	// DelayFiles and DelayTools are the part of Files and Tools of that pass.
	DelayFiles []int
	DelayTools []string
	// Large is the size of one file, in bytes, whose deploy is measured for its
	// memory. 0: none.
	Large int64
	// Generated are sizes of generated manifests that are deployed without
	// files. Empty: none.
	Generated []int
	Command   string // that measures the same, for the record
}

const (
	// manyFiles is the largest site that all tools publish.
	manyFiles = 10_000
	// slowFiles is the largest one that slow tools publish in all rounds, not
	// in the first alone.
	slowFiles = 2000
)

// Run measures all of it and returns the record. In the temporary directory it
// takes some four times the size of the largest site. It fails the test where
// the site that pandastack leaves is not the site that was generated.
func Run(t testing.TB, o Options) *Record {
	t.Helper()
	b := &bed{TB: t, o: o, dir: t.TempDir(), server: testbed.MinIO(t)}
	b.program = buildProgram(t, b.dir)
	b.tools = b.installed(o.Tools)
	r := &Record{Command: o.Command, Machine: thisMachine(), Seed: o.Seed, Changed: o.Changed, Server: "minio " + testbed.Version("minio"), Versions: b.versions, Missing: b.missing}
	r.Program = b.measureProgram()
	for _, n := range o.Files {
		b.measureSite(r, n)
	}
	for _, n := range o.Generated {
		r.Generated = append(r.Generated, b.measureGenerated(n)...)
	}
	if o.Large > 0 {
		r.Large = b.measureLarge(o.Large)
	}
	return r
}

// bed is what a run works with.
type bed struct {
	testing.TB
	o        Options
	dir      string // for all that is written
	program  string // ours
	server   *testbed.S3
	tools    []Tool
	versions map[string]string
	missing  []string // tools that are not installed here
}

// measureSite measures everything about a site of n files.
func (b *bed) measureSite(r *Record, n int) {
	trees, err := Site{Files: n, Seed: b.o.Seed, Changed: b.o.Changed}.Write(filepath.Join(b.dir, fmt.Sprint("site-", n)))
	if err != nil {
		b.Fatal(err)
	}
	defer removeAll(b, trees.Dir)
	r.Sites = append(r.Sites, SiteFacts{Files: n, Bytes: trees.Bytes(), Changed: trees.Changed, Renamed: trees.Renamed, Deleted: trees.Deleted})
	direct := &lane{bed: b, trees: trees, endpoint: b.server.Endpoint}
	rounds, tools := b.o.Rounds, b.tools
	if n > manyFiles {
		rounds, tools = b.o.ManyRounds, b.among(b.o.ManyTools)
	}
	for round := range rounds {
		r.Runs = append(r.Runs, direct.floors(round)...)
		for i := range tools { // another one begins in each round
			if tool := tools[(i+round)%len(tools)]; round == 0 || n <= slowFiles || !tool.Slow {
				r.Runs = append(r.Runs, direct.cycle(tool, round)...)
			}
		}
	}
	if n > slowFiles {
		tools = slices.DeleteFunc(slices.Clone(tools), func(t Tool) bool { return t.Slow }) // they send the same kinds
	}
	r.Traffic = append(r.Traffic, b.countRequests(trees, tools)...)
	if b.o.Delay > 0 && slices.Contains(b.o.DelayFiles, n) {
		r.Runs = append(r.Runs, b.measureDelayed(trees)...)
	}
}

// measureDelayed measures a site as one does who is far from the storage.
func (b *bed) measureDelayed(trees *Trees) []Sample {
	proxy := testbed.NewCountingProxy(b, b.server.Endpoint)
	far := &lane{bed: b, trees: trees, endpoint: proxy.URL, delay: b.o.Delay, proxy: proxy}
	tools := b.among(b.o.DelayTools)
	var all []Sample
	for round := range b.o.Rounds {
		all = append(all, far.proxyFloor(round))
		proxy.Around(delayed(b.o.Delay))
		all = append(all, far.floors(round)...)
		for i := range tools {
			all = append(all, far.cycle(tools[(i+round)%len(tools)], round)...)
		}
		proxy.Around(nil)
	}
	return all
}

// among returns the tools with the given names, and ours; all where no name is
// given.
func (b *bed) among(names []string) []Tool {
	var tools []Tool
	for _, t := range b.tools {
		if len(names) == 0 || t.Name == Ours || slices.Contains(names, t.Name) {
			tools = append(tools, t)
		}
	}
	return tools
}
