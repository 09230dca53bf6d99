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
	// maxMemory bounds what the decompressor may allocate, in bytes.
	maxMemory = 64 << 20
	// maxRatio and slack bound what a frame may expand to. Digests do not
	// compress, so that an honest record stays far below.
	maxRatio = 200
	slack    = 1 << 20
)

// errBomb reports a frame that expands to far more than an honest one would.
var errBomb = errors.New("it expands to an implausible size")

// encoders are reused: the tables of one are a megabyte, and a head has some
// hundred bytes.
var encoders = sync.Pool{New: func() any {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err) // no option can be wrong
	}
	return z
}}

// encode writes head as the first line and then n items, and compresses all.
func encode[T any](head any, n int, item func(i int) T) ([]byte, error) {
	var buf bytes.Buffer
	z := encoders.Get().(*zstd.Encoder)
	defer encoders.Put(z)
	z.Reset(&buf)
	w := bufio.NewWriter(z)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	err := enc.Encode(head)
	for i := 0; i < n && err == nil; i++ {
		err = enc.Encode(item(i))
	}
	if err := errors.Join(err, w.Flush(), z.Close()); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
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
func (r *reader) next(v any, strict bool) error {
	line, err := r.line()
	if err != nil {
		return err
	}
	return r.decode(line, v, strict)
}

func (r *reader) line() ([]byte, error) {
	if !r.lines.Scan() {
		if err := r.lines.Err(); err != nil {
			if r.in.err != nil {
				return nil, r.in.err // the network's fault, not the record's
			}
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

func (r *reader) decode(line []byte, v any, strict bool) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	if strict {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(v); err != nil {
		return r.corrupt(err)
	}
	if dec.More() {
		return r.corrupt(errors.New("a line holds more than one value"))
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
	if err := r.decode(line, &f, false); err != nil {
		return err
	}
	switch {
	case f.Format > Format:
		return &NewerError{Kind: r.kind, Format: f.Format}
	case f.Format < 1:
		return r.corrupt(fmt.Errorf("its format is %d", f.Format))
	}
	return r.decode(line, v, strict)
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
