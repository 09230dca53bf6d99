package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stage gives the projects an environment staging, in a bucket of its own and
// with other header rules, and deploys a version there.
func (b *crashBed) stage(t *testing.T, version int) {
	t.Helper()
	b.staged = newDepot(t, b.server)
	buckets := strings.NewReplacer(
		`"storage": {"provider": "minio"}`, fmt.Sprintf(`"storage": {"provider": "minio", "bucket": %q}`, b.depot.name),
		"\n"+`  "headers":`, fmt.Sprintf("\n"+`  "environments": {"staging": {"storage": {"bucket": %q}, "cdn": [],
    "headers": [{"source": "**", "headers": {"Cache-Control": "no-store"}}, {"source": "*.json", "headers": {"Content-Type": "text/plain"}}]}},
  "headers":`, b.staged.name),
	)
	for _, dir := range b.projects {
		name := filepath.Join(dir, "pandastack.json")
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(buckets.Replace(string(data))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := b.ledger.clone() // nobody visits it
	if r := b.run(t, version, b.gate(0, nil), "deploy", "--environment", "staging"); r.code != exitOK {
		t.Fatalf("the deploy to staging ended with %d:\n%s", r.code, r.output)
	}
	b.ledger = before
}

// wantStaged checks that staging has the files of a version, and is at rest:
// nothing that happens to the other site touches it.
func (b *crashBed) wantStaged(t *testing.T, version int) {
	t.Helper()
	have := b.staged.read(t)
	site := have.site()
	for path, o := range b.sites[version] {
		if got := site[path]; got.body != o.body || got.cacheControl != "no-store" {
			t.Errorf("staging has %s as %+v", path, got)
		}
	}
	if len(site) != len(b.sites[version]) {
		t.Errorf("staging has %d objects", len(site))
	}
	if left := have.wantState(t, b.staged.name); left != (strays{}) {
		t.Errorf("nothing refers to %v in staging", left)
	}
}
