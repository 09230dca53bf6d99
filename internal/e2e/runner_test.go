//go:build e2e

package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runnerUser owns the workspace on the hosted runners of GitHub.
const runnerUser = 1001

// runner runs the image as the runner of GitHub Actions runs a container
// action. Source: actions/runner, ContainerActionHandler.cs and Handler.cs.
type runner struct {
	image string
	dir   string // _work: its folders are mounted below /github
}

// newRunner makes the runner's folders, with the workspace as a work tree of
// git that has one commit.
func newRunner(t *testing.T, image, site string) *runner {
	t.Helper()
	r := &runner{image: image, dir: t.TempDir()}
	for _, d := range []string{"home", "workflow", "file_commands", "runner_temp", "workspace"} {
		if err := os.Mkdir(filepath.Join(r.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(r.dir, "workflow", "event.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(r.workspace(), os.DirFS(filepath.Join(repository, "testdata", "sites", site))); err != nil {
		t.Fatal(err)
	}
	commit(t, r.workspace())
	r.own(t)
	return r
}

func (r *runner) workspace() string { return filepath.Join(r.dir, "workspace") }

// own gives all files to the runner's user.
func (r *runner) own(t *testing.T) {
	err := filepath.WalkDir(r.dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, runnerUser, runnerUser)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// step is what a step left.
type step struct {
	log     string
	outputs map[string]string
}

// run runs one step, which must succeed, with the given inputs.
func (r *runner) run(t *testing.T, inputs map[string]string) step {
	t.Helper()
	args := []string{"run", "--rm", "--workdir", "/github/workspace"}
	for name, value := range inputs {
		args = append(args, "-e", "INPUT_"+strings.ToUpper(strings.ReplaceAll(name, " ", "_"))+"="+value)
	}
	for _, file := range []string{"OUTPUT", "ENV", "PATH", "STATE", "STEP_SUMMARY"} {
		name := filepath.Join(r.dir, "file_commands", file)
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-e", "GITHUB_"+file+"=/github/file_commands/"+file)
	}
	for name, value := range map[string]string{
		"HOME": "/github/home", "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": "/github/workspace",
		"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": "/github/workflow/event.json", "GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main",
		"GITHUB_SHA": head(t, r.workspace()), "GITHUB_REPOSITORY": "owner/site", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_ACTOR": "octocat",
		"GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1", "RUNNER_OS": "Linux", "RUNNER_TEMP": "/github/runner_temp",
	} {
		args = append(args, "-e", name+"="+value)
	}
	for _, d := range []string{"home", "workflow", "file_commands", "runner_temp", "workspace"} {
		args = append(args, "-v", filepath.Join(r.dir, d)+":/github/"+d)
	}
	log := output(t, docker(t, append(args, r.image)...))
	return step{log, outputs(t, filepath.Join(r.dir, "file_commands", "OUTPUT"))}
}

// outputs reads GITHUB_OUTPUT: name=value, or name<<word, lines, word.
func outputs(t *testing.T, file string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for rest := string(b); rest != ""; {
		line, after, _ := strings.Cut(rest, "\n")
		rest = after
		if name, word, ok := strings.Cut(line, "<<"); ok {
			value, after, closed := strings.Cut(rest, "\n"+word+"\n")
			if !closed {
				t.Fatalf("%s: nothing ends %s", file, line)
			}
			out[name], rest = value, after
		} else if name, value, ok := strings.Cut(line, "="); ok {
			out[name] = value
		} else {
			t.Fatalf("%s: %q is no output", file, line)
		}
	}
	return out
}

// commit makes dir a work tree with one commit of all that is in it.
func commit(t *testing.T, dir string) {
	t.Helper()
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"}, {"add", "--all"},
		{"-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "commit", "--quiet", "--message", "The first page"},
	} {
		git(t, dir, args...)
	}
}

func head(t *testing.T, dir string) string { return git(t, dir, "rev-parse", "HEAD") }

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = environ("GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0="+abs, fmt.Sprintf("GIT_CEILING_DIRECTORIES=%s", filepath.Dir(abs)))
	return strings.TrimSpace(output(t, cmd))
}
