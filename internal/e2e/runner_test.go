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

	"go.yaml.in/yaml/v3"
)

// runnerUser owns the workspace on the hosted runners of GitHub.
const runnerUser = 1001

// runner runs the image as the runner of GitHub Actions runs a container
// action. Source: actions/runner, ContainerActionHandler.cs and Handler.cs.
type runner struct {
	image string
	dir   string   // _work: its folders are mounted below /github
	owner int      // of all files
	more  []string // arguments of docker run
}

// newRunner makes the runner's folders, with the workspace as a work tree of
// git that has one commit.
func newRunner(t *testing.T, image, site string) *runner {
	t.Helper()
	r := &runner{image: image, dir: t.TempDir(), owner: runnerUser}
	for _, d := range []string{"home", "workflow", "runner_temp/" + fileCommands, "workspace"} {
		if err := os.MkdirAll(filepath.Join(r.dir, d), 0o755); err != nil {
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

// fileCommands is where the runner keeps the files for outputs and variables,
// below its directory for temporary files.
const fileCommands = "_runner_file_commands"

func (r *runner) workspace() string { return filepath.Join(r.dir, "workspace") }

// commands returns the directory of the files for outputs and variables.
func (r *runner) commands() string { return filepath.Join(r.dir, "runner_temp", fileCommands) }

// own gives all files to the owner.
func (r *runner) own(t *testing.T) {
	err := filepath.WalkDir(r.dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, r.owner, r.owner)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// step is what a step left.
type step struct {
	code    int // exit code
	log     string
	outputs map[string]string
	summary string
}

// run runs one step with the given inputs, which must end with the exit code.
func (r *runner) run(t *testing.T, code int, inputs map[string]string) step {
	t.Helper()
	cmd := docker(t, append([]string{"run", "--rm"}, r.args(t, inputs)...)...)
	log, err := cmd.CombinedOutput()
	s := step{code: cmd.ProcessState.ExitCode(), log: string(log), outputs: outputs(t, filepath.Join(r.commands(), "OUTPUT"))}
	if s.code != code {
		t.Fatalf("the step ended with %d (%v), not %d:\n%s", s.code, err, code, log)
	}
	summary, err := os.ReadFile(filepath.Join(r.commands(), "STEP_SUMMARY"))
	if err != nil {
		t.Fatal(err)
	}
	s.summary = string(summary)
	return s
}

// args returns what follows `docker run` for one step.
func (r *runner) args(t *testing.T, inputs map[string]string) []string {
	t.Helper()
	args := []string{"--workdir", "/github/workspace"}
	for name, value := range withDefaults(t, inputs) {
		args = append(args, "-e", "INPUT_"+strings.ToUpper(strings.ReplaceAll(name, " ", "_"))+"="+value)
	}
	for _, file := range []string{"OUTPUT", "ENV", "PATH", "STATE", "STEP_SUMMARY"} {
		name := filepath.Join(r.commands(), file)
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(name, r.owner, r.owner); err != nil {
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
	for _, d := range []string{"home", "workflow", "runner_temp", "workspace"} {
		args = append(args, "-v", filepath.Join(r.dir, d)+":/github/"+d)
	}
	args = append(args, r.more...)
	return append(args, "-v", r.commands()+":/github/file_commands", r.image)
}

// withDefaults adds what action.yml says of inputs that are not given: the
// runner hands over all of them.
func withDefaults(t *testing.T, inputs map[string]string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(repository, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Inputs map[string]struct{ Default string }
	}
	if err := yaml.Unmarshal(data, &action); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for name, in := range action.Inputs {
		all[name] = in.Default
	}
	for name, value := range inputs {
		if _, ok := all[name]; !ok {
			t.Fatalf("action.yml has no input %s", name)
		}
		all[name] = value
	}
	return all
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
