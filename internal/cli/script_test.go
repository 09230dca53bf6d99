package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pandastack-io/pandastack/internal/report"
)

var update = flag.Bool("update", false, "rewrite what the scripts compare with")

// raceOptions is for programs that get an environment of their own. The race
// detector waits a second at the end of each process, unless .ci/run says
// otherwise; scripts have the variable from testscript.
var raceOptions = "GORACE=" + os.Getenv("GORACE")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"pandastack": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			os.Exit(Main(ctx, os.Args[1:], System()))
		},
	})
}

// TestScripts runs the command line as users do. Beside testscript's commands,
// and those of servers.commands, scripts have:
//
//   - exits CODE PROGRAM ARGS…: runs a program that must end with that exit
//     code, or with -1 by a signal.
//   - compress FROM TO: writes a file as the records of a site are written.
//   - ends stdout|stderr FILE: the last output ends with FILE, in which variables
//     are replaced: for what comes after lines with times.
//   - events FILE: the last standard output is JSON lines, each with a time;
//     FILE names their events in order, one a line. Of progress, whose number
//     depends on the clock, none is named.
//   - has FILE NAME VALUE: the last output of that name in a file as GITHUB_OUTPUT
//     names it has that value.
//   - report FILE COMMAND RESULT CODE: the file is a report of that command with
//     that result and exit code, and is as its schema says.
func TestScripts(t *testing.T) {
	commands := (&servers{shared: t}).commands()
	commands["exits"] = exits
	commands["compress"] = compress
	commands["ends"] = ends
	commands["events"] = events
	commands["has"] = has
	commands["report"] = checkReport
	testscript.Run(t, testscript.Params{
		Dir:                "../../testdata/script",
		RequireUniqueNames: true,
		UpdateScripts:      *update,
		Cmds:               commands,
		Setup:              setUp,
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	default:
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	for _, stream := range []string{"stdout", "stderr"} {
		if line := leaked(ts.ReadFile(stream)); line != "" {
			ts.Fatalf("a secret is in %s: %q", stream, line)
		}
	}
}

func has(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: has FILE NAME VALUE")
	}
	set := regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(args[1])+`<<(\S+)\n((?s).*?)\n(\S+)$`).FindAllStringSubmatch(ts.ReadFile(args[0]), -1)
	if len(set) == 0 || set[len(set)-1][1] != set[len(set)-1][3] || set[len(set)-1][2] != args[2] {
		ts.Fatalf("%s: %q, want %s", args[1], set, args[2])
	}
}

func checkReport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: report FILE COMMAND RESULT CODE")
	}
	data := []byte(ts.ReadFile(args[0]))
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.RecordSchema()))
	ts.Check(err)
	ts.Check(c.AddResource(report.RecordSchemaURL, doc))
	schema, err := c.Compile(report.RecordSchemaURL)
	ts.Check(err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	ts.Check(err)
	ts.Check(schema.Validate(value))
	var rec report.Record
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	ts.Check(dec.Decode(&rec))
	if got := fmt.Sprint(rec.Command, " ", rec.Result, " ", rec.ExitCode); got != strings.Join(args[1:], " ") {
		ts.Fatalf("%s", got)
	}
}

func compress(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: compress FROM TO")
	}
	w, err := zstd.NewWriter(nil)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), w.EncodeAll([]byte(ts.ReadFile(args[0])), nil), 0o644))
}

func ends(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ends stdout|stderr FILE")
	}
	want, got := os.Expand(ts.ReadFile(args[1]), ts.Getenv), ts.ReadFile(args[0])
	if want == "" || !strings.HasSuffix("\n"+got, "\n"+want) {
		lines := strings.SplitAfter(got, "\n")
		got = strings.Join(lines[max(0, len(lines)-1-strings.Count(want, "\n")):], "")
		ts.Fatalf("%s ends otherwise:\n%s", args[0], cmp.Diff(want, got))
	}
}

func events(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: events FILE")
	}
	var names strings.Builder
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		var e struct{ Time, Event string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Time == "" || e.Event == "" {
			ts.Fatalf("not an event: %s%v", line, err)
		}
		if e.Event != "progress" {
			names.WriteString(e.Event + "\n")
		}
	}
	if diff := cmp.Diff(ts.ReadFile(args[0]), names.String()); diff != "" {
		ts.Fatalf("events:\n%s", diff)
	}
}
