package report

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/event"
)

// stopwatch returns a clock that stands still until it is moved.
func stopwatch() (now func() time.Time, move func(time.Duration)) {
	t := time.Date(2026, 11, 22, 9, 0, 0, 0, time.FixedZone("CET", 3600))
	return func() time.Time { return t }, func(d time.Duration) { t = t.Add(d) }
}

func TestRecorderTimesPhases(t *testing.T) {
	now, move := stopwatch()
	r := NewRecorder(now)
	move(time.Second)
	r.Emit(event.PhaseStarted{Phase: event.Build, Detail: "npm run build"})
	r.Emit(event.Output{Phase: event.Build, Line: "forgotten"})
	move(2 * time.Second)
	r.Emit(event.PhaseDone{Phase: event.Build, Elapsed: 2 * time.Second, Detail: "built"})
	r.Emit(event.PhaseDone{Phase: event.Commit, Elapsed: time.Second})
	r.Emit(event.PhaseStarted{Phase: event.Upload})
	move(4 * time.Second)
	got := r.Record()
	want := []PhaseTime{
		{Phase: event.Build, Offset: time.Second, Elapsed: 2 * time.Second, Detail: "built"},
		{Phase: event.Commit, Offset: 2 * time.Second, Elapsed: time.Second},
		{Phase: event.Upload, Offset: 3 * time.Second, Elapsed: 4 * time.Second, Unfinished: true},
	}
	if diff := cmp.Diff(want, got.Phases); diff != "" {
		t.Error(diff)
	}
	if got.Elapsed != 7*time.Second || got.Started.Format(time.RFC3339) != "2026-11-22T08:00:00Z" {
		t.Errorf("%s since %s", got.Elapsed, got.Started)
	}
}

// TestRecorderKeepsTheEnd: of the output of a command that fails, without
// control sequences.
func TestRecorderKeepsTheEnd(t *testing.T) {
	r := NewRecorder(time.Now)
	r.Emit(event.PhaseStarted{Phase: event.Build})
	for i := range 100 {
		r.Emit(event.Output{Phase: event.Build, Line: fmt.Sprintf("\x1b[31mline %d\x1b[0m", i)})
		r.Emit(event.Output{Phase: event.Build, Line: " "})
	}
	r.Emit(event.Output{Phase: event.Build, Line: strings.Repeat("é", 1000)})
	r.Emit(event.Output{Phase: event.Install, Line: "no such phase"})
	tail := r.Record().Phases[0].Tail
	if len(tail) != 20 || tail[0] != "line 81" || tail[18] != "line 99" || tail[19] != strings.Repeat("é", 299)+"…" {
		t.Errorf("%q", tail)
	}
}

// TestRecorderKeepsBothReceipts: of a release that was taken back, and of what
// is live then.
func TestRecorderKeepsBothReceipts(t *testing.T) {
	r := NewRecorder(time.Now)
	r.Emit(event.Finished{Release: "bad"})
	r.Emit(event.Finished{Release: "good"})
	r.Emit(event.Message{Severity: event.Debug, Text: "x"})
	got := r.Record()
	if got.Withdrawn.Release != "bad" || got.Finished.Release != "good" || len(got.Messages) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestRecorderIsSafe(t *testing.T) {
	r := NewRecorder(time.Now)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				everything(r)
				r.Record()
			}
		})
	}
	wg.Wait()
	if got := len(r.Record().Messages); got != 800 {
		t.Errorf("%d messages", got)
	}
}

func TestCost(t *testing.T) {
	rec := bare()
	for _, tt := range []struct {
		provider, command string
		planned           event.Planned
		want              *Cost
	}{
		{"s3", "rollback", event.Planned{}, nil},
		{"local", "deploy", event.Planned{Kept: 3, TotalBytes: 9}, &Cost{Sync: map[string]int64{"LIST": 1, "PUT": 3}, SyncBytes: 9}},
		{"s3", "deploy", event.Planned{Created: 1, Updated: 2, Headers: 3, Kept: 2000, Deleted: 4}, &Cost{
			Sync:  map[string]int64{"LIST": 3, "PUT": 2006, "DELETE": 4},
			Price: &Price{USD: 0.0000658, SyncUSD: 0.010045, Basis: "S3 Standard, us-east-1", Source: "https://aws.amazon.com/s3/pricing/", Date: "2026-11"},
		}},
		{"r2", "deploy", event.Planned{Created: 1000}, &Cost{
			Sync:  map[string]int64{"LIST": 1, "PUT": 1000},
			Price: &Price{USD: 0.00005922, SyncUSD: 0.0045045, Basis: "R2 Standard, beyond the free ones", Source: "https://developers.cloudflare.com/r2/pricing/", Date: "2026-11"},
		}},
	} {
		rec.Provider, rec.Command, rec.Planned, rec.Finished = tt.provider, tt.command, &tt.planned, &event.Finished{}
		rec.Requests = map[string]int64{"GET": 1, "HEAD": 1, "PUT": 10, "COPY": 1, "POST": 1, "LIST": 1, "DELETE": 9}
		if diff := cmp.Diff(tt.want, cost(rec)); diff != "" {
			t.Errorf("%s %s: %s", tt.command, tt.provider, diff)
		}
	}
}
