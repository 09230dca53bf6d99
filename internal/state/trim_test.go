package state

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// The ids of this file, oldest first.
const (
	id1 = "01jd0000000000000000000001"
	id2 = "01jd0000000000000000000002"
	id3 = "01jd0000000000000000000003"
	id4 = "01jd0000000000000000000004"
)

func TestTrim(t *testing.T) {
	for name, tt := range map[string]struct {
		head    Head
		history []string
		blobs   []byte
		retired string
	}{
		"nothing":   {Head{}, []string{id1, id2, id3}, []byte{1, 2, 3}, "abc"},
		"oldest":    {Head{Oldest: id2}, []string{id2, id3}, []byte{2, 3}, "abc"},
		"all":       {Head{Oldest: id4}, []string{}, nil, "abc"},
		"forgotten": {Head{Forgotten: []Forgotten{{digest(2), id3}}}, []string{id1, id2, id3}, []byte{1, 3}, "abc"},
		"withdrawn": {Head{Withdrawn: []string{"a", "c", "d"}}, []string{id1, id2, id3}, []byte{1, 2, 3}, "b"},
	} {
		live := &Release{ID: id4, History: []string{id1, id2, id3}, Blobs: []Blob{{digest(1), 1, id1}, {digest(2), 1, id2}, {digest(3), 1, id3}}}
		for i, path := range []string{"a", "b", "c"} {
			live.Retired = append(live.Retired, Retired{Object: Object{Path: path, SHA256: digest(byte(i + 1))}})
		}
		tt.head.Trim(live)
		retired := ""
		for _, r := range live.Retired {
			retired += r.Path
		}
		var blobs []byte
		for _, b := range live.Blobs {
			blobs = append(blobs, b.SHA256[0])
		}
		if !slices.Equal(live.History, tt.history) || !slices.Equal(blobs, tt.blobs) || retired != tt.retired {
			t.Errorf("%s: got %v %v %v", name, live.History, blobs, retired)
		}
	}
	(&Head{Oldest: id1}).Trim(nil)
}

func TestForget(t *testing.T) {
	var h Head
	h.Forget(Forgotten{digest(2), id1}, Forgotten{digest(1), id2})
	before := h
	h.Forget(Forgotten{digest(2), id3}, Forgotten{digest(1), id1})
	if want := []Forgotten{{digest(1), id2}, {digest(2), id3}}; !slices.Equal(h.Forgotten, want) {
		t.Errorf("got %v", h.Forgotten)
	}
	if before.Forgotten[1].Last != id1 {
		t.Error("a copy of the head has changed")
	}
	if !h.Forgot(digest(1)) || h.Forgot(digest(3)) {
		t.Error("not what was forgotten")
	}
}

func TestWithdraw(t *testing.T) {
	h := Head{Withdrawn: []string{"b"}}
	before := h
	h.Withdraw("c", "a", "b")
	if !slices.Equal(h.Withdrawn, []string{"a", "b", "c"}) || !slices.Equal(before.Withdrawn, []string{"b"}) {
		t.Errorf("got %v, before %v", h.Withdrawn, before.Withdrawn)
	}
}

func TestFollow(t *testing.T) {
	h := Head{Oldest: id2, Withdrawn: []string{"a"}, Forgotten: []Forgotten{{digest(1), id1}, {digest(2), id2}, {digest(3), id3}}}
	old := h
	h.Follow(&Release{ID: id4, History: []string{id2, id3}, Objects: []Object{{Path: "a", SHA256: digest(2)}}})
	if h.Live != id4 || h.Oldest != "" || h.Withdrawn != nil || !slices.Equal(h.Forgotten, []Forgotten{{digest(3), id3}}) {
		t.Errorf("got %+v", h)
	}
	if len(old.Forgotten) != 3 || !old.Forgot(digest(1)) {
		t.Error("a copy of the head has changed")
	}
	h.Follow(&Release{ID: id4})
	if h.Forgotten != nil {
		t.Errorf("got %v", h.Forgotten)
	}
}

// TestKeptFields: what a head says is kept survives its encoding, and is
// checked.
func TestKeptFields(t *testing.T) {
	h := Head{Site: testSite, Live: id4, Oldest: id2, Forgotten: []Forgotten{{digest(1), id3}}, Withdrawn: []string{"a"}}
	b, err := EncodeHead(h)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeHead(bytes.NewReader(b), testSite)
	if err != nil || got.Oldest != id2 || !slices.Equal(got.Forgotten, h.Forgotten) || !slices.Equal(got.Withdrawn, h.Withdrawn) {
		t.Errorf("%+v, %v", got, err)
	}
	badID, badPath := h, h
	badID.Oldest = "../x"
	badPath.Withdrawn = []string{"../x"}
	for _, h := range []Head{badID, badPath} {
		if b, err = EncodeHead(h); err != nil {
			t.Fatal(err)
		}
		var corrupt *CorruptError
		if _, err := DecodeHead(bytes.NewReader(b), testSite); !errors.As(err, &corrupt) {
			t.Errorf("got %v", err)
		}
	}
}
