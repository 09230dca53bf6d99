package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
)

// JSON returns a sink for programs: one object per line, with "time" (RFC 3339
// with nanoseconds, UTC), "event" (event.Event's Type) and the fields of the
// event as they are tagged. Lists and maps are never null. Names are stable:
// fields may be added, not renamed.
func JSON(w io.Writer) Sink { return &lines{out: &sticky{w: w}, now: time.Now} }

type lines struct {
	stream
	out *sticky
	now func() time.Time
}

// Emit writes an event as one line.
func (l *lines) Emit(e event.Event) {
	l.do(func() {
		if p, ok := e.(event.Planned); ok {
			l.plan(p)
			return
		}
		_, _ = l.out.Write(encode(l.now(), e))
	})
}

// plan writes a plan, and its changes one after the other: of a large site, the
// text of all takes more memory than the deploy itself.
func (l *lines) plan(p event.Planned) {
	changes := p.Changes
	p.Changes = event.Changes{}
	// No string has a quote in JSON that is not escaped: this is the list.
	before, after, _ := bytes.Cut(encode(l.now(), p), []byte(`"changes":[]`))
	w := bufio.NewWriterSize(l.out, 64<<10)
	_, _ = w.Write(before)
	_, _ = w.WriteString(`"changes":[`)
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	separator := ""
	for change := range changes.All() {
		text.Reset()
		_ = enc.Encode(change)
		_, _ = w.WriteString(separator)
		_, _ = w.Write(Inert(bytes.TrimSpace(text.Bytes())))
		separator = ","
	}
	_ = w.WriteByte(']')
	_, _ = w.Write(after)
	_ = w.Flush() // the writer below keeps the error
}

// Close returns the first error of the writer.
func (l *lines) Close() error {
	l.end(func() {})
	return l.out.err
}

// encode renders one line.
func encode(now time.Time, e event.Event) []byte {
	var fields bytes.Buffer
	enc := json.NewEncoder(&fields)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(filled(e)) // events hold nothing that JSON cannot
	b := fmt.Appendf(nil, `{"time":%q,"event":%q`, now.UTC().Format(time.RFC3339Nano), e.Type())
	if rest := bytes.TrimSpace(fields.Bytes()); len(rest) > len("{}") {
		b = append(b, ',')
		b = append(b, rest[1:]...)
	} else {
		b = append(b, '}')
	}
	return append(Inert(b), '\n')
}

// Inert returns JSON that means the same, and in which the runner of a workflow,
// which reads standard output, finds no command: it looks for "##[" anywhere in
// a line.
func Inert(b []byte) []byte { return bytes.ReplaceAll(b, []byte("##["), []byte(`##\u005b`)) }

// filled returns the event with empty lists and maps in place of missing ones.
func filled(e event.Event) event.Event {
	switch e := e.(type) {
	case event.Verified:
		if e.Findings == nil {
			e.Findings = []event.Finding{}
		}
		return e
	case event.Collected:
		if e.Releases == nil {
			e.Releases = []string{}
		}
		if e.Erased == nil {
			e.Erased = []event.Erased{}
		}
		if e.Requests == nil {
			e.Requests = map[string]int64{}
		}
		return e
	case event.Finished:
		if e.Requests == nil {
			e.Requests = map[string]int64{}
		}
		return e
	}
	return e
}
