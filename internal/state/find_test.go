package state

import (
	"errors"
	"testing"
)

func TestFind(t *testing.T) {
	live := &Release{ID: "01jdcc", History: []string{"01jdaa", "01jdab", "01jdcb"}}
	for _, tt := range []struct{ name, id, err string }{
		{"live", "01jdcc", ""},
		{"live~0", "01jdcc", ""},
		{"live~1", "01jdcb", ""},
		{"live~3", "01jdaa", ""},
		{"previous", "01jdcb", ""},
		{"01jdab", "01jdab", ""},
		{"01JDAB", "01jdab", ""},
		{"01jdaa", "01jdaa", ""},
		{"01jda", "", "no such release: 01jda is the beginning of 2 ids"},
		{"01", "", "no such release: 01 is the beginning of 4 ids"},
		{"01jde", "", "no such release: 01jde is not kept"},
		{"1jdab", "", "no such release: 1jdab is not kept"},
		{"lives", "", "no such release: lives is not kept"},
		{"", "", "no such release:  is not kept"},
		{"live~4", "", "no such release: live~4 is not kept, only 3 before the live one"},
		{"live~", "", `no such release: after live~ comes a number, not ""`},
		{"live~-1", "", `no such release: after live~ comes a number, not "-1"`},
		{"live~x", "", `no such release: after live~ comes a number, not "x"`},
		{"live~99999999999999999999", "", `no such release: after live~ comes a number, not "99999999999999999999"`},
	} {
		id, err := live.Find(tt.name)
		if tt.err == "" && (err != nil || id != tt.id) {
			t.Errorf("%s: got %s, %v", tt.name, id, err)
		}
		if tt.err != "" && (!errors.Is(err, ErrNoRelease) || err.Error() != tt.err || id != "") {
			t.Errorf("%s: got %s, %v", tt.name, id, err)
		}
	}

	alone := &Release{ID: "01jdcc"}
	if _, err := alone.Find("previous"); !errors.Is(err, ErrNoRelease) || err.Error() != "no such release: no release before the live one is kept" {
		t.Error(err)
	}
	// An id that another one begins with is still that id.
	if id, err := (&Release{ID: "01a", History: []string{"01ab"}}).Find("01a"); id != "01a" || err != nil {
		t.Error(id, err)
	}
	if !errors.Is(ErrNothing, ErrNoRelease) || errors.Is(ErrNoRelease, ErrNothing) {
		t.Error("ErrNothing is an ErrNoRelease, and not the other way round")
	}
}
