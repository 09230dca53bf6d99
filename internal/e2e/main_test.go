//go:build e2e

// Package e2e runs the real program on real sites, against real servers, a
// real container engine and an emulated workflow runner. .ci/run prepares what
// it needs: npm, git, and a container engine.
package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "pandastack-e2e-")
	if err != nil {
		panic(err)
	}
	built.path = filepath.Join(dir, "pandastack")
	code := testbed.Run(m)
	os.RemoveAll(dir)
	os.Exit(code)
}

// built is the program, once for all tests.
var built struct {
	path string
	once sync.Once
}

// buildProgram returns the path of the program, as a release of it is built.
func buildProgram(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", built.path, ".")
		cmd.Dir = repository
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		output(t, cmd)
	})
	if _, err := os.Stat(built.path); err != nil {
		t.Fatalf("the program could not be built: %v", err)
	}
	return built.path
}

// repository is the root of this repository, relative to the tests.
const repository = "../.."

// foreign are prefixes of variables that must not reach the program from the
// CI in which these tests run: they would configure it.
var foreign = []string{"AWS_", "ACTIONS_", "BITBUCKET_", "BUILDKITE", "CI=", "CI_", "CIRCLE", "CLOUDFLARE_", "GITHUB_", "GITLAB_", "INPUT_", "JENKINS_", "PANDASTACK_", "RUNNER_", "SOURCE_DATE_EPOCH=", "TF_BUILD="}

// environ returns the environment for programs under test, with more
// variables.
func environ(more ...string) []string {
	var env []string
next:
	for _, v := range os.Environ() {
		for _, p := range foreign {
			if strings.HasPrefix(v, p) {
				continue next
			}
		}
		env = append(env, v)
	}
	return append(env, more...)
}

// output runs a command that must succeed and returns what it printed on both
// streams.
func output(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}
