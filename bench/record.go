package bench

import (
	"cmp"
	"runtime"
	"slices"
)

// Record is all that a run measured. Its JSON is kept beside the page that is
// made from it.
type Record struct {
	Command  string            `json:"command"`
	Machine  Machine           `json:"machine"`
	Server   string            `json:"server"`
	Versions map[string]string `json:"versions"`
	Missing  []string          `json:"missing,omitempty"` // tools that are not installed
	Seed     uint64            `json:"seed"`
	Changed  float64           `json:"changed"` // share of files
	Program  Program           `json:"program"`
	Sites    []SiteFacts       `json:"sites"`
	Runs     []Sample          `json:"runs"`
	// Traffic has its figures from a pass of its own, whose times count
	// nothing.
	Traffic []Sample `json:"traffic"`
	Large   *Sample  `json:"large,omitempty"`
	// Generated are deploys of manifests without files, by their sizes and steps.
	Generated []Generated `json:"generated,omitempty"`
}

// Machine is what a reader has to know of the machine, and no more.
type Machine struct {
	System string  `json:"system"` // for example linux/amd64
	Cores  int     `json:"cores"`
	Memory int64   `json:"memory,omitempty"` // bytes; 0: not known
	Go     string  `json:"go"`
	Load   float64 `json:"load"` // of the last minute before the run; 0: none, or not known
}

// Program is what pandastack costs before it does anything.
type Program struct {
	Bytes int64   `json:"bytes"` // of the stripped binary
	Start float64 `json:"start"` // median of the seconds that `version` takes
}

// SiteFacts describes a generated site.
type SiteFacts struct {
	Files   int   `json:"files"`
	Bytes   int64 `json:"bytes"`
	Changed int   `json:"changed"` // files with other bytes in the second tree
	Renamed int   `json:"renamed"` // of these, with another name
	Deleted int   `json:"deleted"`
}

func thisMachine() Machine {
	m := Machine{System: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version()}
	m.describe()
	return m
}

// Case is what the samples of one median have in common.
type Case struct {
	Files int
	Delay float64 // seconds
	Tool  string
	Step  string
}

// Median returns the medians of a case's samples: of each figure by itself. A
// sample that failed or left a wrong bucket makes the whole case so. It returns
// false where there is no sample.
func (r *Record) Median(c Case) (Sample, bool) {
	var walls, cpus, memories []float64
	m := Sample{Files: c.Files, Delay: c.Delay, Tool: c.Tool, Step: c.Step}
	for _, s := range r.Runs {
		if (Case{s.Files, s.Delay, s.Tool, s.Step}) != c {
			continue
		}
		walls, cpus, memories = append(walls, s.Wall), append(cpus, s.CPU), append(memories, float64(s.Memory))
		m.Failed, m.Wrong, m.Workers = cmp.Or(m.Failed, s.Failed), cmp.Or(m.Wrong, s.Wrong), cmp.Or(m.Workers, s.Workers)
	}
	if walls == nil {
		return m, false
	}
	m.Wall, m.CPU, m.Memory = median(walls), median(cpus), int64(median(memories))
	return m, true
}

// good is Median for a case of which no sample failed or left a wrong bucket.
func (r *Record) good(c Case) (Sample, bool) {
	s, ok := r.Median(c)
	return s, ok && s.Failed == "" && s.Wrong == nil
}

// probing returns the median of the seconds that probes took, as far as a proxy
// saw them: in the pass that counts, or at a distance. 0: not known.
func (r *Record) probing(files int, delay float64) float64 {
	samples := r.Traffic
	if delay > 0 {
		samples = r.Runs
	}
	var all []float64
	for _, s := range samples {
		if s.Files == files && s.Delay == delay && s.Tool == Ours && s.Step == StepCold && s.Traffic != nil {
			all = append(all, s.Traffic.Probing)
		}
	}
	if all == nil {
		return 0
	}
	return median(all)
}

// median returns the middle value, or the mean of the two in the middle. It
// sorts the values, of which there is at least one.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// tools returns the tools that have samples of a site at a distance, in the
// order of Tools.
func (r *Record) tools(files int, delay float64) []string {
	var names []string
	for _, t := range Tools {
		if slices.ContainsFunc(r.Runs, func(s Sample) bool { return s.Tool == t.Name && s.Files == files && s.Delay == delay }) {
			names = append(names, t.Name)
		}
	}
	return names
}

// delays returns the delays that a site was measured with, in seconds.
func (r *Record) delays(files int) []float64 {
	var delays []float64
	for _, s := range r.Runs {
		if s.Files == files && !slices.Contains(delays, s.Delay) {
			delays = append(delays, s.Delay)
		}
	}
	slices.Sort(delays)
	return delays
}

// fastest returns the fastest of the others that left the bucket right.
func (r *Record) fastest(files int, delay float64, step string) (Sample, bool) {
	var best Sample
	found := false
	for _, tool := range r.tools(files, delay) {
		s, ok := r.good(Case{files, delay, tool, step})
		if ok && tool != Ours && (!found || s.Wall < best.Wall) {
			best, found = s, true
		}
	}
	return best, found
}
