package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// s3rverVersion is the version of the npm package that S3rver installs.
const s3rverVersion = "3.7.1"

// S3rver returns a running s3rver: a server that answers 200 to conditional
// writes and copies without looking at their conditions. Installing it needs
// npm, and running it node.
func S3rver(t testing.TB) *S3 {
	t.Helper()
	bin, err := once("s3rver@"+s3rverVersion, filepath.Join("node_modules", ".bin", "s3rver"), func(root, dir string) error {
		return whole(root, dir, func(tmp string) (*exec.Cmd, error) {
			return exec.CommandContext(t.Context(), "npm", "install", "--no-audit", "--no-fund", "--prefix", tmp, "s3rver@"+s3rverVersion), nil
		})
	})
	if err != nil {
		t.Fatalf("testbed: %v", err)
	}
	return serve(t, "s3rver", bin, startS3rver)
}

// RcloneServe returns a running `rclone serve s3`: a server that honours
// conditions, but not while others write to the same key.
func RcloneServe(t testing.TB) *S3 {
	t.Helper()
	return server(t, "rclone", startRclone)
}

func startS3rver(bin, dir string) (*S3, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := newS3("s3rver", port)
	s.AccessKey, s.SecretKey = "S3RVER", "S3RVER" // it knows no others
	return s.await(bin, []string{"-d", dir, "-a", "127.0.0.1", "-p", fmt.Sprint(port), "-s", "--no-vhost-buckets"}, nil,
		func(p *process) error { return p.answers(s.Endpoint, answered) })
}

func startRclone(bin, dir string) (*S3, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{"cache", "root"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	s := newS3("rclone", port)
	return s.await(bin, []string{
		"serve", "s3", "--config", os.DevNull, "--addr", fmt.Sprintf("127.0.0.1:%d", port), "--auth-key", s.AccessKey + "," + s.SecretKey,
		"--vfs-cache-mode", "full", "--cache-dir", filepath.Join(dir, "cache"), filepath.Join(dir, "root"),
	}, nil, func(p *process) error { return p.answers(s.Endpoint, answered) })
}

// answered takes any answer of a server that has no page for its health.
func answered(int) bool { return true }

// GoFakeS3 returns a running gofakes3: a server that honours conditions of
// writes, keeps no Cache-Control, and does not replace headers in a copy.
func GoFakeS3(t testing.TB) *S3 {
	t.Helper()
	return server(t, "gofakes3", startGoFakeS3)
}

func startGoFakeS3(bin, _ string) (*S3, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := newS3("gofakes3", port)
	return s.await(bin, []string{"-host", fmt.Sprintf("127.0.0.1:%d", port), "-backend", "memory", "-quiet"}, nil,
		func(p *process) error { return p.answers(s.Endpoint, answered) })
}
