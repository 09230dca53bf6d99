package state

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCorruptRetired changes one thing of a good record.
func TestCorruptRetired(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "format1", "release.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ old, new, want string }{
		{`"retired":2`, `"retired":3`, "unexpected EOF"},
		{`"retired":2`, `"retired":1`, "it goes on after its end"},
		{`"retired":2`, `"retired":0`, "it goes on after its end"},
		{"assets/app-3f9c1b2e.js", "assets/app-9f9c1b2e.js", `the retired "assets/app-8e0d7a51.js" is out of order`},
		{"assets/app-3f9c1b2e.js", "assets/app-8e0d7a51.js", `the retired "assets/app-8e0d7a51.js" is out of order`},
		{"assets/app-3f9c1b2e.js", "app.js", `"app.js" is both live and retired`},
		{"assets/app-3f9c1b2e.js", "../app.js", `"../app.js" is not a clean relative path`},
		{"assets/app-3f9c1b2e.js", ".pandastack/head", `".pandastack/head" lies in the state`},
		{`"headers":2,"etag":"e4"`, `"headers":3,"etag":"e4"`, `"assets/app-3f9c1b2e.js" refers to header set 3 of 3`},
		{`"etag":"e5","last":"01jd0000000000000000000001"`, `"etag":"e5","last":"../x"`, `"../x", which last had the retired "assets/app-8e0d7a51.js", is not the id of a release`},
		{`"until":"2026-01-03T04:04:05Z"`, `"since":0`, `the retired "assets/app-8e0d7a51.js" is there until no time`},
	} {
		t.Run(tt.new, func(t *testing.T) {
			if !strings.Contains(string(b), tt.old) {
				t.Fatalf("no %s in\n%s", tt.old, b)
			}
			_, err := DecodeRelease(bytes.NewReader(pack(t, strings.Replace(string(b), tt.old, tt.new, 1))), testSite)
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || corrupt.Err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
