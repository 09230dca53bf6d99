//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// TestRaces lets many deploys of different commits begin at once. One order
// comes out of it: the newest commit is live at the end, every other one was
// live before it or says that it came too late, and no release is lost.
func TestRaces(t *testing.T) {
	t.Parallel()
	program := buildProgram(t)
	for _, n := range []int{2, 5, 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			r := newRace(t, program, testbed.MinIO(t), n)
			for round := range 2 { // the first meets an empty bucket
				published := r.run(t)
				if len(published) == 0 {
					t.Fatal("nothing was published")
				}
				r.bucket.wantSite(t, r.newest().files(t), true)
				chain := r.bucket.chain(t)
				for _, id := range published {
					if !slices.Contains(chain, id) {
						t.Errorf("release %s was published and is not on the chain %v", id, chain)
					}
				}
				if h := r.bucket.head(t); h.Busy != nil || len(h.Doubt)+len(h.Suspects)+len(h.Owed) > 0 {
					t.Errorf("not at rest: %+v", h)
				}
				if round == 0 {
					r.advance(t)
				}
			}
		})
	}
}

// TestRacesOnLiars lets deploys meet where conditions do not hold. Which of
// them wins is not promised there, nor that the site is whole when all have
// ended; one more deploy makes it so, after a repair where the writers have torn
// the head itself.
func TestRacesOnLiars(t *testing.T) {
	t.Parallel()
	r := newRace(t, buildProgram(t), testbed.S3rver(t), 5)
	for round := range 2 {
		published := r.run(t)
		out := r.newest().mend(t)
		r.bucket.wantSite(t, r.newest().files(t), true)
		if round == 0 {
			r.advance(t)
			continue
		}
		if len(r.warned) < max(len(published), 1) {
			t.Errorf("%d deploys warned, of %d that wrote; the last one wrote:\n%s", len(r.warned), len(published), out)
		}
	}
}

// race is a bucket and clones of a repository, each at a commit of its own,
// oldest first.
type race struct {
	bucket *bucket
	origin string
	clones []*project
	commit int
	warned []int // exit codes of the runs of the last round that warned
}

func newRace(t *testing.T, program string, server *testbed.S3, n int) *race {
	t.Helper()
	r := &race{bucket: bucketOf(t, server), origin: t.TempDir()}
	git(t, r.origin, "init", "-q", "-b", "main")
	for range n {
		p := newProject(t, program, "plain", map[string]any{"storage": r.bucket.storage(prefix), "releases": map[string]any{"keep": 100}})
		p.env = server.Env()
		r.clones = append(r.clones, p)
	}
	output(t, exec.CommandContext(t.Context(), "cp", "-r", r.clones[0].dir+"/.", r.origin))
	for _, p := range r.clones {
		output(t, exec.CommandContext(t.Context(), "rm", "-rf", p.dir))
		git(t, r.origin, "clone", "-q", ".", p.dir)
	}
	r.advance(t)
	return r
}

// advance makes a commit for each clone. Each changes a page and an asset, and
// has a file of its own in place of the one before.
func (r *race) advance(t *testing.T) {
	t.Helper()
	origin := &project{dir: r.origin, output: "public"}
	var commits []string
	for range r.clones {
		r.commit++
		origin.write(t, "index.html", fmt.Sprintf("<title>%d</title>", r.commit))
		origin.write(t, "shared.js", fmt.Sprintf("%d()", r.commit))
		origin.write(t, fmt.Sprintf("only%d.html", r.commit), "<title>only</title>")
		if r.commit > 1 {
			origin.remove(t, fmt.Sprintf("public/only%d.html", r.commit-1))
		}
		git(t, r.origin, "add", "-A")
		git(t, r.origin, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", fmt.Sprint(r.commit))
		commits = append(commits, git(t, r.origin, "rev-parse", "HEAD"))
	}
	for i, p := range r.clones {
		git(t, p.dir, "fetch", "-q", "origin")
		git(t, p.dir, "checkout", "-q", "--detach", commits[i])
	}
}

func (r *race) newest() *project { return r.clones[len(r.clones)-1] }

// run deploys all clones at once and returns the releases that they published.
// The newest must succeed where conditions hold; the others may be too late.
func (r *race) run(t *testing.T) (published []string) {
	t.Helper()
	r.warned = nil
	reliable := r.bucket.server.Name == "minio"
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, p := range r.clones {
		wg.Go(func() {
			var out, errs bytes.Buffer
			cmd := exec.CommandContext(t.Context(), p.program, "deploy", "--json")
			cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.dir, environ(p.env...), &out, &errs
			err := cmd.Run()
			code := cmd.ProcessState.ExitCode()
			mu.Lock()
			defer mu.Unlock()
			if code != 0 && (code != 11 || reliable && i == len(r.clones)-1) && (reliable || !late(code, out.String()+errs.String())) {
				t.Errorf("deploy %d of %d: %v\n%s%s", i+1, len(r.clones), err, &out, &errs)
			}
			if strings.Contains(out.String()+errs.String(), strings.TrimPrefix(saysConditions, "warning: ")) {
				r.warned = append(r.warned, code)
			}
			if id := release(t, out.Bytes()); code == 0 && id != "" {
				published = append(published, id)
			}
		})
	}
	wg.Wait()
	t.Logf("%d of %d were published", len(published), len(r.clones))
	return published
}

// mend deploys. Where the head cannot be read, it does what that says, and
// deploys again.
func (p *project) mend(t *testing.T) string {
	t.Helper()
	try := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), p.program, args...)
		cmd.Dir, cmd.Env = p.dir, environ(append(slices.Clone(p.env), "CI=true")...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := try("deploy")
	if err != nil && strings.Contains(out, "the head is corrupt") {
		repaired, _ := try("verify", "--repair") // what has no bytes is for the deploy
		t.Logf("verify --repair:\n%s", repaired)
		out, err = try("deploy")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// late reports whether a deploy that met another one, where conditions do not
// hold, may end so: it lost the head before its deletions (3), found the
// other's objects (4), lost the head after it had begun to overwrite (5), or
// could not read a head that two had written at once (1).
func late(code int, said string) bool {
	return code >= 3 && code <= 5 || code == 1 && strings.Contains(said, "the head is corrupt")
}

// release returns the id of the release that a run published, by its JSON
// lines; empty where it published none.
func release(t *testing.T, lines []byte) string {
	t.Helper()
	for line := range bytes.Lines(lines) {
		var e struct {
			Event, Release string
			Changed        bool
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		if e.Event == "finished" && e.Changed {
			return e.Release
		}
	}
	return ""
}

// chain returns the live release and those that are kept beside it.
func (b *bucket) chain(t *testing.T) []string {
	t.Helper()
	live := b.record(t, b.head(t).Live)
	chain := append(slices.Clone(live.History), live.ID)
	for i := 1; i < len(chain); i++ {
		if parent := b.record(t, chain[i]).Parent; parent != chain[i-1] {
			t.Errorf("the parent of %s is %s, and not %s", chain[i], parent, chain[i-1])
		}
	}
	return chain
}
