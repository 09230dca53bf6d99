package deploy

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// liar is a store that names wrong ETags for one key.
type liar struct {
	*spy
	key string
}

func (l *liar) Put(ctx context.Context, key string, src storage.Source, h storage.Headers, c storage.Condition) (storage.Info, error) {
	info, err := l.spy.Put(ctx, key, src, h, c)
	if key == l.key {
		info.ETag = "wrong"
	}
	return info, err
}

// TestWrongETag: an ETag that the service got wrong is no reason to refuse what
// is otherwise as it was recorded, neither for a file nor for the head.
func TestWrongETag(t *testing.T) {
	for _, key := range []string{"blog/a.css", "blog/.pandastack/head"} {
		w := newWorld(t)
		lie := &liar{spy: w.spy, key: key}
		o := w.options()
		o.Live, o.State = storage.Prefixed(lie, "blog/"), storage.Prefixed(lie, "blog/.pandastack/")
		if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(v1)); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		v2 := maps.Clone(v1)
		v2["a.css"] = "a2"
		w.must(v2)
		w.check(v2)
	}
}

// TestForeignAfterWrongETag: other bytes, or other headers, are not ours.
func TestForeignAfterWrongETag(t *testing.T) {
	w := newWorld(t)
	w.must(v1)
	w.put("blog/a.css", "theirs")
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	_, err := w.deploy(v2)
	var foreign *ForeignError
	if !errors.As(err, &foreign) {
		t.Errorf("got %v", err)
	}
}

// TestLateCommit: a commit that the service does after it has said that it did
// not is found when the head is given back.
func TestLateCommit(t *testing.T) {
	w := newWorld(t)
	first := w.must(v1)
	n := 0
	var commit func() error
	w.spy.intercept(func(op string, done func() error) error {
		if op == "PUT blog/.pandastack/head" {
			switch n++; n {
			case 2:
				commit = done
				return errBroken
			case 3:
				if err := commit(); err != nil {
					t.Error(err)
				}
			}
		}
		return done()
	})
	v2 := maps.Clone(v1)
	v2["a.css"] = "a2"
	fin, err := w.deploy(v2)
	w.spy.intercept(nil)
	if !errors.Is(err, ErrOwed) || len(fin.Owed) == 0 || fin.Release == first.Release {
		t.Errorf("%v; the receipt: %+v", err, fin)
	}
	if h := w.head(); h.Busy != nil || h.Live != fin.Release || len(h.Owed) == 0 {
		t.Errorf("the head: %+v", h)
	}
	w.must(v2)
	w.check(v2)
}
