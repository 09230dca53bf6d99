package state

import (
	"encoding/json"
	"errors"
)

// MaxHead bounds a head as it is stored, in bytes. It grows with what was
// erased on purpose, and with what CDNs are owed.
const MaxHead = 1 << 20

// ErrHeadTooLarge reports a head that nobody could read again.
var ErrHeadTooLarge = errors.New("the head of the site would be too large")

// EncodeHead returns the head as it is stored, or ErrHeadTooLarge.
func EncodeHead(h Head) ([]byte, error) {
	h.Format = Format
	b, line, err := encodeHead(h)
	if err == nil && (len(b) > MaxHead || line >= maxLine) {
		return nil, ErrHeadTooLarge
	}
	return b, err
}

// Full reports whether a head is more than half as large as one can be: the
// rest is for what deploys add.
func (h *Head) Full() bool {
	b, line, err := encodeHead(*h)
	return err != nil || len(b) > MaxHead/2 || line > maxLine/2
}

// encodeHead returns a head of any size, and how long its line is, at most.
func encodeHead(h Head) (b []byte, line int, err error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, 0, err
	}
	w := newWriter(len(text))
	b, err = w.end(w.json.Encode(h))
	return b, len(text), err
}
