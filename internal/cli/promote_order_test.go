package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/ci"
	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/internal/deploy"
	"github.com/pandastack-io/pandastack/internal/state"
)

// TestPromoteAsksOnce: also a promote, which compares the commit of the release
// that it takes, puts one question once.
func TestPromoteAsksOnce(t *testing.T) {
	own, earlier := strings.Repeat("0a", 20), strings.Repeat("0b", 20)
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		_, _ = w.Write([]byte(`{"status": "behind"}`))
	}))
	defer server.Close()
	env := map[string]string{"GITHUB_API_URL": server.URL, "GITHUB_TOKEN": "t0ken"}
	getenv := func(name string) string { return env[name] }
	flags, err1 := config.FromFlags(map[string]string{"output-dir": "dist"})
	vars, err2 := config.FromVariables(getenv)
	res, err3 := config.Resolve(config.Options{Flags: flags, Variables: vars})
	if err := together(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	a := &app{IO: IO{Getenv: getenv}, run: ci.Run{Provider: ci.GitHub}}
	order := a.orderOf(t.Context(), &settings{Resolved: res, root: t.TempDir()})
	for range 3 {
		if got := order(t.Context(), state.Source{Repository: "o/r", Commit: own}, state.Mark{Repository: "o/r", Commit: earlier}); got != deploy.Older {
			t.Errorf("got %v", got)
		}
	}
	if len(asked) != 1 || asked[0] != "/repos/o/r/compare/"+earlier+"..."+own {
		t.Errorf("asked %q", asked)
	}
}
