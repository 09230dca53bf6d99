package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/event"
)

// runner is a strict Commands: it fails the test on what a runner would
// misread, and logs what a person would see.
type runner struct {
	t       *testing.T
	mu      sync.Mutex
	log     bytes.Buffer
	open    bool
	stopped bool
}

func (r *runner) say(command bool, format string, args ...any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if command && r.stopped {
		r.t.Errorf("a command while commands are stopped: "+format, args...)
	}
	fmt.Fprintf(&r.log, format+"\n", args...)
	return nil
}

func (r *runner) Group(title string) error {
	if r.open {
		r.t.Errorf("section %q inside another", title)
	}
	r.open = true
	return r.say(true, "[group] %s", title)
}

func (r *runner) EndGroup() error {
	if !r.open {
		r.t.Error("end of a section that is not open")
	}
	r.open = false
	return r.say(true, "[endgroup]")
}

func (r *runner) Annotate(m event.Message) error {
	return r.say(true, "[%s] %s%q hint %q", m.Severity, place(m), m.Text, m.Hint)
}

func (r *runner) StopCommands() error {
	err := r.say(true, "[stop]")
	r.stopped = true
	return err
}

func (r *runner) ResumeCommands() error {
	r.stopped = false
	return r.say(true, "[resume]")
}

func (r *runner) Print(text string) error {
	return r.say(false, "%s", strings.TrimSuffix(text, "\n"))
}

func TestGitHub(t *testing.T) {
	r := &runner{t: t}
	s := GitHub(r, Options{})
	s.(*github).pulses.now = clock(6 * time.Second)
	tell(t, s, story())
	golden(t, "github", r.log.String())
	if r.open || r.stopped {
		t.Error("a section is left open, or commands stopped")
	}
}

// TestGitHubOverlap shows that phases that run at once never nest sections,
// and that Close ends what is open.
func TestGitHubOverlap(t *testing.T) {
	r := &runner{t: t}
	s := GitHub(r, Options{Verbose: true})
	tell(t, s, []event.Event{
		event.PhaseStarted{Phase: event.Install, Detail: "npm ci"},
		event.PhaseStarted{Phase: event.Build, Detail: "make"},
		event.Output{Phase: event.Install, Line: "a"},
		event.Output{Phase: event.Build, Line: "b"},
		event.PhaseDone{Phase: event.Install},
		event.Output{Phase: event.Build, Line: "c"},
		event.Message{Severity: event.Debug, Text: "d"},
	})
	golden(t, "github-overlap", r.log.String())
	if r.open || r.stopped {
		t.Error("a section is left open, or commands stopped")
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	s := JSON(&b)
	s.(*lines).now = clock(1500 * time.Microsecond)
	tell(t, s, story())
	golden(t, "json", b.String())
	events := story()
	listed := cmp.Transformer("listed", func(c event.Changes) []event.Change { return slices.Collect(c.All()) })
	for i, l := range bytes.Split(bytes.TrimSuffix(b.Bytes(), []byte("\n")), []byte("\n")) {
		var head struct {
			Time  time.Time `json:"time"`
			Event string    `json:"event"`
		}
		if err := json.Unmarshal(l, &head); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		if head.Event != events[i].Type() || head.Time.IsZero() {
			t.Errorf("line %d: %+v, want a %s", i, head, events[i].Type())
		}
		back := reflect.New(reflect.TypeOf(events[i]))
		d := json.NewDecoder(bytes.NewReader(l))
		if err := d.Decode(back.Interface()); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		if diff := cmp.Diff(events[i], back.Elem().Interface(), listed); diff != "" {
			t.Errorf("line %d does not come back (-want +got):\n%s", i, diff)
		}
	}
}

func TestJSONListsAreNeverNull(t *testing.T) {
	var b bytes.Buffer
	tell(t, JSON(&b), []event.Event{event.Planned{}, event.Finished{}, event.PhaseStarted{}})
	if strings.Contains(b.String(), "null") {
		t.Error(b.String())
	}
	for l := range strings.Lines(b.String()) {
		if !json.Valid([]byte(l)) {
			t.Errorf("not JSON: %s", l)
		}
	}
}

// empty is an event without fields.
type empty struct{}

func (empty) Type() string { return "empty" }

// TestJSONGivesNoCommands: in a workflow, the runner reads these lines.
func TestJSONGivesNoCommands(t *testing.T) {
	var b bytes.Buffer
	const forged = "a ##[set-output name=url]b ##[[##["
	tell(t, JSON(&b), []event.Event{
		event.Output{Phase: event.Build, Line: forged}, event.Message{Text: "::error::x", Hint: forged},
		event.Planned{Changes: event.ChangesOf(event.Change{Path: forged})},
	})
	if strings.Contains(b.String(), "##[") || strings.Contains(b.String(), "\n:") {
		t.Errorf("a command: %s", &b)
	}
	for line := range strings.Lines(b.String()) {
		var e struct {
			Line, Hint string
			Changes    []struct{ Path string }
		}
		err := json.Unmarshal([]byte(line), &e)
		said := e.Line + e.Hint
		for _, c := range e.Changes {
			said += c.Path
		}
		if err != nil || said != forged {
			t.Errorf("%s: %+v, %v", line, e, err)
		}
	}
}

func TestJSONWithoutFields(t *testing.T) {
	var b bytes.Buffer
	s := JSON(&b)
	s.(*lines).now = clock(time.Second)
	tell(t, s, []event.Event{empty{}})
	if want := `{"time":"2026-11-22T12:00:01Z","event":"empty"}` + "\n"; b.String() != want {
		t.Errorf("got %s want %s", b.String(), want)
	}
}

// TestConcurrent emits to every sink from many goroutines, for the race
// detector, and shows that lines stay whole.
func TestConcurrent(t *testing.T) {
	var js, messages, results, screen bytes.Buffer
	s := Multi(
		JSON(&js),
		Plain(Console{W: &messages}, Console{W: &results}, Options{}),
		Terminal(Console{W: &screen, Width: 100, Color: true}, Console{W: io.Discard}, Options{}),
		GitHub(&runner{t: t}, Options{}),
		event.Discard,
	)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				s.Emit(event.Output{Phase: event.Build, Line: fmt.Sprintf("worker %d line %d", g, i)})
				s.Emit(event.Progress{Phase: event.Upload, Done: i, Total: 50, Bytes: int64(i), TotalBytes: 50})
				s.Emit(event.Message{Severity: event.Notice, Text: "note"})
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(js.String(), "\n"); n != 8*50*3 {
		t.Errorf("%d JSON lines, want %d", n, 8*50*3)
	}
	for l := range strings.Lines(js.String()) {
		if !json.Valid([]byte(l)) {
			t.Fatalf("broken line %q", l)
		}
	}
	if n := strings.Count(messages.String(), "  worker "); n != 400 {
		t.Errorf("%d lines of output in the log, want 400", n)
	}
}

// broken fails every write.
type broken struct{}

var errPipe = errors.New("broken pipe")

func (broken) Write([]byte) (int, error) { return 0, errPipe }

func TestWriteErrors(t *testing.T) {
	bad, good := Console{W: broken{}, Width: 80}, Console{W: io.Discard, Width: 80}
	for name, s := range map[string]Sink{
		"JSON":              JSON(broken{}),
		"plain messages":    Plain(bad, good, Options{}),
		"plain results":     Plain(good, bad, Options{}),
		"terminal messages": Terminal(bad, good, Options{}),
		"terminal results":  Terminal(good, bad, Options{}),
		"multi":             Multi(event.Discard, JSON(broken{})),
	} {
		for _, e := range story() {
			s.Emit(e)
		}
		if err := s.Close(); !errors.Is(err, errPipe) {
			t.Errorf("%s: Close = %v, want the writer's error", name, err)
		}
	}
}

// TestProgressIsRare counts the lines of a long upload.
func TestProgressIsRare(t *testing.T) {
	var b bytes.Buffer
	s := Plain(Console{W: &b}, Console{W: &b}, Options{})
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s.(*plain).pulses.now = func() time.Time { return now }
	s.Emit(event.PhaseStarted{Phase: event.Upload})
	for i := range 10_000 { // ten files a second, 1,000 seconds
		s.Emit(event.Progress{Phase: event.Upload, Done: i, Total: 10_000})
		now = now.Add(100 * time.Millisecond)
	}
	n := strings.Count(b.String(), "\n")
	if n < 1000/30-2 || n > 1000/30+4 {
		t.Errorf("%d lines for 1,000 seconds: want one each 30 seconds or quarter", n)
	}
	for _, want := range []string{"upload: 2500 of 10000 (25%)\n", "upload: 5000 of 10000 (50%)\n", "upload: 7500 of 10000 (75%)\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no line %q", want)
		}
	}
}

// TestQuickUploadIsSilent is one that is done before a line is due.
func TestQuickUploadIsSilent(t *testing.T) {
	var b bytes.Buffer
	s := Plain(Console{W: &b}, Console{W: &b}, Options{})
	s.(*plain).pulses.now = clock(time.Millisecond)
	for i := range 1000 {
		s.Emit(event.Progress{Phase: event.Upload, Done: i, Total: 1000})
	}
	if b.Len() > 0 {
		t.Errorf("printed %q", b.String())
	}
}
