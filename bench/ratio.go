package bench

import (
	"fmt"
	"slices"
)

// Ratio is one figure of pandastack over another of the same run, and what it
// should stay below.
type Ratio struct {
	What  string
	Value float64
	Limit float64
}

// Holds reports whether the ratio is within its limit.
func (r Ratio) Holds() bool { return r.Value <= r.Limit }

// Ratios returns those that the run has the figures for.
func (r *Record) Ratios() []Ratio {
	var out []Ratio
	for _, s := range r.Sites {
		for _, delay := range r.delays(s.Files) {
			out = append(out, r.ratios(s, delay)...)
		}
	}
	return slices.Concat(out, r.generatedRatios(), r.growth())
}

// ratios returns those of one site at one distance.
func (r *Record) ratios(s SiteFacts, delay float64) []Ratio {
	get := func(tool, step string) (Sample, bool) { return r.good(Case{s.Files, delay, tool, step}) }
	where := fmt.Sprintf("%s files", group(int64(s.Files)))
	if delay > 0 {
		where += fmt.Sprintf(", %.0f ms", delay*1000)
	}
	var out []Ratio
	add := func(what string, value float64, limit float64) {
		out = append(out, Ratio{What: where + ": " + what, Value: value, Limit: limit})
	}
	// Hashing is this machine's own work: it is the same at any distance.
	hash, hasHash := r.good(Case{s.Files, 0, Limit, LimitHash})
	trip, hasTrip := get(Limit, LimitTrip)
	if ours, ok := get(Ours, StepRebuild); ok && hasHash && hasTrip {
		if delay == 0 {
			add("rebuild, wall / (1.25 × (walk + SHA-256) + 2 round trips)", ours.Wall/(1.25*hash.Wall+2*trip.Wall), 1)
		} else {
			add("rebuild, wall / (walk + SHA-256 + 3 round trips)", ours.Wall/(hash.Wall+3*trip.Wall), 1)
		}
	}
	for _, step := range []struct {
		name  string
		limit float64
	}{{StepCold, 1}, {StepRebuild, 1.0 / 3}, {StepChanged, 0.5}} {
		ours, ok := get(Ours, step.name)
		if peer, found := r.fastest(s.Files, delay, step.name); ok && found {
			add(fmt.Sprintf("%s, wall / the fastest peer's (%s)", step.name, peer.Tool), ours.Wall/peer.Wall, step.limit)
		}
	}
	if ours, ok := get(Ours, StepCold); ok && delay == 0 {
		if raw, found := get(Limit, LimitPut); found {
			add("cold, wall / raw PUTs", ours.Wall/raw.Wall, 1.15)
		}
		if checked, found := get(Limit, LimitChecked); found {
			add("cold, wall / (SHA-256, then checked PUTs)", ours.Wall/checked.Wall, 1.15)
		}
		if peer, found := get("s5cmd sync", StepCold); found && peer.CPU > 0 {
			add("cold, client CPU / s5cmd's", ours.CPU/peer.CPU, 0.5)
		}
		add("cold, memory / (60 MB + 400 bytes for each file)", float64(ours.Memory)/maxMemory(s.Files), 1)
	}
	if ours, ok := get(Ours, StepRollback); ok && s.Changed >= smallPuts/2 { // for fewer, what a rollback costs at all is most of it
		if small, found := get(Limit, LimitSmallPuts); found {
			add("rollback, wall / 2 small PUTs for each changed file", ours.Wall/(2*small.Wall*float64(s.Changed)/smallPuts), 1)
		}
	}
	return out
}

// growth compares the rebuild of the largest site with that of one a tenth as
// large.
func (r *Record) growth() []Ratio {
	var out []Ratio
	for _, s := range r.Sites {
		large, ok := r.good(Case{s.Files, 0, Ours, StepRebuild})
		small, found := r.good(Case{s.Files / 10, 0, Ours, StepRebuild})
		if ok && found {
			out = append(out, Ratio{What: fmt.Sprintf("rebuild, %s files / %s files", group(int64(s.Files)), group(int64(s.Files/10))), Value: large.Wall / small.Wall, Limit: 10})
		}
	}
	return append(out,
		Ratio{What: "binary / 20 MB", Value: float64(r.Program.Bytes) / 20e6, Limit: 1},
		Ratio{What: "start of `version` / 15 ms", Value: r.Program.Start / 0.015, Limit: 1})
}
