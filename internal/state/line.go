package state

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// A record has a line for each object of the site, in every run. So the lines
// that EncodeRelease writes are put together, and taken apart, without
// reflection. They are JSON like all others: what looks different in any way,
// though it may mean the same, is left to encoding/json.

// appendLine appends the line of an object, without its end.
func appendLine(b []byte, o *Object, headers int) ([]byte, error) {
	if !plain(o.Path) || !plain(o.ETag) {
		var text strings.Builder
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		err := enc.Encode(objectLine{Path: o.Path, Size: o.Size, SHA256: o.SHA256, Headers: headers, ETag: o.ETag})
		return append(b, strings.TrimSuffix(text.String(), "\n")...), err
	}
	b = append(append(b, `{"path":"`...), o.Path...)
	b = strconv.AppendInt(append(b, `","size":`...), o.Size, 10)
	b = hex.AppendEncode(append(b, `,"sha256":"`...), o.SHA256[:])
	b = strconv.AppendInt(append(b, `","headers":`...), int64(headers), 10)
	if o.ETag != "" {
		b = append(append(append(b, `,"etag":"`...), o.ETag...), '"')
	}
	return append(b, '}'), nil
}

// plain reports whether a string is in JSON as it is, between quotes.
func plain(s string) bool {
	for i := range len(s) {
		if !plainByte(s[i]) {
			return false
		}
	}
	return true
}

// plainByte reports whether a byte of a string is in JSON as it is. Of what is
// not ASCII, it may be so, but may also not be UTF-8.
func plainByte(c byte) bool {
	return c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && c != 0x7f
}

// cutLine reads a line as appendLine writes it, and returns false for any
// other.
func cutLine(line []byte) (l objectLine, ok bool) {
	c := cutter{rest: line}
	c.expect(`{"path":"`)
	l.Path = c.text()
	c.expect(`","size":`)
	l.Size = c.number()
	c.expect(`,"sha256":"`)
	c.digest(&l.SHA256)
	c.expect(`","headers":`)
	l.Headers = c.index()
	if !c.failed && len(c.rest) > 1 {
		c.expect(`,"etag":"`)
		l.ETag = c.text()
		c.expect(`"`)
	}
	c.expect(`}`)
	return l, !c.failed && len(c.rest) == 0
}

// cutter takes a line apart from its beginning.
type cutter struct {
	rest   []byte
	failed bool
}

// expect goes past a string.
func (c *cutter) expect(s string) {
	if len(c.rest) < len(s) || string(c.rest[:len(s)]) != s {
		c.failed, c.rest = true, nil
		return
	}
	c.rest = c.rest[len(s):]
}

// text returns what comes before the next quote.
func (c *cutter) text() string {
	n := 0
	for n < len(c.rest) && plainByte(c.rest[n]) {
		n++
	}
	s := string(c.rest[:n])
	c.rest = c.rest[n:]
	return s
}

// maxDigits is how many digits any number of them fits into an int64.
const maxDigits = 18

// number returns an integer as strconv writes it, which is not negative.
func (c *cutter) number() int64 {
	var v int64
	n := 0
	for n < len(c.rest) && '0' <= c.rest[n] && c.rest[n] <= '9' {
		v = v*10 + int64(c.rest[n]-'0')
		n++
	}
	if n == 0 || n > maxDigits || n > 1 && c.rest[0] == '0' {
		c.failed = true
	}
	c.rest = c.rest[n:]
	return v
}

// index returns a number that is an int on any machine.
func (c *cutter) index() int {
	v := c.number()
	c.failed = c.failed || v > math.MaxInt32
	return int(v)
}

// digest reads the digits of a digest.
func (c *cutter) digest(d *storage.Digest) {
	n := hex.EncodedLen(len(d))
	if len(c.rest) < n || d.UnmarshalText(c.rest[:n]) != nil {
		c.failed, c.rest = true, nil
		return
	}
	c.rest = c.rest[n:]
}
