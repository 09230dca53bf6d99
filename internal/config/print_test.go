package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// printed is a result with values of every kind and origin, and secrets.
func printed(t *testing.T) *Resolved {
	t.Helper()
	return resolve(t, sources{
		file: `{
  "type": "static",
  "outputDir": "dist",
  "buildCommand": "make A=<b> && echo \"é\"",
  "buildEnv": {"NODE_ENV": "production", "NPM_TOKEN": "s3cr3t-1"},
  "siteUrl": "https://example.com",
  "storage": {"provider": "s3", "bucket": "www", "pathStyle": false},
  "cdn": {"provider": "cloudflare", "zoneId": "023e105f4ecef8ad9ca31a8372d0c353"},
  "ignore": [],
  "headers": [{"source": "**", "headers": {"x-amz-meta-b": "1", "cache-control": "no-cache"}}, {"source": "a", "headers": {}}],
  "environments": {"staging": {"storage": {"bucket": "staging", "prefix": "x"}}}
}`,
		flags:     map[string]string{"region": "eu-central-1", "dry-run": "true"},
		inputs:    map[string]string{"environment": "staging", "cloudflare-api-token": "s3cr3t-2"},
		variables: map[string]string{"site-url": "https://staging.example.com", "install-command": "fetch --key=s3cr3t-4", "aws-access-key-id": "s3cr3t-3", "aws-secret-access-key": "s3cr3t-4"},
	})
}

func TestPrint(t *testing.T) {
	r := printed(t)
	var text, json bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteJSON(&json); err != nil {
		t.Fatal(err)
	}
	golden(t, "config.txt", text.String())
	golden(t, "config.json", json.String())
	for form, out := range map[string]string{
		"text": text.String(), "json": json.String(), "%v": fmt.Sprint(r.Secret("cloudflare-api-token")),
		"%#v": fmt.Sprintf("%#v", r.Secret("cloudflare-api-token")), "%+v": fmt.Sprintf("%+v", r.Values()),
	} {
		if strings.Contains(out, "s3cr3t") {
			t.Errorf("as %s a secret is printed:\n%s", form, out)
		}
	}
}

// golden compares with a file of testdata/print, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "print", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s\n%s", file, diff)
	}
}
