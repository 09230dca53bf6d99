package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pandastack-io/pandastack/internal/event"
)

// WriteReceipt writes what a run did: the release that is live and where, what
// changed, what it took, and what is still owed. It returns the first error of
// the writer.
func WriteReceipt(c Console, f event.Finished, o Options) error {
	w := &sticky{w: c.W}
	head := "Unchanged:"
	if f.Changed {
		head = "Live:"
	}
	before := ""
	if f.Changed && f.Parent != "" {
		before = fmt.Sprintf(" (before: %s)", name(f.Parent))
	}
	fmt.Fprintf(w, "%s %s at %s%s\n", c.paint(bold+green, head), name(cmp.Or(f.Release, "no release")), name(cmp.Or(f.URL, f.Target)), before)
	if did := deeds(c, f); len(did) > 0 {
		fmt.Fprintf(w, "  %s\n", strings.Join(did, "; "))
	}
	fmt.Fprintf(w, "  %s; %s\n", requests(f.Requests), elapsed(f.Elapsed))
	writeOwed(w, c, f.Owed, o.Full)
	return w.err
}

// deeds lists what changed, without what did not.
func deeds(c Console, f event.Finished) []string {
	var did []string
	if f.Changed {
		did = append(did, c.summary(f.Created, f.Updated, f.Headers, f.Deleted, f.Kept)+asides(f.Adopted, f.Retired, f.RetiredUntil, f.Revived))
	}
	if f.Changed || f.BytesUploaded > 0 {
		did = append(did, size(f.BytesUploaded)+" uploaded")
	}
	if f.PurgedURLs > 0 {
		did = append(did, fmt.Sprintf("%s purged in %s", count(f.PurgedURLs, "URL"), count(f.PurgeRequests, "request")))
	}
	if p := f.Proof; p != nil {
		did = append(did, fmt.Sprintf("%d of %s as released", p.Proved, count(len(p.URLs), "URL")))
	}
	return did
}

// kinds of requests, in the order in which they are shown; others follow.
var kinds = []string{"GET", "HEAD", "LIST", "PUT", "COPY", "POST", "DELETE"}

// requests renders how many there were, and how many of each kind.
func requests(by map[string]int64) string {
	total := 0
	rank := func(kind string) int {
		if i := slices.Index(kinds, kind); i >= 0 {
			return i
		}
		return len(kinds)
	}
	var names []string
	for kind, n := range by {
		if n > 0 {
			names = append(names, kind)
			total += int(n)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	for i, kind := range names {
		names[i] = fmt.Sprintf("%d %s", by[kind], name(kind))
	}
	if total == 0 {
		return "no requests"
	}
	return count(total, "request") + ": " + strings.Join(names, ", ")
}

func writeOwed(w *sticky, c Console, owed []string, full bool) {
	if len(owed) == 0 {
		return
	}
	fmt.Fprintf(w, "  %s\n", c.paint(yellow, "owed, for the next run:"))
	shown := owed
	if !full && len(owed) > showAll {
		shown = owed[:showDeletions]
	}
	for _, o := range shown {
		fmt.Fprintf(w, "    %s\n", name(o))
	}
	if more := len(owed) - len(shown); more > 0 {
		fmt.Fprintf(w, "    … and %d more (--full shows all)\n", more)
	}
}
