//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// docker returns a command of the container engine's client.
func docker(t testing.TB, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "docker", args...)
	cmd.Env = environ("DOCKER_BUILDKIT=1", "DOCKER_CLI_HINTS=false")
	return cmd
}

// tidy runs a command of the engine when the test is over, whose own context
// is done by then.
func tidy(t *testing.T, args ...string) {
	t.Cleanup(func() {
		if out, err := exec.Command("docker", args...).CombinedOutput(); err != nil {
			t.Errorf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	})
}

// buildImage builds the image from the Dockerfile as it is, and returns its
// name.
func buildImage(t *testing.T) string {
	t.Helper()
	return buildTarget(t, "full")
}

// targets are the stages of the Dockerfile that are images: the default has no
// name.
var targets = map[string][]string{"full": nil, "slim": {"--target", "slim"}}

func buildTarget(t *testing.T, target string) string {
	t.Helper()
	if out, err := docker(t, "version", "--format", "{{.Server.Version}}").CombinedOutput(); err != nil {
		t.Fatalf("no container engine answers (.ci/run starts one where it can): %v\n%s", err, out)
	}
	name := fmt.Sprintf("pandastack-e2e:%s-%d", target, os.Getpid())
	args := append([]string{"build", "--quiet", "--build-arg", "VERSION=" + imageVersion, "-t", name}, targets[target]...)
	output(t, docker(t, append(args, repository)...))
	tidy(t, "image", "rm", "--force", name)
	return name
}

// imageVersion is given to the build of the image.
const imageVersion = "v0.0.0-e2e"

// containedS3 is an S3 server in a container, because containers do not reach
// the servers of this machine's loopback.
type containedS3 struct {
	endpoint             string // for other containers
	bucket               string
	accessKey, secretKey string
	dir                  string // the bucket, as files
}

// startContainedS3 runs versitygw, whose buckets are directories, in the image
// that is there anyway.
func startContainedS3(t *testing.T, image string) *containedS3 {
	t.Helper()
	root := t.TempDir()
	s := &containedS3{bucket: "site", accessKey: "e2e-access-key", secretKey: "e2e-secret-key-0123456789", dir: filepath.Join(root, "site")}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("pandastack-e2e-s3-%d", os.Getpid())
	output(t, docker(t, "run", "--detach", "--rm", "--name", name, "--entrypoint", "/versitygw",
		"-v", testbed.Tool(t, "versitygw")+":/versitygw:ro", "-v", root+":/data",
		"-e", "ROOT_ACCESS_KEY="+s.accessKey, "-e", "ROOT_SECRET_KEY="+s.secretKey, image,
		"--port", ":7070", "--health", "/healthz", "--quiet", "posix", "/data"))
	tidy(t, "rm", "--force", name)
	ip := strings.TrimSpace(output(t, docker(t, "inspect", "--format", "{{.NetworkSettings.IPAddress}}", name)))
	s.endpoint = "http://" + ip + ":7070"
	health := fmt.Sprintf(`fetch(%q).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))`, s.endpoint+"/healthz")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if docker(t, "exec", name, "node", "-e", health).Run() == nil {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("the S3 server does not answer:\n%s", output(t, docker(t, "logs", name)))
		}
	}
}

// inputs are those of a step of the Action that deploys to the server.
func (s *containedS3) inputs(prefix string) map[string]string {
	return map[string]string{
		"storage-provider": "s3", "endpoint": s.endpoint, "bucket": s.bucket, "region": "us-east-1", "prefix": prefix,
		"aws-access-key-id": s.accessKey, "aws-secret-access-key": s.secretKey,
	}
}
