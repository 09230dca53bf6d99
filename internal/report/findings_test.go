package report

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/pandastack-io/pandastack/internal/event"
)

// TestFindings holds the text of a verification, with hostile names, to golden
// files.
func TestFindings(t *testing.T) {
	found := event.Verified{Target: "s3://www/blog/", Live: "01JCZX0000000000000000LIVE", Objects: 240, Findings: []event.Finding{
		{Kind: "blob-missing", Area: "state", Path: "blobs/ab12", Detail: "kept bytes are gone", Remedy: "--repair copies them again from a.css"},
		{Kind: "altered", Area: "site", Path: "evil\n::error::x\x1b[2J.html", Detail: "it has other bytes of the same size", Remedy: "--repair puts it back from blobs/cd34"},
		{Kind: "foreign", Area: "site", Path: "robots.txt", Detail: "no release put it there", Note: true},
	}}
	many := event.Verified{Target: "s3://www/", Live: "01JCZX0000000000000000LIVE", Deep: true, Bytes: 1_234_567, Objects: 240}
	for i := range 100 {
		many.Findings = append(many.Findings, event.Finding{Kind: "missing", Area: "site", Path: fmt.Sprintf("page-%03d.html", i), Detail: "it is gone"})
	}
	for name, tc := range map[string]struct {
		console Console
		found   event.Verified
	}{
		"findings":       {Console{}, found},
		"findings-color": {Console{Color: true}, found},
		"findings-many":  {Console{}, many},
		"findings-none":  {Console{}, event.Verified{Target: "s3://www/", Live: "01JCZX0000000000000000LIVE", Sound: true, Objects: 1}},
	} {
		var b bytes.Buffer
		tc.console.W = &b
		if err := WriteFindings(tc.console, tc.found, Options{}); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.String())
	}
	var b bytes.Buffer
	if err := WriteFindings(Console{W: &b}, many, Options{Full: true}); err != nil || bytes.Count(b.Bytes(), []byte("\n")) != 101 {
		t.Errorf("%v, all of it:\n%s", err, &b)
	}
}

// TestFindingsInAllSinks: no sink drops them.
func TestFindingsInAllSinks(t *testing.T) {
	e := event.Verified{Findings: []event.Finding{{Kind: "missing", Path: "a.css", Detail: "it is gone"}}}
	var plain, terminal, lines, other bytes.Buffer
	sinks := []Sink{
		Plain(Console{W: &other}, Console{W: &plain}, Options{}), Terminal(Console{W: &other}, Console{W: &terminal}, Options{}), JSON(&lines),
	}
	for _, s := range sinks {
		s.Emit(e)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range []*bytes.Buffer{&plain, &terminal, &lines} {
		if !bytes.Contains(b.Bytes(), []byte("a.css")) {
			t.Errorf("got %q", b)
		}
	}
}
