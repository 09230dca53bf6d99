package cli

import (
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// TestPromoteMeanwhile deploys the other site in the middle of a promote, on a
// real server and with real processes. Before the commit that is noticed:
// nothing is published, and what visitors see stays as it was. After it, the
// promoted release is live. A next promote publishes what is there by then.
func TestPromoteMeanwhile(t *testing.T) {
	t.Parallel()
	b := newCrashBed(t, testbed.MinIO(t))
	b.stage(t, 1)
	b.deployAll(t, 0)
	c := crashRun{version: 1, args: []string{"promote", "--from", "staging"}}
	start, staged, ledger := b.depot.read(t), b.staged.read(t), b.ledger
	b.ledger = ledger.clone()
	requests := b.requests(t, c, start)
	outcomes := map[string]int{}
	if promoteStride > 1 {
		requests = slices.DeleteFunc(requests, harmless)
	}
	for i, request := range requests {
		if i%promoteStride != 0 && i != len(requests)-1 { // the last comes after the commit
			continue
		}
		t.Run("at "+request, func(t *testing.T) {
			b.depot.restore(t, start)
			b.staged.restore(t, staged)
			b.ledger = ledger.clone()
			outcomes[b.promoteMeanwhile(t, c, request)]++
		})
	}
	t.Logf("%v", outcomes)
	for _, outcome := range []string{"noticed", "published"} {
		if outcomes[outcome] == 0 {
			t.Errorf("no promote was %s: %v", outcome, outcomes)
		}
	}
}

// promoteMeanwhile promotes, with a deploy of the other site at one of the
// requests, and says what came of it.
func (b *crashBed) promoteMeanwhile(t *testing.T, c crashRun, request string) (outcome string) {
	t.Helper()
	g := b.gate(0, nil)
	var deployed error
	g.faults = []*faultPoint{{request: request, kind: testbed.Fault{Name: "deploy", Serve: func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		deployed = b.restage(t, 2)
		forward.ServeHTTP(w, r)
	}}}}
	r := b.run(t, c.version, g, c.args...)
	if deployed != nil {
		t.Fatal(deployed)
	}
	b.wantStaged(t, 2)
	after := b.depot.read(t)
	switch {
	case r.code == exitOK && after.site()["index.html"] == b.sites[1]["index.html"]:
		outcome = "published"
		after.wantSite(t, b.sites[1])
	case r.code == exitOK: // the other site was not read yet
		outcome = "overtaken"
		after.wantSite(t, b.promoted(2))
	case r.code == exitLocked:
		outcome = "noticed"
		b.wantNoticed(t, r.output, after)
	default:
		t.Fatalf("it ended with %d:\n%s", r.code, r.output)
	}
	if r := b.run(t, c.version, b.gate(0, nil), c.args...); r.code != exitOK {
		t.Fatalf("the next one ended with %d:\n%s", r.code, r.output)
	}
	after = b.depot.read(t)
	after.wantSite(t, b.promoted(2))
	if left := after.wantState(t, b.depot.name); left != (strays{}) {
		t.Errorf("nothing refers to %v", left)
	}
	if stale := b.ledger.stale(b.base); len(stale) > 0 {
		t.Errorf("not purged since they changed:\n%s", strings.Join(stale, "\n"))
	}
	return outcome
}

// wantNoticed checks what a promote says that was too late, and that all that
// was live is still.
func (b *crashBed) wantNoticed(t *testing.T, output string, after contents) {
	t.Helper()
	const error, hint = "error: staging was deployed meanwhile: release ", "hint: Nothing was published. Run pandastack promote again"
	if !strings.Contains(output, "\n"+error) && !strings.HasPrefix(output, error) || !strings.Contains(output, "\n"+hint) {
		t.Errorf("it says\n%s", output)
	}
	for path, want := range b.sites[0] {
		if got := after[path]; got != want {
			t.Errorf("%s is %+v", path, got)
		}
	}
	if h := after.head(t, b.depot.name); h.Busy != nil {
		t.Errorf("it still holds the site: %+v", h)
	}
}

// promoted is what a version is after a promote by the rules of the second.
func (b *crashBed) promoted(version int) contents {
	v := variants[version]
	v.logo, v.data = variants[1].logo, variants[1].data
	return v.objects()
}

// restage deploys a version to staging, past the gate.
func (b *crashBed) restage(t *testing.T, version int) error {
	cmd := exec.CommandContext(t.Context(), b.program, "deploy", "--environment", "staging")
	cmd.Dir = b.projects[version]
	cmd.Env = append(b.server.Env(), "HOME="+t.TempDir(), "PANDASTACK_ENDPOINT="+b.server.Endpoint, raceOptions)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the deploy to staging: %w\n%s", err, out)
	}
	return nil
}
