package cli

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// late lets one request of a dead deploy land after another deploy has
// committed. The next run finds and mends what it did.
func (b *crashBed) late(t *testing.T) {
	start, ledger := b.depot.read(t), b.ledger
	for _, tt := range []struct {
		request string
		status  int // by the conditions of the request
		harm    string
	}{
		{"PUT new.html", http.StatusOK, "new.html"},
		{"PUT style.css", http.StatusOK, "style.css"},
		{"COPY logo.svg", http.StatusOK, "logo.svg"},
		{"PUT data.json", http.StatusPreconditionFailed, ""},
		{"PUT index.html", http.StatusPreconditionFailed, ""},
		{"PUT head #2", http.StatusPreconditionFailed, ""},
		{"DELETE many", http.StatusOK, "gone.html"},
	} {
		t.Run(tt.request, func(t *testing.T) {
			b.depot.restore(t, start)
			b.ledger = ledger.clone()
			g := b.gate(0, &killPoint{request: tt.request})
			g.late = true
			b.run(t, 1, g, "deploy")
			if g.held == nil {
				t.Fatal("the request was cut off before it was whole")
			}
			before, _ := b.deploy(t, 2, expired)
			if got := g.held(); got != tt.status {
				t.Fatalf("the late request was answered with %d, want %d", got, tt.status)
			}
			var harmed []string
			now := b.depot.read(t)
			for _, key := range keysOf(before, now) {
				if before[key] != now[key] {
					harmed = append(harmed, key)
					b.ledger.touch(key)
				}
			}
			if got := strings.Join(harmed, " "); got != tt.harm {
				t.Errorf("the late request changed %q, want %q", got, tt.harm)
			}
			b.deploy(t, 2, expired+time.Minute)
			// When nothing can land any more, its intent is forgotten.
			after, left := b.deploy(t, 2, 2*time.Hour)
			if h := after.head(t, b.depot.name); len(h.Suspects) > 0 || left.intents > 0 {
				t.Errorf("still suspects %v, and %d intents", h.Suspects, left.intents)
			}
		})
	}
}
