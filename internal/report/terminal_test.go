package report

import (
	"bytes"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/schollz/progressbar/v3"

	"github.com/pandastack-io/pandastack/internal/event"
)

// screen is what is left to see of a stream, on a terminal that knows carriage
// returns, "erase line" and colours, which is all that we may send.
func screen(t *testing.T, stream string) string {
	t.Helper()
	rows, col := [][]rune{nil}, 0
	for s := stream; s != ""; {
		switch {
		case strings.HasPrefix(s, "\x1b[2K"):
			rows[len(rows)-1], s = nil, s[4:]
		case strings.HasPrefix(s, "\x1b[0K"):
			rows[len(rows)-1], s = rows[len(rows)-1][:min(col, len(rows[len(rows)-1]))], s[4:]
		case s[0] == '\x1b':
			n := sequence(s)
			if !isSGR(s[:n]) {
				t.Errorf("control sequence %q", s[:n])
			}
			s = s[n:]
		case s[0] == '\r':
			col, s = 0, s[1:]
		case s[0] == '\n':
			rows, col, s = append(rows, nil), 0, s[1:]
		default:
			r := []rune(s)[0]
			row := rows[len(rows)-1]
			for len(row) <= col {
				row = append(row, ' ')
			}
			row[col] = r
			rows[len(rows)-1], col, s = row, col+1, s[len(string(r)):]
		}
	}
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(strings.TrimRight(string(row), " ") + "\n")
	}
	return b.String()
}

// TestTerminal shows what is on the screen after a run, where results and
// messages share it.
func TestTerminal(t *testing.T) {
	for name, color := range map[string]bool{"terminal": false, "terminal-color": true} {
		var b bytes.Buffer
		c := Console{W: &b, Width: 100, Color: color, Terminal: true}
		tell(t, Terminal(c, c, Options{}), story())
		golden(t, "terminal", screen(t, b.String()))
		if color != strings.Contains(b.String(), green) {
			t.Errorf("%s: colour %t", name, !color)
		}
	}
}

// TestLive shows what is on the screen while a phase runs.
func TestLive(t *testing.T) {
	var b bytes.Buffer
	c := Console{W: &b, Width: 100}
	s := Terminal(c, c, Options{})
	see := func(want string) {
		t.Helper()
		if got := screen(t, b.String()); got != want+"\n" {
			t.Errorf("on the screen:\n%q\nwant\n%q", got, want+"\n")
		}
	}
	s.Emit(event.PhaseStarted{Phase: event.Scan, Detail: "dist"})
	see("… scan: dist")
	s.Emit(event.Message{Severity: event.Notice, Text: "hello"})
	see("note: hello\n… scan: dist")
	s.Emit(event.PhaseDone{Phase: event.Scan, Detail: "2 files", Elapsed: time.Second})
	const before = "note: hello\n✓ scan     2 files 1.0s\n"
	see(before)
	s.Emit(event.PhaseStarted{Phase: event.Upload})
	see(before + "… upload")
	s.Emit(event.Progress{Phase: event.Upload, Done: 3})
	see(before + "… upload")
	s.Emit(event.Progress{Phase: event.Upload, Done: 0, Total: 4, TotalBytes: 1000})
	if got := screen(t, b.String()); !strings.Contains(got, before+"upload 0 of 4") || !strings.Contains(got, "0%") {
		t.Errorf("no bar on the screen:\n%s", got)
	}
	s.Emit(event.Progress{Phase: event.Purge, Done: 1, Total: 2})
	if got := screen(t, b.String()); !strings.Contains(got, before+"upload 0 of 4") {
		t.Errorf("another phase took the bar:\n%s", got)
	}
	s.Emit(event.Message{Severity: event.Notice, Text: "above"})
	if got := screen(t, b.String()); !strings.Contains(got, before+"note: above\nupload 0 of 4") {
		t.Errorf("no bar below the message:\n%s", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	see(before + "note: above\n")
}

// TestBarFits draws bars at all widths and looks for a line that would wrap.
func TestBarFits(t *testing.T) {
	for width := 40; width <= 160; width += 3 {
		for _, bytesToo := range []int64{0, 999_900_000_000} {
			var b bytes.Buffer
			c := Console{W: &b, Width: width}
			s := Terminal(c, c, Options{})
			s.Emit(event.PhaseStarted{Phase: event.Install})
			for i := range 40 {
				p := event.Progress{Phase: event.Upload, Done: i * 1000, Total: 40_000, Bytes: bytesToo / 40 * int64(i), TotalBytes: bytesToo}
				s.Emit(p)
				bar := s.(*terminal).bar
				progressbar.OptionThrottle(0)(bar.drawn)
				bar.drawn.Describe(bar.label(p)) // draws it now
			}
			longest := 0
			for _, part := range strings.FieldsFunc(b.String(), func(r rune) bool { return r == '\r' || r == '\n' }) {
				longest = max(longest, cells.StringWidth(line(part, false)))
			}
			if longest == 0 || longest >= width {
				t.Errorf("a line of %d columns on a terminal of %d", longest, width)
			}
		}
	}
}

// TestBarsGrow shows a total that grows after the bar was full.
func TestBarsGrow(t *testing.T) {
	var b bytes.Buffer
	c := Console{W: &b, Width: 100}
	s := Terminal(c, c, Options{})
	s.Emit(event.Progress{Phase: event.Upload, Done: 4, Total: 4})
	if got := screen(t, b.String()); got != "\n" {
		t.Errorf("a full bar stays: %q", got)
	}
	s.Emit(event.Progress{Phase: event.Upload, Done: 4, Total: 8})
	if got := screen(t, b.String()); !strings.Contains(got, "50%") && !strings.Contains(got, "0%") {
		t.Errorf("no bar after the total grew: %q", got)
	}
	s.Emit(event.PhaseDone{Phase: event.Upload})
	if got := screen(t, b.String()); got != "✓ upload   done 0.0s\n\n" {
		t.Errorf("after the phase: %q", got)
	}
}

// open returns both ends of a pseudo-terminal with 61 columns.
func open(t *testing.T) (far, tty *os.File) {
	t.Helper()
	far, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close(); _ = tty.Close() })
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: 61}); err != nil {
		t.Fatal(err)
	}
	return far, tty
}

func TestInspect(t *testing.T) {
	_, tty := open(t)
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, c := range []struct {
		name            string
		file            *os.File
		env             map[string]string
		terminal, color bool
		width           int
	}{
		{"terminal", tty, nil, true, true, 61},
		{"NO_COLOR", tty, map[string]string{"NO_COLOR": "1"}, true, false, 61},
		{"NO_COLOR empty", tty, map[string]string{"NO_COLOR": ""}, true, true, 61},
		{"dumb", tty, map[string]string{"TERM": "dumb"}, false, false, 0},
		{"file", file, map[string]string{"TERM": "xterm"}, false, false, 0},
	} {
		got := Inspect(c.file, func(k string) string { return c.env[k] })
		if got.Terminal != c.terminal || got.Color != c.color || got.width() != c.width {
			t.Errorf("%s: %+v, width %d; want terminal %t, colour %t, width %d", c.name, got, got.width(), c.terminal, c.color, c.width)
		}
	}
}

// TestPty runs the story on a real terminal whose size changes.
func TestPty(t *testing.T) {
	far, tty := open(t)
	var b bytes.Buffer
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(&b, far) }) // ends with an error when tty closes
	c := Inspect(tty, func(string) string { return "" })
	s := Terminal(c, c, Options{})
	for _, e := range story() {
		s.Emit(e)
	}
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	if got := s.(*terminal).console.width(); got != 120 {
		t.Errorf("width %d after the terminal grew to 120", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_ = tty.Close()
	wg.Wait()
	golden(t, "terminal-pty", screen(t, b.String()))
}
