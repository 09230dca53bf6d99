package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Generated is what a deploy of a generated manifest took: a list of files that
// do not exist, deployed to a storage that keeps records only. What is left is
// what grows with the number of files and not with their bytes: reading the live
// release, planning, and writing the new one.
type Generated struct {
	Files  int     `json:"files"`
	Step   string  `json:"step"`
	Wall   float64 `json:"wall"`   // seconds
	CPU    float64 `json:"cpu"`    // seconds
	Memory int64   `json:"memory"` // the most that was resident in the process, with the list, in bytes; 0: not known
	Record int64   `json:"record"` // of the release, as it is stored, in bytes
}

// GeneratedJob is what a process of its own does, so that its memory is that of
// the deploy alone.
type GeneratedJob struct {
	Files   int
	Step    string
	Dir     string // for the records, and for the result
	Seed    uint64
	Changed float64 // share of the files that StepChanged changes
}

// GeneratedEnv is the variable that holds a GeneratedJob as JSON. The test binary
// that finds it does this job, calls Report, and nothing else.
const GeneratedEnv = "PANDASTACK_BENCH_GENERATED"

// resultName is where a job leaves its figures, below its Dir.
const resultName = "result.json"

// Report writes what the job took to where the process that waits for it looks.
func (j GeneratedJob) Report(g Generated) error {
	g.Files, g.Step = j.Files, j.Step
	text, err := json.Marshal(g)
	return errors.Join(err, os.WriteFile(filepath.Join(j.Dir, resultName), text, 0o644))
}

// measureGenerated deploys a generated manifest of n files, each step in a
// process of its own.
func (b *bed) measureGenerated(n int) []Generated {
	b.Helper()
	dir := filepath.Join(b.dir, fmt.Sprint("generated-", n))
	defer removeAll(b, dir)
	if err := os.Mkdir(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	var all []Generated
	for _, step := range []string{StepCold, StepRebuild, StepChanged} {
		g, err := b.deployGenerated(GeneratedJob{Files: n, Step: step, Dir: dir, Seed: b.o.Seed, Changed: b.o.Changed})
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("%8d generated files %-8s %7.2f s, %6.2f s CPU, %4d MB, %.1f bytes for each file in the record", n, step, g.Wall, g.CPU, g.Memory/1e6, float64(g.Record)/float64(n))
		all = append(all, g)
	}
	return all
}

// deployGenerated runs this program once more, for one job.
func (b *bed) deployGenerated(j GeneratedJob) (g Generated, err error) {
	self, err := os.Executable()
	if err != nil {
		return g, err
	}
	job, err := json.Marshal(j)
	if err != nil {
		return g, err
	}
	u, err := execute(b.Context(), self, nil, append(os.Environ(), GeneratedEnv+"="+string(job)))
	if err != nil {
		return g, err
	}
	text, err := os.ReadFile(filepath.Join(j.Dir, resultName))
	if err != nil {
		return g, err
	}
	err = json.Unmarshal(text, &g)
	g.Memory = u.memory
	return g, err
}

// maxMemory is what a deploy of n files may take, in bytes.
func maxMemory(n int) float64 { return 60e6 + 400*float64(n) }

// maxRecord is what a file may take in the stored record, in bytes.
const maxRecord = 90

// generatedRatios compares the generated manifests with the targets.
func (r *Record) generatedRatios() []Ratio {
	var out []Ratio
	for _, g := range r.Generated {
		where := fmt.Sprintf("%s generated files: ", group(int64(g.Files)))
		if g.Memory > 0 {
			out = append(out, Ratio{What: where + g.Step + ", memory / (60 MB + 400 bytes for each file)", Value: float64(g.Memory) / maxMemory(g.Files), Limit: 1})
		}
		if g.Step != StepRebuild { // which writes none
			out = append(out, Ratio{What: where + g.Step + ", record / 90 bytes for each file", Value: float64(g.Record) / float64(g.Files) / maxRecord, Limit: 1})
		}
		for _, small := range r.Generated {
			if g.Step == StepRebuild && small.Step == g.Step && small.Files == g.Files/10 {
				out = append(out, Ratio{What: fmt.Sprintf("rebuild, CPU, %s generated files / %s", group(int64(g.Files)), group(int64(small.Files))), Value: g.CPU / small.CPU, Limit: 10})
			}
		}
	}
	return out
}

// generatedTable writes what the generated manifests took.
func (r *Record) generatedTable(b *strings.Builder) {
	if len(r.Generated) == 0 {
		return
	}
	b.WriteString("\n### Generated manifests\n\nDeploys of lists of files that do not exist, to a storage that keeps records only: no file is read, no request is sent. " +
		"Wall s / client CPU s / memory MB, and what a file takes in the stored record.\n\n")
	rows := [][]string{{"files", StepCold, StepRebuild, StepChanged, "record, bytes for each file", "memory, target MB"}}
	for _, g := range r.Generated {
		n := len(rows) - 1
		if g.Step == StepCold {
			rows = append(rows, []string{group(int64(g.Files)), "–", "–", "–", fmt.Sprintf("%.1f", float64(g.Record)/float64(g.Files)), megabytes(int64(maxMemory(g.Files)))})
			n++
		}
		for i, step := range []string{StepCold, StepRebuild, StepChanged} {
			if g.Step == step && n > 0 {
				rows[n][1+i] = seconds(g.Wall) + " / " + seconds(g.CPU) + " / " + megabytes(g.Memory)
			}
		}
	}
	table(b, rows)
}
