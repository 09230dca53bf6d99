package report

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pandastack-io/pandastack/internal/event"
)

// TestRecordSchemaIsCurrent holds the committed schema to the types.
func TestRecordSchemaIsCurrent(t *testing.T) {
	const file = "report.schema.json"
	want := generateRecordSchema(t)
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(RecordSchema())); diff != "" {
		t.Errorf("%s is not what the types say; run go test ./internal/report -update\n%s", file, diff)
	}
}

func generateRecordSchema(t *testing.T) []byte {
	t.Helper()
	// A program that was written for an older version takes fields that it
	// does not know, as docs/json.md asks.
	r := &jsonschema.Reflector{ExpandedStruct: true, AllowAdditionalProperties: true}
	for module, dir := range map[string]string{
		"github.com/pandastack-io/pandastack/internal/report": ".",
		"github.com/pandastack-io/pandastack/internal/event":  "../event",
	} {
		if err := r.AddGoComments(module, dir); err != nil {
			t.Fatal(err)
		}
	}
	for name, comment := range r.CommentMap {
		r.CommentMap[name] = strings.Join(strings.Fields(comment), " ")
	}
	s := r.Reflect(&Record{})
	s.ID, s.Title = RecordSchemaURL, "The report of a run of pandastack"
	delete(s.Definitions, "Record")
	format, _ := s.Properties.Get("format")
	format.Const = RecordFormat
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// checkRecord returns what the schema says of a record's JSON.
func checkRecord(t *testing.T, data []byte) error {
	t.Helper()
	doc, err := validator.UnmarshalJSON(bytes.NewReader(RecordSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(RecordSchemaURL, doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile(RecordSchemaURL)
	if err != nil {
		t.Fatal(err)
	}
	value, err := validator.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(value)
}

// TestRecordMatchesSchema checks an empty record, and one with everything.
func TestRecordMatchesSchema(t *testing.T) {
	r := NewRecorder(time.Now)
	r.Note(func(rec *Record) { rec.Result = Failed })
	everything(r)
	for name, rec := range map[string]Record{"empty": bare(), "everything": r.Record()} {
		data, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkRecord(t, data); err != nil {
			t.Errorf("%s: %v\n%s", name, err, data)
		}
	}
	for name, spoil := range map[string]func(*Record){
		"format":   func(r *Record) { r.Format = 2 },
		"result":   func(r *Record) { r.Result = "well" },
		"phases":   func(r *Record) { r.Phases = nil },
		"requests": func(r *Record) { r.Requests = nil },
	} {
		rec := bare()
		spoil(&rec)
		data, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		if checkRecord(t, data) == nil {
			t.Errorf("the schema takes a wrong %s", name)
		}
	}
}

// bare is the record of a run of which little is known.
func bare() Record {
	r := NewRecorder(time.Now)
	r.Note(func(rec *Record) { rec.Result = Invalid })
	return r.Record()
}

// everything plays a run of which all is known.
func everything(r *Recorder) {
	r.Note(func(rec *Record) {
		rec.Tool, rec.Command, rec.Provider, rec.Environment = "pandastack v1.2.3", "deploy", "s3", "production"
		rec.Target, rec.URL = "s3://www/blog/", "https://example.com/blog/"
		rec.Requests = map[string]int64{"GET": 2, "PUT": 8, "DELETE": 1}
		rec.Source = Source{
			CI: "github", Repository: "octo/site", Commit: strings.Repeat("0a", 20), Ref: "main", RunID: "7", RunAttempt: 1,
			RunURL: "https://github.com/octo/site/actions/runs/7", Actor: "octocat",
		}
	})
	for _, e := range []event.Event{
		event.PhaseStarted{Phase: event.Build}, event.Output{Phase: event.Build, Line: "x"}, event.PhaseDone{Phase: event.Build, Elapsed: time.Second},
		event.Message{Severity: event.Warning, Text: "beware", Hint: "Look.", File: "pandastack.json", Line: 3, Column: 7},
		small(), event.PhaseStarted{Phase: event.Upload},
		receipt(), receipt(),
		event.Verified{Target: "x", Findings: []event.Finding{{Kind: "missing", Area: "site", Path: "a"}}},
		event.Collected{Target: "x", Erased: []event.Erased{{Path: "a", Releases: []string{}}}},
	} {
		r.Emit(e)
	}
}
