package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

// TestRefusedOutputLeavesNothing refuses the first output of a site while, or
// after, the storage is tried out. A preview of it writes nothing at all.
func TestRefusedOutputLeavesNothing(t *testing.T) {
	t.Parallel()
	server := testbed.MinIO(t)
	writes := func(request string) bool { return strings.HasPrefix(request, "PUT ") }
	for _, tt := range []struct {
		name  string
		args  []string
		code  int
		tried bool
	}{
		{"the build fails", []string{"deploy", "--build-command", "sleep 1; exit 3"}, exitFailed, true},
		{"interrupted", []string{"deploy", "--build-command", "sleep 1; kill -INT $PPID; sleep 60"}, exitInterrupted, true},
		{"no output", []string{"deploy", "--build-command", "sleep 1", "--output-dir", "elsewhere"}, exitGuard, true},
		{"dry run", []string{"deploy", "--dry-run", "--build-command", "sleep 1"}, exitOK, false},
		{"plan", []string{"plan", "--build-command", "sleep 1"}, exitOK, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newCrashBed(t, server)
			r := b.run(t, 0, b.gate(0, nil), tt.args...)
			if r.code != tt.code {
				t.Errorf("it ended with %d, want %d:\n%s", r.code, tt.code, r.output)
			}
			if tried := slices.ContainsFunc(r.log, writes); tried != tt.tried {
				t.Errorf("tried out: %t, want %t:\n%s", tried, tt.tried, strings.Join(r.log, "\n"))
			}
			for key := range b.depot.read(t) {
				t.Errorf("left behind: %s", strings.TrimPrefix(key, state.Dir))
			}
		})
	}
}
