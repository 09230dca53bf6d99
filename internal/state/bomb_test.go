package state

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// decoders are those of this package, by the kind of record.
var decoders = map[string]func(io.Reader) error{
	"head":    func(r io.Reader) error { _, err := DecodeHead(r, testSite); return err },
	"release": func(r io.Reader) error { _, err := DecodeRelease(r, testSite); return err },
	"intent":  func(r io.Reader) error { _, err := DecodeIntent(r, testSite); return err },
}

// bomb returns first and then n times line, compressed to a small part of
// their size.
func bomb(tb testing.TB, first, line string, n int, options ...zstd.EOption) []byte {
	tb.Helper()
	var buf bytes.Buffer
	z, err := zstd.NewWriter(&buf, append(options, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))...)
	if err != nil {
		tb.Fatal(err)
	}
	chunk := strings.Repeat(line, max(1, (1<<20)/len(line)))
	if _, err := io.WriteString(z, first); err != nil {
		tb.Fatal(err)
	}
	for range n {
		if _, err := io.WriteString(z, chunk); err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// bombs are records of a few kilobytes that expand to some 64 MiB.
func bombs(tb testing.TB) map[string][]byte {
	const site = `"site":{"bucket":"www","prefix":"blog/"}`
	const first = `{"format":1,"id":"01a",` + site + `,"headerSets":[{}],"objects":1000000000,"touches":1000000000}` + "\n"
	const mebibytes = 64
	return map[string][]byte{
		"one line":       bomb(tb, "", "a", mebibytes),
		"spaces":         bomb(tb, `{"format":1,`+site, " ", mebibytes),
		"empty lines":    bomb(tb, first, "\n", mebibytes),
		"touches":        bomb(tb, first, `{"path":"a"}`+"\n", mebibytes),
		"ids":            bomb(tb, `{"format":1,`+site+`,"doubt":[`, `"a",`, mebibytes),
		"nesting":        bomb(tb, `{"format":1,`+site+`,"new":`, "[", mebibytes),
		"a large window": bomb(tb, "", "a", mebibytes, zstd.WithWindowSize(zstd.MaxWindowSize)),
	}
}

// TestBombs measures what the decoders allocate for records that expand to a
// thousand times their size. It is bounded by constants: a window, a line and
// what an implausible expansion is noticed by.
func TestBombs(t *testing.T) {
	const most = 128 << 20
	for name, b := range bombs(t) {
		for kind, decode := range decoders {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := decode(bytes.NewReader(b))
			runtime.ReadMemStats(&after)
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) {
				t.Errorf("%s as a %s: got %v, want a *CorruptError", name, kind, err)
			}
			n := after.TotalAlloc - before.TotalAlloc
			if n > most {
				t.Errorf("%s as a %s: %d bytes were allocated for %d", name, kind, n, len(b))
			}
			t.Logf("%s, %d bytes, as a %s: %d kB, %v", name, len(b), kind, n>>10, err)
		}
	}
}
