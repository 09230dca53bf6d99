package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// The steps that each tool goes through, one after the other, in a bucket that
// is empty at first.
const (
	StepCold     = "cold"
	StepRebuild  = "rebuild"  // the same bytes, every file with a new time
	StepChanged  = "changed"  // some files changed, renamed and deleted
	StepRollback = "rollback" // the first tree again
)

// Steps are the steps in their order.
var Steps = []string{StepCold, StepRebuild, StepChanged, StepRollback}

// Sample is one command that was measured, or one limit.
type Sample struct {
	Files  int     `json:"files"`
	Delay  float64 `json:"delay,omitempty"` // that was added to each request, in seconds
	Tool   string  `json:"tool"`
	Step   string  `json:"step"`
	Round  int     `json:"round"`
	Wall   float64 `json:"wall"`             // seconds
	CPU    float64 `json:"cpu,omitempty"`    // of the client, in seconds; 0: not known
	Memory int64   `json:"memory,omitempty"` // the most that was resident, in bytes; 0: not known
	// Workers is how many requests a limit had under way at once.
	Workers int `json:"workers,omitempty"`
	// Wrong says how the bucket is not the directory. Nil: it is.
	Wrong *Wrong `json:"wrong,omitempty"`
	// Failed is how the command ended, where it did not end well.
	Failed string `json:"failed,omitempty"`
	// Traffic is what went through the proxy. Nil: there was none.
	Traffic *Traffic `json:"traffic,omitempty"`
}

// lane is a way to the server.
type lane struct {
	*bed
	trees    *Trees
	endpoint string
	delay    time.Duration
	proxy    *testbed.CountingProxy // nil: straight to the server
	workers  int                    // the best for raw PUTs; 0: not found yet
	// smallWorkers is the best for small ones.
	smallWorkers int
}

// cycle takes one tool through all steps. It ends early where the tool fails.
func (l *lane) cycle(tool Tool, round int) []Sample {
	l.Helper()
	bucket := l.server.NewBucket(l)
	defer l.emptyBucket(bucket)
	scratch := filepath.Join(l.trees.Dir, "scratch")
	defer removeAll(l, scratch)
	if err := os.Mkdir(scratch, 0o755); err != nil {
		l.Fatal(err)
	}
	var samples []Sample
	for _, step := range Steps {
		tree := l.trees.First
		if step == StepChanged {
			tree = l.trees.Second
		}
		if step != StepCold {
			l.touch(tree)
		}
		j := Job{Dir: tree.Dir, Bucket: bucket, Endpoint: l.endpoint, Scratch: scratch, Server: l.server}
		s := l.step(tool, step, j)
		s.Round = round
		if s.Wrong = l.compare(bucket, tree); s.Wrong != nil && tool.Name == Ours {
			l.Errorf("%s, %s, %d files: the bucket is not the tree: %+v", tool.Name, step, s.Files, *s.Wrong)
		}
		samples = append(samples, s)
		if s.Failed != "" {
			break
		}
	}
	return samples
}

func (l *lane) touch(tree Tree) {
	l.Helper()
	if err := tree.Touch(); err != nil {
		l.Fatal(err)
	}
}

// step runs one command of a tool.
func (l *lane) step(tool Tool, step string, j Job) Sample {
	l.Helper()
	if tool.Prepare != nil {
		if err := tool.Prepare(j); err != nil {
			l.Fatal(err)
		}
	}
	args := tool.Args
	if step == StepRollback && tool.Rollback != nil {
		args = tool.Rollback
	}
	env := append(l.server.Env(), "HOME="+j.Scratch, "PATH="+os.Getenv("PATH"), "TMPDIR="+j.Scratch, "NO_PROXY=127.0.0.1", "AWS_EC2_METADATA_DISABLED=true")
	if tool.Env != nil {
		env = append(env, tool.Env(j)...)
	}
	if l.proxy != nil {
		l.proxy.Reset()
	}
	u, err := execute(l.Context(), tool.Program, args(j), env)
	s := Sample{Files: len(l.trees.First.Files), Delay: l.delay.Seconds(), Tool: tool.Name, Step: step, Wall: u.wall.Seconds(), CPU: u.cpu.Seconds(), Memory: u.memory}
	if l.proxy != nil {
		s.Traffic = summarize(l.proxy.Requests())
	}
	if err != nil {
		s.Failed = strings.TrimSpace(err.Error())
		l.Logf("%s, %s: %s", tool.Name, step, s.Failed)
		if tool.Name == Ours {
			l.Error("pandastack failed")
		}
	}
	l.Logf("%6d files, %3.0f ms, %-14s %-8s %7.2f s, %6.2f s CPU, %4d MB", s.Files, s.Delay*1000, s.Tool, s.Step, s.Wall, s.CPU, s.Memory/1e6)
	return s
}

// countRequests takes tools through the steps once more, with a proxy that
// counts. What that costs in time is not looked at.
func (b *bed) countRequests(trees *Trees, tools []Tool) []Sample {
	proxy := testbed.NewCountingProxy(b, b.server.Endpoint)
	counted := &lane{bed: b, trees: trees, endpoint: proxy.URL, proxy: proxy}
	var all []Sample
	for _, tool := range tools {
		all = append(all, counted.cycle(tool, 0)...)
	}
	return all
}

// measureLarge deploys a site with one file of a size that is far more than the
// memory that the deploy may take.
func (b *bed) measureLarge(size int64) *Sample {
	b.Helper()
	trees := &Trees{Dir: filepath.Join(b.dir, "large")}
	tree := Tree{Dir: filepath.Join(trees.Dir, "first"), Files: map[string]Content{}}
	big := filepath.Join(tree.Dir, "video.mp4")
	err := errors.Join(put(tree.Dir, "index.html", []byte("<!doctype html>\n")), put(tree.Dir, "video.mp4", nil), os.Truncate(big, size))
	defer removeAll(b, trees.Dir)
	for _, name := range []string{"index.html", "video.mp4"} {
		c, sumErr := contentOf(filepath.Join(tree.Dir, name))
		tree.Files[name] = c
		err = errors.Join(err, sumErr)
	}
	if err != nil {
		b.Fatal(err)
	}
	trees.First = tree
	l := &lane{bed: b, trees: trees, endpoint: b.server.Endpoint}
	bucket := b.server.NewBucket(b)
	defer b.emptyBucket(bucket)
	s := l.step(b.tools[0], fmt.Sprintf("one file of %d MiB", size>>20), Job{Dir: tree.Dir, Bucket: bucket, Endpoint: l.endpoint, Scratch: trees.Dir, Server: b.server})
	if s.Wrong = l.compare(bucket, tree); s.Wrong != nil {
		b.Errorf("the large file: %+v", *s.Wrong)
	}
	return &s
}
