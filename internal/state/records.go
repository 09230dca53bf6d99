package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// DecodeHead reads the head of the given site. It refuses fields that it does
// not know, because rewriting the head would drop them.
func DecodeHead(r io.Reader, site Site) (*Head, error) {
	rd, err := newReader("head", r)
	if err != nil {
		return nil, err
	}
	defer rd.close()
	var h Head
	if err := rd.first(&h, true); err != nil {
		return nil, err
	}
	if err := rd.end(); err != nil {
		return nil, err
	}
	if err := checkSite("head", h.Site, site); err != nil {
		return nil, err
	}
	if err := h.check(); err != nil {
		return nil, rd.corrupt(err)
	}
	h.Forget() // sorts, as Trim and Forgot need it
	h.Withdraw()
	return &h, nil
}

// check returns an error where what becomes part of a key cannot be one.
func (h *Head) check() error {
	ids := append([]string{}, h.Doubt...)
	for _, d := range h.Owed {
		ids = append(ids, d.Intent)
	}
	for _, s := range h.Suspects {
		ids = append(ids, s.Intent)
	}
	if h.Live != "" {
		ids = append(ids, h.Live)
	}
	if h.Busy != nil {
		ids = append(ids, h.Busy.Target)
	}
	if h.Oldest != "" {
		ids = append(ids, h.Oldest)
	}
	if i := slices.IndexFunc(ids, func(id string) bool { return !ValidID(id) }); i >= 0 {
		return fmt.Errorf("%q is not the id of a release", ids[i])
	}
	for _, path := range h.Withdrawn {
		if err := CheckPath(path); err != nil {
			return err
		}
	}
	return h.Capabilities.check()
}

// releaseLine is the first line of a release record.
type releaseLine struct {
	Release
	HeaderSets []storage.Headers `json:"headerSets"`
	Count      int               `json:"objects"`
	BlobCount  int               `json:"blobs"`
	Retired    int               `json:"retired,omitempty"`
}

// objectLine is one object of a release record.
type objectLine struct {
	Path    string         `json:"path"`
	Size    int64          `json:"size"`
	SHA256  storage.Digest `json:"sha256"`
	Headers int            `json:"headers"` // index into headerSets
	ETag    string         `json:"etag,omitempty"`
}

// retiredLine is one retired object of a release record.
type retiredLine struct {
	objectLine
	Last  string    `json:"last"`
	Until time.Time `json:"until"`
}

// Sizes of a line in the stored record, in bytes, rounded up: what does not
// compress, which are the digest and the ETag, and some for the rest.
const (
	objectSize = 64
	blobSize   = 48
)

// EncodeRelease returns the record as it is stored. Header sets, of which a
// site has few, are written once and referred to by number.
func EncodeRelease(r *Release) ([]byte, error) {
	line := releaseLine{Release: *r, Count: len(r.Objects), BlobCount: len(r.Blobs), Retired: len(r.Retired)}
	line.Format = Format
	sets := headerSets{list: []storage.Headers{}, index: map[string]int{}, same: map[uintptr]int{}}
	for i := range r.Objects {
		sets.number(r.Objects[i].Headers)
	}
	for i := range r.Retired {
		sets.number(r.Retired[i].Headers)
	}
	line.HeaderSets = sets.list
	w := newWriter((len(r.Objects)+len(r.Retired))*objectSize + len(r.Blobs)*blobSize)
	err := w.json.Encode(line)
	for i := 0; i < len(r.Objects) && err == nil; i++ {
		err = w.object(&r.Objects[i], &sets)
	}
	for i := 0; i < len(r.Blobs) && err == nil; i++ {
		err = w.json.Encode(&r.Blobs[i])
	}
	for i := 0; i < len(r.Retired) && err == nil; i++ {
		t := &r.Retired[i]
		err = w.json.Encode(retiredLine{sets.line(&t.Object), t.Last, t.Until})
	}
	return w.end(err)
}

// object writes the line of an object.
func (w *writer) object(o *Object, sets *headerSets) error {
	line, err := appendLine(w.lines.AvailableBuffer(), o, sets.number(o.Headers))
	if err != nil {
		return err
	}
	_, err = w.lines.Write(append(line, '\n'))
	return err
}

// DecodeRelease reads the record of a release of the given site. Objects with
// equal headers share one map: callers clone before they change it.
func DecodeRelease(r io.Reader, site Site) (*Release, error) {
	rd, err := newReader("release", r)
	if err != nil {
		return nil, err
	}
	defer rd.close()
	var line releaseLine
	if err := rd.first(&line, false); err != nil {
		return nil, err
	}
	rel := &line.Release
	if err := checkSite("release", rel.Site, site); err != nil {
		return nil, err
	}
	if !ValidID(rel.ID) {
		return nil, rd.corrupt(fmt.Errorf("%q is not the id of a release", rel.ID))
	}
	for range line.Count {
		o, err := rd.object(line.HeaderSets, rel.Objects)
		if err != nil {
			return nil, err
		}
		rel.Objects = append(room(rel.Objects, line.Count), o)
	}
	for range line.BlobCount {
		b, err := rd.blob(rel.Blobs)
		if err != nil {
			return nil, err
		}
		rel.Blobs = append(room(rel.Blobs, line.BlobCount), b)
	}
	for range line.Retired {
		t, err := rd.retired(line.HeaderSets, rel)
		if err != nil {
			return nil, err
		}
		rel.Retired = append(rel.Retired, t)
	}
	if err := rd.end(); err != nil {
		return nil, err
	}
	return rel, nil
}

// room returns a list with room for one more item of those that are announced. It
// grows to eight times its size, but to no more than these: so a long list is
// hardly copied, and a record that announces more than it has takes no memory
// for what is not there.
func room[T any](list []T, announced int) []T {
	if n := len(list); n == cap(list) {
		return slices.Grow(list, max(1, min(max(256, 7*n), announced-n)))
	}
	return list
}

// object reads one object, which must sort after those before it.
func (r *reader) object(sets []storage.Headers, before []Object) (Object, error) {
	l, err := r.objectLine()
	if err != nil {
		return Object{}, err
	}
	o, err := r.described(l, sets)
	if n := len(before); err == nil && n > 0 && before[n-1].Path >= l.Path {
		err = r.corrupt(fmt.Errorf("%q is out of order", l.Path))
	}
	return o, err
}

func (r *reader) objectLine() (objectLine, error) {
	line, err := r.line()
	switch {
	case err == io.EOF:
		return objectLine{}, r.corrupt(io.ErrUnexpectedEOF)
	case err != nil:
		return objectLine{}, err
	}
	if l, ok := cutLine(line); ok {
		return l, nil
	}
	var l objectLine
	err = r.decode(line, &l)
	return l, err
}

// retired reads one retired object, which must sort after those before it and
// not be one of the release's objects.
func (r *reader) retired(sets []storage.Headers, rel *Release) (Retired, error) {
	var l retiredLine
	if err := r.item(&l); err != nil {
		return Retired{}, err
	}
	o, err := r.described(l.objectLine, sets)
	if err != nil {
		return Retired{}, err
	}
	_, live := slices.BinarySearchFunc(rel.Objects, l.Path, func(o Object, path string) int { return strings.Compare(o.Path, path) })
	n := len(rel.Retired)
	switch {
	case live:
		err = r.corrupt(fmt.Errorf("%q is both live and retired", l.Path))
	case n > 0 && rel.Retired[n-1].Path >= l.Path:
		err = r.corrupt(fmt.Errorf("the retired %q is out of order", l.Path))
	case !ValidID(l.Last):
		err = r.corrupt(fmt.Errorf("%q, which last had the retired %q, is not the id of a release", l.Last, l.Path))
	case l.Until.IsZero():
		err = r.corrupt(fmt.Errorf("the retired %q is there until no time", l.Path))
	}
	return Retired{Object: o, Last: l.Last, Until: l.Until}, err
}

// item reads the next line of a list that is not at its end.
func (r *reader) item(v any) error {
	err := r.next(v)
	if err == io.EOF {
		return r.corrupt(io.ErrUnexpectedEOF)
	}
	return err
}

// described returns the object of a line.
func (r *reader) described(l objectLine, sets []storage.Headers) (Object, error) {
	if l.Headers < 0 || l.Headers >= len(sets) {
		return Object{}, r.corrupt(fmt.Errorf("%q refers to header set %d of %d", l.Path, l.Headers, len(sets)))
	}
	if err := CheckPath(l.Path); err != nil {
		return Object{}, r.corrupt(err)
	}
	return Object{Path: l.Path, Size: l.Size, SHA256: l.SHA256, Headers: sets[l.Headers], ETag: l.ETag}, nil
}

// blob reads one blob, which must sort after those before it.
func (r *reader) blob(before []Blob) (Blob, error) {
	var b Blob
	if err := r.item(&b); err != nil {
		return b, err
	}
	if n := len(before); n > 0 && bytes.Compare(before[n-1].SHA256[:], b.SHA256[:]) >= 0 {
		return b, r.corrupt(fmt.Errorf("the blob %s is out of order", b.SHA256))
	}
	return b, nil
}

// intentLine is the first line of an intent.
type intentLine struct {
	Intent
	Count int `json:"touches"`
}

// EncodeIntent returns the intent as it is stored.
func EncodeIntent(in *Intent) ([]byte, error) {
	line := intentLine{Intent: *in, Count: len(in.Touches)}
	line.Format = Format
	w := newWriter(len(in.Touches) * blobSize)
	err := w.json.Encode(line)
	for i := 0; i < len(in.Touches) && err == nil; i++ {
		err = w.json.Encode(&in.Touches[i])
	}
	return w.end(err)
}

// DecodeIntent reads an intent of the given site.
func DecodeIntent(r io.Reader, site Site) (*Intent, error) {
	rd, err := newReader("intent", r)
	if err != nil {
		return nil, err
	}
	defer rd.close()
	var line intentLine
	if err := rd.first(&line, false); err != nil {
		return nil, err
	}
	in := &line.Intent
	if err := checkSite("intent", in.Site, site); err != nil {
		return nil, err
	}
	for range line.Count {
		t, err := rd.touch()
		if err != nil {
			return nil, err
		}
		in.Touches = append(in.Touches, t)
	}
	if err := rd.end(); err != nil {
		return nil, err
	}
	return in, nil
}

func (r *reader) touch() (Touch, error) {
	var t Touch
	if err := r.item(&t); err != nil {
		return t, err
	}
	if err := CheckPath(t.Path); err != nil {
		return t, r.corrupt(err)
	}
	if t.Delete && t.SHA256 == nil {
		return t, r.corrupt(fmt.Errorf("%q is deleted without a digest", t.Path))
	}
	return t, nil
}

// CheckPath returns an error where a path cannot belong to a site: a record
// that was tampered with must not lead writes out of it or into its state.
func CheckPath(path string) error {
	if path == "" || !utf8.ValidString(path) {
		return fmt.Errorf("%q is not a path", path)
	}
	for seg := range strings.SplitSeq(path, "/") {
		switch seg {
		case "", ".", "..":
			return fmt.Errorf("%q is not a clean relative path", path)
		case Dir:
			return fmt.Errorf("%q lies in the state", path)
		}
	}
	return nil
}

// errUnsorted reports objects that a caller did not sort.
var errUnsorted = errors.New("objects are not sorted by path, each path once")

// CheckSorted returns an error unless objects are sorted by path in byte
// order and each path is there once.
func CheckSorted(objects []Object) error {
	for i := 1; i < len(objects); i++ {
		if objects[i-1].Path >= objects[i].Path {
			return fmt.Errorf("%w: %q before %q", errUnsorted, objects[i-1].Path, objects[i].Path)
		}
	}
	return nil
}
