package config

import (
	"strings"
	"testing"
)

// TestIn resolves another environment from the same layers.
func TestIn(t *testing.T) {
	const file = `{
  "type": "static", "outputDir": "dist", "storage": {"provider": "minio", "bucket": "www", "endpoint": "http://127.0.0.1:9"},
  "headers": [{"source": "*", "headers": {"Cache-Control": "no-cache"}}],
  "environments": {"staging": {"storage": {"prefix": "staging"}, "headers": []}, "live": {"storage": {"bucket": "live"}}}
}`
	r := resolve(t, sources{file: file, flags: map[string]string{"environment": "live", "region": "eu-1"}, variables: map[string]string{"endpoint": "http://127.0.0.1:8"}})
	other, err := r.In("staging", "from")
	if err != nil {
		t.Fatal(err)
	}
	if s := other.Config.Storage; other.Environment != "staging" || s.Bucket != "www" || s.Prefix != "staging/" || s.Endpoint != "http://127.0.0.1:8" || s.Region != "eu-1" || len(other.Config.Headers) != 0 {
		t.Errorf("%q: %+v, %v", other.Environment, s, other.Config.Headers)
	}
	if s := r.Config.Storage; r.Environment != "live" || s.Bucket != "live" || s.Prefix != "" || len(r.Config.Headers) != 1 {
		t.Errorf("the first one is now %q: %+v", r.Environment, s)
	}
	if _, err := r.In("stage", "from"); err == nil || !strings.HasPrefix(err.Error(), "flag --from: unknown environment") {
		t.Errorf("got %v", err)
	}
}
