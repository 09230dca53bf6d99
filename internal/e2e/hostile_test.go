//go:build e2e

package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/secret"
)

// lentUser builds where the workspace is root's: PANDASTACK_BUILD_UID of the
// Dockerfile.
const lentUser = 64646

// testHostile runs a build that is after everything, as the runner starts the
// Action: in a workspace of the runner's user, and in one of root's, as jobs in
// containers have.
func testHostile(t *testing.T, image string, s3 *containedS3) {
	t.Run("same user", func(t *testing.T) { testSameUser(t, image, s3) })
	for name, owner := range map[string]int{"runner": runnerUser, "root": 0} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t, image, "hostile")
			r.owner = owner
			r.plant(t)
			r.own(t)
			inputs := s3.inputs("hostile-" + name + "/")
			inputs["cloudflare-api-token"] = "planted-cloudflare-token"
			step := r.run(t, 0, inputs)
			if step.outputs["changed"] != "true" || len(step.outputs) < 3 {
				t.Errorf("outputs: %q\n%s", step.outputs, step.log)
			}
			builder := owner
			if owner == 0 {
				builder = lentUser
			}
			loot := r.published(t, s3, "hostile-"+name, "loot.txt")
			for _, want := range []string{fmt.Sprintf("user %d, groups %d\n", builder, builder), "NoNewPrivs:\t1\n"} {
				if !strings.Contains(loot, want) {
					t.Errorf("%q is missing in %s", want, loot)
				}
			}
			r.published(t, s3, "hostile-"+name, "late.txt")
			r.unharmed(t)
			for _, planted := range []string{s3.secretKey, s3.accessKey, "planted-cloudflare-token", "planted-in-home"} {
				r.unknown(t, planted, step.log, loot)
			}
			if !strings.Contains(step.log, "::warning::the checkout has left the job's token in .git, where the build can read it%0AAdd to the step of actions/checkout: with: {persist-credentials: false}.") {
				t.Errorf("nothing is said of the token in .git:\n%s", step.log)
			}
			textOnly(t, step.log)

			// The next run asks git for a commit that this does not have, and
			// would have to fetch in the way that the build has told it.
			r.forget(t)
			r.own(t)
			r.run(t, 0, inputs)
			ran, err := os.ReadFile(filepath.Join(r.workspace(), "ran"))
			if err != nil || !strings.HasPrefix(string(ran), fmt.Sprint(builder)) || slices.Contains(strings.Fields(string(ran)), "0") {
				t.Errorf("git ran what the build told it to as %q, %v", strings.Fields(string(ran)), err)
			}
			r.unharmed(t)
		})
	}
}

// testSameUser runs the same build where it has our own user, as where people
// start the container as themselves: the runner's files are in its reach, our
// memory and environment are not.
func testSameUser(t *testing.T, image string, s3 *containedS3) {
	r := newRunner(t, image, "hostile")
	r.more = []string{"--user", fmt.Sprintf("%d:%d", runnerUser, runnerUser)}
	container := r.start(t, s3.inputs("hostile-same/"))
	output(t, docker(t, "wait", container))
	log := output(t, docker(t, "logs", container))
	output(t, docker(t, "rm", "--force", container))
	loot := r.published(t, s3, "hostile-same", "loot.txt")
	if want := fmt.Sprintf("user %d, ", runnerUser); !strings.Contains(loot, want) {
		t.Errorf("%q is missing in %s", want, loot)
	}
	r.unknown(t, s3.secretKey, log, loot)
	r.unknown(t, s3.accessKey, log, loot)
	textOnly(t, log)
}

// plant leaves credentials where builds look for them: in root's home, and as
// actions/checkout does.
func (r *runner) plant(t *testing.T) {
	t.Helper()
	git(t, r.workspace(), "config", "http.https://github.com/.extraheader", "AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46dG9rZW4=")
	home := filepath.Join(r.dir, "root-aws")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	r.more = []string{"-v", home + ":/root/.aws:ro"}
	if err := os.WriteFile(filepath.Join(home, "credentials"), []byte("[default]\naws_secret_access_key = planted-in-home\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// forget makes the history new, and keeps what git was told.
func (r *runner) forget(t *testing.T) {
	t.Helper()
	dir := filepath.Join(r.workspace(), ".git")
	config, err := os.ReadFile(filepath.Join(dir, "config"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	commit(t, r.workspace())
	git(t, r.workspace(), "-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "commit", "--quiet", "--amend", "--message", "Another first page")
	write(t, filepath.Join(dir, "config"), string(config))
}

// published returns a file of the site as the bucket has it, which must be the
// one in the workspace: nothing has written to that since.
func (r *runner) published(t *testing.T, s3 *containedS3, prefix, name string) string {
	t.Helper()
	stored, err := os.ReadFile(filepath.Join(s3.dir, prefix, name))
	if err != nil {
		t.Fatal(err)
	}
	built, err := os.ReadFile(filepath.Join(r.workspace(), "dist", name))
	if err != nil {
		t.Fatal(err)
	}
	if string(built) != string(stored) {
		t.Errorf("%s: %d bytes were built, %d are stored", name, len(built), len(stored))
	}
	return string(stored)
}

// unharmed holds the runner's files to what they were: whose, with which mode,
// and holding nothing but outputs and the summary.
func (r *runner) unharmed(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(r.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if uid := int(info.Sys().(*syscall.Stat_t).Uid); uid != r.owner {
			t.Errorf("%s belongs to %d", name, uid)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{r.commands(), filepath.Dir(r.commands())} {
		if info, err := os.Stat(dir); err != nil || info.Mode() != fs.ModeDir|0o755 {
			t.Errorf("%s: %v, %v", dir, info.Mode(), err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(r.commands()))
	if err != nil || len(entries) != 1 {
		t.Errorf("the runner's directory holds %v, %v", entries, err)
	}
	for _, file := range []string{"ENV", "PATH", "STATE"} {
		if b, err := os.ReadFile(filepath.Join(r.commands(), file)); err != nil || len(b) > 0 {
			t.Errorf("%s: %q, %v", file, b, err)
		}
	}
}

// unknown fails the test where a secret is in a text in any form, other than in
// the runner's command that masks it.
func (r *runner) unknown(t *testing.T, planted string, texts ...string) {
	t.Helper()
	for _, form := range secret.Forms(planted) {
		for _, text := range texts {
			for line := range strings.Lines(text) {
				if strings.Contains(line, form) && !strings.HasPrefix(line, "::add-mask::") {
					t.Errorf("a secret is in %q", line)
				}
			}
		}
	}
}

// textOnly holds what a build printed to be text for the runner, which takes
// commands between two words that only it and the deploy know for text.
func textOnly(t *testing.T, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "forged") && (strings.HasPrefix(line, "::") || strings.HasPrefix(line, "##[")) && !strings.HasPrefix(line, "::group::") {
			t.Errorf("the build gave the command %q", line)
		}
	}
}

// start starts a step and returns the name of its container.
func (r *runner) start(t *testing.T, inputs map[string]string) string {
	t.Helper()
	return strings.TrimSpace(output(t, docker(t, append([]string{"run", "--detach"}, r.args(t, inputs)...)...)))
}

// cancel ends a step as the runner does: SIGINT, 7.5 seconds, SIGTERM, 2.5
// seconds, and no more patience. It returns the exit code and the log.
// Source: actions/runner, ProcessInvoker.cs.
func (r *runner) cancel(t *testing.T, container string) (code, log string) {
	t.Helper()
	ended := make(chan string, 1)
	go func() {
		out, _ := exec.Command("docker", "wait", container).Output() // its absence says it
		ended <- strings.TrimSpace(string(out))
	}()
	for _, s := range []struct {
		signal string
		wait   time.Duration
	}{{"INT", 7500 * time.Millisecond}, {"TERM", 2500 * time.Millisecond}, {"KILL", time.Minute}} {
		_ = docker(t, "kill", "--signal", s.signal, container).Run() // it may have ended
		select {
		case code = <-ended:
			log = output(t, docker(t, "logs", container))
			output(t, docker(t, "rm", "--force", container))
			return code, log
		case <-time.After(s.wait):
		}
	}
	t.Fatal("the container outlives SIGKILL")
	return "", ""
}
