package state

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestHeadTooLarge never writes a head that could not be read again.
func TestHeadTooLarge(t *testing.T) {
	id := NewID(time.Now(), "")
	digests, paths := &Head{}, &Head{}
	for i := range 33_000 {
		digests.Forgotten = append(digests.Forgotten, Forgotten{sha256.Sum256(fmt.Append(nil, i)), id})
	}
	for i := range 10_000 { // compresses well
		paths.Withdrawn = append(paths.Withdrawn, strings.Repeat("x", 420)+fmt.Sprintf("%08d", i))
	}
	most := &Head{Forgotten: digests.Forgotten[:20_000]}
	for name, h := range map[string]*Head{"digests": digests, "paths": paths} {
		if b, err := EncodeHead(*h); !errors.Is(err, ErrHeadTooLarge) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
		h.Forgotten, h.Withdrawn = h.Forgotten[:len(h.Forgotten)/3], h.Withdrawn[:len(h.Withdrawn)/3]
		if _, err := EncodeHead(*h); err != nil || h.Full() {
			t.Errorf("a third of the %s: %v", name, err)
		}
	}
	if _, err := EncodeHead(*most); err != nil || !most.Full() {
		t.Error("no room is left for deploys")
	}
}
