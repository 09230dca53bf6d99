package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/pandastack-io/pandastack/internal/testbed"
)

// Tool is a program that makes a bucket like a directory, with the comparison
// of contents that it has, and with deletion of what is not in the directory.
type Tool struct {
	Name string
	// Install is the name by which testbed installs it. Empty: it is used
	// where Program is on the PATH.
	Install, Program string
	// Compares says by what it finds out what changed.
	Compares string
	// Slow tools take minutes for a site of more than slowFiles.
	Slow bool
	// Prepare writes the configuration that the program needs below Job.Scratch.
	Prepare func(Job) error
	Args    func(Job) []string
	Env     func(Job) []string
	// Rollback are the arguments that bring the release before back. Nil: the
	// program has no such command, and publishes the first tree again.
	Rollback func(Job) []string
}

// Job is one directory to publish.
type Job struct {
	Dir, Bucket, Endpoint, Scratch string
	Server                         *testbed.S3
}

// Ours is the name of the tool that the others are compared with.
const Ours = "pandastack"

// Tools are all that are compared. Each is at settings that keep the bucket
// right: modes that compare sizes alone leave stale files behind.
var Tools = []Tool{
	{
		Name: Ours, Compares: "SHA-256 and headers, with its record", Prepare: prepareOurs,
		Args:     func(j Job) []string { return []string{"deploy", "--config", ourConfig(j)} },
		Rollback: func(j Job) []string { return []string{"rollback", "--config", ourConfig(j)} },
	},
	{
		Name: "rclone", Install: "rclone", Compares: "MD5 with the ETag", Env: rcloneEnv,
		Args: func(j Job) []string { return rcloneArgs(j, "--checksum") },
	},
	{
		Name: "rclone, tuned", Install: "rclone", Compares: "MD5 with the ETag", Env: rcloneEnv,
		Args: func(j Job) []string { return rcloneTuned(j, "32") },
	},
	{
		Name: "rclone, 128", Install: "rclone", Compares: "MD5 with the ETag", Env: rcloneEnv,
		Args: func(j Job) []string { return rcloneTuned(j, "128") },
	},
	{
		Name: "hugo deploy, tuned", Install: "hugo-deploy", Compares: "MD5 with the ETag", Prepare: prepareHugo,
		Args: func(j Job) []string { return hugoArgs(j, "32") },
	},
	{
		Name: "hugo deploy, 128", Install: "hugo-deploy", Compares: "MD5 with the ETag", Prepare: prepareHugo,
		Args: func(j Job) []string { return hugoArgs(j, "128") },
	},
	{
		Name: "s5cmd sync", Install: "s5cmd", Compares: "size and time",
		Args: func(j Job) []string {
			return []string{"--endpoint-url", j.Endpoint, "--log", "error", "sync", "--delete", j.Dir + "/", "s3://" + j.Bucket + "/"}
		},
	},
	{
		Name: "mc mirror", Install: "mc", Compares: "size and time",
		Args: func(j Job) []string {
			return []string{"--config-dir", j.Scratch, "--quiet", "mirror", "--overwrite", "--remove", j.Dir, "bench/" + j.Bucket}
		},
		Env: func(j Job) []string {
			return []string{fmt.Sprintf("MC_HOST_bench=http://%s:%s@%s", j.Server.AccessKey, j.Server.SecretKey, j.Endpoint[len("http://"):])}
		},
	},
	{
		Name: "aws s3 sync", Program: "aws", Slow: true, Compares: "size and time",
		Args: func(j Job) []string {
			return []string{"--endpoint-url", j.Endpoint, "s3", "sync", "--delete", "--only-show-errors", j.Dir, "s3://" + j.Bucket}
		},
		Env: func(j Job) []string { return []string{"AWS_CONFIG_FILE=" + filepath.Join(j.Scratch, "none")} },
	},
	{
		Name: "s3cmd sync", Program: "s3cmd", Slow: true, Compares: "MD5 with the ETag", Prepare: prepareS3cmd,
		Args: func(j Job) []string {
			return []string{"--config", s3cmdConfig(j), "--quiet", "sync", "--delete-removed", j.Dir + "/", "s3://" + j.Bucket + "/"}
		},
	},
}

func rcloneArgs(j Job, flags ...string) []string {
	return append([]string{"sync", "--config", os.DevNull, j.Dir, "bench:" + j.Bucket}, flags...)
}

// rcloneTuned are settings for many small files, at so many at once.
func rcloneTuned(j Job, workers string) []string {
	return rcloneArgs(j, "--checksum", "--fast-list", "--transfers", workers, "--checkers", workers, "--s3-no-head", "--s3-no-check-bucket")
}

func hugoArgs(j Job, workers string) []string {
	return []string{"deploy", "--source", j.Scratch, "--target", "bench", "--maxDeletes", "-1", "--workers", workers}
}

func rcloneEnv(j Job) []string {
	return []string{
		"RCLONE_CONFIG_BENCH_TYPE=s3", "RCLONE_CONFIG_BENCH_PROVIDER=Minio", "RCLONE_CONFIG_BENCH_ENV_AUTH=true",
		"RCLONE_CONFIG_BENCH_ENDPOINT=" + j.Endpoint, "RCLONE_CONFIG_BENCH_REGION=" + j.Server.Region,
	}
}

// ourConfig lies above the output, as it has to.
func ourConfig(j Job) string { return j.Dir + ".json" }

// prepareOurs keeps nothing of what is deleted: the others do not either.
func prepareOurs(j Job) error {
	b, err := json.Marshal(map[string]any{
		"type": "static", "outputDir": filepath.Base(j.Dir), "releases": map[string]any{"retainAssets": "0"},
		"storage": map[string]any{"provider": "s3", "bucket": j.Bucket, "endpoint": j.Endpoint, "region": j.Server.Region, "pathStyle": true},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(ourConfig(j), b, 0o644)
}

func prepareHugo(j Job) error {
	target := fmt.Sprintf("s3://%s?endpoint=%s&region=%s&use_path_style=true&disable_https=true", j.Bucket, j.Endpoint, j.Server.Region)
	config := fmt.Sprintf("baseURL = 'http://localhost/'\npublishDir = '%s'\n[[deployment.targets]]\nname = 'bench'\nurl = '%s'\n", filepath.ToSlash(j.Dir), target)
	return os.WriteFile(filepath.Join(j.Scratch, "hugo.toml"), []byte(config), 0o644)
}

func s3cmdConfig(j Job) string { return filepath.Join(j.Scratch, "s3cfg") }

func prepareS3cmd(j Job) error {
	host := j.Endpoint[len("http://"):]
	config := fmt.Sprintf("[default]\naccess_key = %s\nsecret_key = %s\nhost_base = %s\nhost_bucket = %s\nuse_https = False\nbucket_location = %s\n",
		j.Server.AccessKey, j.Server.SecretKey, host, host, j.Server.Region)
	return os.WriteFile(s3cmdConfig(j), []byte(config), 0o600)
}

// installed returns the named tools, or all, with the path of each. What is not
// on this machine and cannot be installed is noted.
func (b *bed) installed(names []string) []Tool {
	b.Helper()
	b.versions = map[string]string{}
	var tools []Tool
	for _, t := range Tools {
		if len(names) > 0 && !slices.Contains(names, t.Name) && t.Name != Ours {
			continue
		}
		switch {
		case t.Name == Ours:
			t.Program = b.program
		case t.Install != "":
			t.Program, b.versions[t.Name] = testbed.Tool(b, t.Install), testbed.Version(t.Install)
		default:
			found, err := exec.LookPath(t.Program)
			if err != nil {
				b.missing = append(b.missing, t.Name)
				continue
			}
			t.Program, b.versions[t.Name] = found, b.askVersion(found)
		}
		tools = append(tools, t)
	}
	return tools
}
