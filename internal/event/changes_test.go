package event

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestChangesAreAList: they are in JSON what a list of them is, and come back.
func TestChangesAreAList(t *testing.T) {
	for name, list := range map[string][]Change{
		"none": {},
		"some": {
			{Op: "create", Path: "a<b>&.html", Size: 1, Stage: "new pages", Reason: "new"},
			{Op: "headers", Path: "b.css", OldSize: 2, Adopted: true, HeaderChanges: []HeaderChange{{Name: "Cache-Control", New: "no-cache"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := json.Marshal(list)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(ChangesOf(list...))
			if err != nil || string(got) != string(want) {
				t.Errorf("%s, want %s (%v)", got, want, err)
			}
			back := ChangesOf(Change{Path: "of before"})
			if err := json.Unmarshal(got, &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(list, append([]Change{}, slices.Collect(back.All())...)); diff != "" || back.Len() != len(list) {
				t.Errorf("%d come back (-want +got):\n%s", back.Len(), diff)
			}
		})
	}
	var none Changes
	if b, err := json.Marshal(none); string(b) != "[]" || err != nil || none.Len() != 0 {
		t.Errorf("the zero value is %s (%v)", b, err)
	}
}

// TestChangesAreDescribedOneByOne, and only as far as somebody looks.
func TestChangesAreDescribedOneByOne(t *testing.T) {
	described := 0
	c := NewChanges(1000, func(i int) Change { described++; return Change{Size: int64(i)} })
	for ch := range c.All() {
		if ch.Size == 2 {
			break
		}
	}
	if described != 3 || c.Len() != 1000 {
		t.Errorf("%d of %d were described", described, c.Len())
	}
}
