package edge

import (
	"bytes"
	"context"
	"net/http"

	"github.com/oklog/ulid/v2"

	"github.com/pandastack-io/pandastack/internal/site"
)

// zstdMagic begins each Zstandard frame (RFC 8878, section 3.1.1), and so each
// record of a site.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// Readable reports whether visitors can read a record of the deploy at a path
// below the site's root, and returns its URL. Any answer but the record itself
// is fine: a redirect, 403, 404, a page that stands in for what is missing. It
// asks once, and takes at most five seconds.
//
// Records are stored with no-store. So that a cache that does not honour this
// neither answers from, nor keeps, what a visitor could ask for, the request
// says no-store too and has a query of its own.
func Readable(ctx context.Context, o Options, path string) (string, bool) {
	target := site.URL(o.Base, path)
	timeout := readableTimeout
	if o.RequestTimeout > 0 {
		timeout = min(timeout, o.RequestTimeout)
	}
	a, err := newClient(o, timeout).get(ctx, target+"?pandastack="+ulid.Make().String(), http.Header{"Cache-Control": {"no-store"}})
	if err != nil || a.elsewhere != "" {
		return target, false
	}
	return target, a.status == http.StatusOK && bytes.HasPrefix(a.body, zstdMagic)
}
