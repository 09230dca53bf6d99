package state

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Every object of the state is a Zstandard frame (RFC 8878) around JSON lines:
// the first line is the record itself, the others the items of its list. So
// `zstd -dc | jq` reads it, and neither side holds it twice in memory.

const (
	// maxLine bounds one line, in bytes: a key of 1,024 bytes with every byte
	// escaped, or the header sets of a record.
	maxLine = 4 << 20
	// maxMemory bounds the window that a frame may ask the decompressor for, in
	// bytes. It is no bound of what comes out of it: a record is read line by
	// line, and may be far larger.
	maxMemory = 64 << 20
	// maxRatio and slack bound what a frame may expand to. Digests do not
	// compress, so that an honest record stays far below.
	maxRatio = 200
	slack    = 1 << 20
)

// errBomb reports a frame that expands to far more than an honest one would.
var errBomb = errors.New("it expands to an implausible size")

// window is how far back the compressor looks for what repeats, in bytes. Both
// sides hold it in memory. What repeats in a record is in the lines before: a
// larger window makes none smaller.
const window = 256 << 10

// encoders are reused: the tables of one are a megabyte, and a head has some
// hundred bytes. The fastest level is also the one that makes records smallest:
// the others look for matches in digests.
var encoders = sync.Pool{New: func() any {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(window))
	if err != nil {
		panic(err) // no option can be wrong
	}
	return z
}}

// writer writes the lines of one object of the state.
type writer struct {
	out   stored
	z     *zstd.Encoder
	lines *bufio.Writer
	json  *json.Encoder
}

// stored is an object as it is stored. It grows by less than a bytes.Buffer, which
// would take three times the size of a record.
type stored []byte

// Write appends p.
func (s *stored) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}

// newWriter returns a writer of an object that has about so many bytes.
func newWriter(size int) *writer {
	w := &writer{out: make(stored, 0, size), z: encoders.Get().(*zstd.Encoder)}
	w.z.Reset(&w.out)
	w.lines = bufio.NewWriter(w.z)
	w.json = json.NewEncoder(w.lines)
	w.json.SetEscapeHTML(false)
	return w
}

// end returns what was written, where err is nil. The writer is of no use any
// more.
func (w *writer) end(err error) ([]byte, error) {
	err = errors.Join(err, w.lines.Flush(), w.z.Close())
	w.z.Reset(nil) // it would keep what was written
	encoders.Put(w.z)
	if err != nil {
		return nil, err
	}
	return w.out, nil
}

// reader reads the lines of one object of the state.
type reader struct {
	kind  string
	lines *bufio.Scanner
	z     *zstd.Decoder
	in    *counter
	out   int64
}

func newReader(kind string, r io.Reader) (*reader, error) {
	in := &counter{r: r}
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxMemory))
	if err != nil {
		return nil, &CorruptError{Kind: kind, Err: err}
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	return &reader{kind: kind, lines: lines, z: z, in: in}, nil
}

func (r *reader) close() { r.z.Close() }

func (r *reader) corrupt(err error) error { return &CorruptError{Kind: r.kind, Err: err} }

// next decodes the next line into v. At the end it returns io.EOF.
func (r *reader) next(v any) error {
	line, err := r.line()
	if err != nil {
		return err
	}
	return r.decode(line, v)
}

func (r *reader) line() ([]byte, error) {
	more := r.lines.Scan()
	if r.in.err != nil { // the network's fault, not the record's; the last line may be cut off
		return nil, r.in.err
	}
	if !more {
		if err := r.lines.Err(); err != nil {
			return nil, r.corrupt(err)
		}
		return nil, io.EOF
	}
	line := r.lines.Bytes()
	r.out += int64(len(line)) + 1
	if r.out > maxRatio*r.in.n+slack {
		return nil, r.corrupt(errBomb)
	}
	return line, nil
}

// decode decodes a line, which is one value, into v.
func (r *reader) decode(line []byte, v any) error {
	if err := json.Unmarshal(line, v); err != nil {
		return r.corrupt(err)
	}
	return nil
}

// decodeKnown does the same for a line that was decoded before, and refuses
// fields that v does not have.
func (r *reader) decodeKnown(line []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return r.corrupt(err)
	}
	return nil
}

// first decodes the first line into v after it has made sure that its format
// is known.
func (r *reader) first(v any, strict bool) error {
	line, err := r.line()
	if err == io.EOF {
		return r.corrupt(io.ErrUnexpectedEOF)
	}
	if err != nil {
		return err
	}
	var f struct {
		Format int `json:"format"`
	}
	if err := r.decode(line, &f); err != nil {
		return err
	}
	switch {
	case f.Format > Format:
		return &NewerError{Kind: r.kind, Format: f.Format}
	case f.Format < 1:
		return r.corrupt(fmt.Errorf("its format is %d", f.Format))
	}
	if strict {
		return r.decodeKnown(line, v)
	}
	return r.decode(line, v)
}

// end returns an error unless all lines have been read.
func (r *reader) end() error {
	_, err := r.line()
	switch {
	case err == io.EOF:
		return nil
	case err != nil:
		return err
	default:
		return r.corrupt(errors.New("it goes on after its end"))
	}
}

// counter counts what is read through it and keeps the error that ended it.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}
