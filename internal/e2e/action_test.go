//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// TestImageAndAction builds the image and runs it as the Action: as the
// runner of GitHub starts a step, and in a workflow under act.
func TestImageAndAction(t *testing.T) {
	image := buildImage(t)
	s3 := startContainedS3(t, image)
	t.Run("image", func(t *testing.T) { testImage(t, image) })
	t.Run("runner", func(t *testing.T) { testRunner(t, image, s3) })
	t.Run("slim", func(t *testing.T) { testSlim(t, s3) })
	t.Run("hostile", func(t *testing.T) { testHostile(t, image, s3) })
	t.Run("cancelled", func(t *testing.T) { testCancelled(t, image, s3) })
	t.Run("plain", func(t *testing.T) { testPlain(t, image, s3) })
	t.Run("act", func(t *testing.T) { testAct(t, image, s3) })
}

func testImage(t *testing.T, image string) {
	config := strings.TrimSpace(output(t, docker(t, "inspect", "--format", "{{.Config.User}}|{{json .Config.Entrypoint}}|{{json .Config.Cmd}}", image)))
	if want := `|["/usr/local/bin/pandastack"]|null`; config != want && config != strings.Replace(want, "null", "[]", 1) {
		t.Errorf("user, entrypoint and command: %s", config)
	}
	if got, want := output(t, docker(t, "run", "--rm", image, "version")), "pandastack "+imageVersion+"\n"; got != want {
		t.Errorf("version: %q, want %q", got, want)
	}
	node := output(t, docker(t, "run", "--rm", "--entrypoint", "node", image, "--version"))
	if !strings.HasPrefix(node, "v24.") {
		t.Errorf("Node.js %s", node)
	}
	t.Logf("the image has %s bytes", strings.TrimSpace(output(t, docker(t, "inspect", "--format", "{{.Size}}", image))))
}

// testRunner deploys, and finds nothing to do.
func testRunner(t *testing.T, image string, s3 *containedS3) {
	r := newRunner(t, image, "action")
	first := r.run(t, 0, with(s3.inputs("runner/"), "report", "report.json"))
	if first.outputs["changed"] != "true" || len(first.outputs["release-id"]) != 26 || first.outputs["created"] == "0" {
		t.Errorf("outputs of the first run: %q\n%s", first.outputs, first.log)
	}
	if !strings.HasPrefix(first.summary, "## ✅ Deployed") || !strings.Contains(first.summary, "```mermaid") {
		t.Errorf("summary of the first run:\n%s", first.summary)
	}
	if report, err := os.ReadFile(filepath.Join(r.workspace(), first.outputs["report"])); err != nil || !strings.Contains(string(report), first.outputs["release-id"]) {
		t.Errorf("report %q: %v\n%s", first.outputs["report"], err, report)
	}
	for _, name := range []string{"index.html", "style.css"} {
		built, err := os.ReadFile(filepath.Join(r.workspace(), "dist", name))
		if err != nil {
			t.Fatal(err)
		}
		stored, err := os.ReadFile(filepath.Join(s3.dir, "runner", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(built) != string(stored) || name == "index.html" && !strings.Contains(string(built), "<title>The first page</title><p>Node v24") {
			t.Errorf("%s: built %q, stored %q", name, built, stored)
		}
	}
	own(t, r.dir, runnerUser)
	second := r.run(t, 0, s3.inputs("runner/"))
	if second.outputs["changed"] != "false" || second.outputs["release-id"] != first.outputs["release-id"] || second.outputs["bytes-uploaded"] != "0" {
		t.Errorf("outputs of the second run: %q after %q\n%s", second.outputs, first.outputs, second.log)
	}
	if !strings.HasPrefix(second.summary, "## ✅ Nothing to do") {
		t.Errorf("summary of the second run:\n%s", second.summary)
	}
	testRunnerFails(t, r, s3)
	testRunnerSuperseded(t, r, s3)
	for _, log := range []string{first.log, second.log} {
		// The masks themselves are the runner's to hide.
		for line := range strings.Lines(log) {
			if strings.Contains(line, s3.secretKey) && !strings.HasPrefix(line, "::add-mask::") {
				t.Errorf("the log shows the secret: %s", line)
			}
		}
	}
}

// testRunnerFails lets the build and the configuration fail: the step is red,
// and annotations, summary and outputs say why.
func testRunnerFails(t *testing.T, r *runner, s3 *containedS3) {
	failed := r.run(t, 1, with(s3.inputs("runner/"), "build-command", "echo ::error::forged; echo ::set-output name=changed::true; exit 7"))
	if failed.outputs["changed"] != "false" || failed.outputs["superseded"] != "false" {
		t.Errorf("outputs of a failed build: %q", failed.outputs)
	}
	if !strings.HasPrefix(failed.summary, "## ❌ Not deployed") || !strings.Contains(failed.summary, "exit code 7") {
		t.Errorf("summary of a failed build:\n%s", failed.summary)
	}
	if strings.Contains(failed.log, "\n::error::forged") || strings.Contains(failed.log, "\n::set-output") || !strings.Contains(failed.log, "\n::error::build command") {
		t.Errorf("log of a failed build:\n%s", failed.log)
	}
	invalid := r.run(t, 2, with(s3.inputs("runner/"), "environment", "nowhere"))
	if !strings.Contains(invalid.log, "::error::input environment: unknown environment") || !strings.Contains(invalid.summary, "unknown environment") {
		t.Errorf("log and summary of a wrong input:\n%s\n%s", invalid.log, invalid.summary)
	}
}

// testRunnerSuperseded deploys a newer commit, and then the older one again:
// that step is green, and publishes nothing.
func testRunnerSuperseded(t *testing.T, r *runner, s3 *containedS3) {
	older := head(t, r.workspace())
	git(t, r.workspace(), "-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "commit", "--quiet", "--allow-empty", "--message", "The second page")
	r.own(t)
	newer := r.run(t, 0, s3.inputs("runner/"))
	if newer.outputs["changed"] != "true" {
		t.Errorf("outputs of the newer run: %q\n%s", newer.outputs, newer.log)
	}
	git(t, r.workspace(), "checkout", "--quiet", older)
	r.own(t)
	late := r.run(t, 0, s3.inputs("runner/"))
	if late.outputs["superseded"] != "true" || late.outputs["changed"] != "false" {
		t.Errorf("outputs of the superseded run: %q", late.outputs)
	}
	if !strings.Contains(late.log, "\n::notice::a newer deploy of this site was here first") || !strings.HasPrefix(late.summary, "## ⏭️ Nothing published") {
		t.Errorf("log and summary of the superseded run:\n%s\n%s", late.log, late.summary)
	}
	page, err := os.ReadFile(filepath.Join(s3.dir, "runner", "index.html"))
	if err != nil || !strings.Contains(string(page), "The second page") {
		t.Errorf("the live page after a superseded run: %q, %v", page, err)
	}
}

// with returns the inputs with some more: names and values in turn.
func with(inputs map[string]string, more ...string) map[string]string {
	out := maps.Clone(inputs)
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

// workflow deploys twice and holds the outputs of both steps.
const workflow = `on: push
jobs:
  deploy:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: ./
        id: first
        with:
%[1]s      - run: test '${{ steps.first.outputs.changed }}' = true
      - uses: ./
        id: second
        with:
%[1]s          report: out/report.json
      - run: |
          test '${{ steps.second.outputs.changed }}' = false
          test '${{ steps.second.outputs.created }}' = 0
          test '${{ steps.second.outputs.requests }}' = 2
          test '${{ steps.second.outputs.release-id }}' = '${{ steps.first.outputs.release-id }}'
          grep -q '"result": "done"' '${{ steps.second.outputs.report }}'
      - uses: ./
        id: failing
        continue-on-error: true
        with:
%[1]s          build-command: exit 7
      - run: |
          test '${{ steps.failing.outcome }}' = failure
          test '${{ steps.failing.outputs.changed }}' = false
      - uses: ./
        id: plan
        with:
%[1]s          command: plan
          build: false
      - run: test '${{ steps.plan.outputs.release-id }}' = '${{ steps.first.outputs.release-id }}'
      - run: |
          git -c user.name=e2e -c user.email=e2e@example.com -c safe.directory='*' commit --quiet --allow-empty --message 'The second page'
      - uses: ./
        with:
%[1]s      - run: git -c safe.directory='*' checkout --quiet HEAD~1
      - uses: ./
        id: late
        with:
%[1]s      - run: |
          test '${{ steps.late.outcome }}' = success
          test '${{ steps.late.outputs.superseded }}' = true
          test '${{ steps.late.outputs.changed }}' = false
`

// testAct runs a workflow with `uses: ./`. act takes the image that is there
// under the name that it would give to its own build of the Dockerfile.
func testAct(t *testing.T, image string, s3 *containedS3) {
	const builtByAct = "act-dockeraction:latest"
	output(t, docker(t, "tag", image, builtByAct))
	tidy(t, "image", "rm", builtByAct)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(repository, "testdata", "sites", "action"))); err != nil {
		t.Fatal(err)
	}
	output(t, exec.Command("cp", filepath.Join(repository, "action.yml"), filepath.Join(repository, "Dockerfile"), dir))
	if err := os.MkdirAll(filepath.Join(dir, ".github", "workflows"), 0o755); err != nil {
		t.Fatal(err)
	}
	var with strings.Builder
	inputs := s3.inputs("act/")
	for _, name := range []string{"storage-provider", "endpoint", "bucket", "region", "prefix"} {
		fmt.Fprintf(&with, "          %s: %s\n", name, inputs[name])
	}
	with.WriteString("          aws-access-key-id: ${{ secrets.KEY_ID }}\n          aws-secret-access-key: ${{ secrets.KEY }}\n")
	text := fmt.Sprintf(workflow, with.String())
	if err := os.WriteFile(filepath.Join(dir, ".github", "workflows", "deploy.yml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	commit(t, dir)
	log := output(t, act(t, dir, image, "-s", "KEY_ID="+s3.accessKey, "-s", "KEY="+s3.secretKey))
	if strings.Contains(log, s3.secretKey) {
		t.Errorf("the log shows the secret:\n%s", log)
	}
	for _, said := range []string{"::notice::a newer deploy of this site was here first", "::error::build command"} {
		if !strings.Contains(log, said) {
			t.Errorf("the log does not show %s:\n%s", said, log)
		}
	}
	page, err := os.ReadFile(filepath.Join(s3.dir, "act", "index.html"))
	if err != nil || !strings.Contains(string(page), "The second page") {
		t.Errorf("the page that the workflow deployed: %q, %v", page, err)
	}
}

// act returns a command that runs the workflows of dir, with image for the
// job's own container.
func act(t *testing.T, dir, image string, args ...string) *exec.Cmd {
	t.Helper()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, "act"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "act", "actrc"), nil, 0o644); err != nil { // else it asks
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), testbed.Tool(t, "act"), append([]string{
		"push", "-P", "ubuntu-latest=" + image, "--pull=false", "--rebuild=false", "--no-cache-server", "--container-daemon-socket", "-",
	}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_CACHE_HOME=" + home}
	cmd.Env = append(cmd.Env, slices.DeleteFunc(os.Environ(), func(v string) bool { return !strings.HasPrefix(v, "DOCKER_") })...)
	return cmd
}
