//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestWebhook runs the receiver that the documentation gives, with Node.js.
func TestWebhook(t *testing.T) {
	t.Parallel()
	program := buildProgram(t)
	testscript.Run(t, testscript.Params{
		Files: []string{"testdata/webhook.txtar"},
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"documented": documented},
		Setup: func(env *testscript.Env) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			_, port, _ := net.SplitHostPort(l.Addr().String())
			env.Setenv("PORT", port)
			env.Setenv("HOOK", "http://127.0.0.1:"+port+"/purge")
			env.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"))
			config := fmt.Sprintf(`{"type": "static", "outputDir": "dist", "siteUrl": "https://example.com", "storage": {"provider": "local"},
				"cdn": {"provider": "webhook", "url": %q}}`, "http://127.0.0.1:"+port+"/purge")
			return errors.Join(l.Close(), os.WriteFile(filepath.Join(env.WorkDir, "pandastack.json"), []byte(config), 0o644))
		},
	})
}

// documented DOC LANGUAGE FILE writes the one code block of a language in a page
// of docs/ to a file.
func documented(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: documented DOC LANGUAGE FILE")
	}
	page, err := os.ReadFile(filepath.Join(repository, "docs", args[0]))
	ts.Check(err)
	blocks := strings.Split(string(page), "```"+args[1]+"\n")
	if len(blocks) != 2 {
		ts.Fatalf("%s has %d blocks of %s, want one", args[0], len(blocks)-1, args[1])
	}
	code, _, ok := strings.Cut(blocks[1], "```")
	if !ok {
		ts.Fatalf("%s: the block does not end", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(code), 0o644))
}
