package state

import (
	"cmp"
	"fmt"
	"time"
)

// Capabilities is what a probe found out about a storage.
type Capabilities struct {
	Store   string    `json:"store"`   // the service and bucket that were probed
	Checked time.Time `json:"checked"` // by the server's clock

	Create Promise `json:"create"` // If-None-Match: * on PUT, also of several writers at once
	Update Promise `json:"update"` // If-Match on PUT, also of several writers at once
	Copy   Promise `json:"copy"`   // a copy on the server has the source's bytes and the new headers
	CopyIf Promise `json:"copyIf"` // x-amz-copy-source-if-match
	// Payload: a body that is not the one of x-amz-content-sha256 is refused, for
	// that reason, and not kept. Empty: the probe did not try this.
	Payload Promise `json:"payload,omitempty"`
}

// Promise is how a storage keeps one of its promises.
type Promise string

// The values of a Promise.
const (
	Kept    Promise = "kept"
	Broken  Promise = "broken"  // it answers that it did, and did not
	Refused Promise = "refused" // it answers that it cannot
)

// Trusted returns the capabilities of a storage that keeps every promise.
func Trusted() Capabilities {
	return Capabilities{Create: Kept, Update: Kept, Copy: Kept, CopyIf: Kept}
}

// Exclusive reports whether of several writers of one key exactly one
// succeeds, whatever they do at the same moment.
func (c Capabilities) Exclusive() bool { return c.Create == Kept && c.Update == Kept }

// Copies reports whether the server can copy, with the new headers, and only
// the version of the source that it is asked for.
func (c Capabilities) Copies() bool { return c.Copy == Kept && c.CopyIf == Kept }

// check returns an error where a promise has a value that is not known.
func (c *Capabilities) check() error {
	if c == nil {
		return nil
	}
	for _, p := range []Promise{c.Create, c.Update, c.Copy, c.CopyIf, cmp.Or(c.Payload, Refused)} {
		switch p {
		case Kept, Broken, Refused:
		default:
			return fmt.Errorf("%q is not what a storage was found to do", p)
		}
	}
	return nil
}
