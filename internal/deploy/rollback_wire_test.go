package deploy

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/testbed"
	"github.com/pandastack-io/pandastack/providers/s3"
)

// TestRollbackUploadsNothing rolls back a release that changed a thousand
// files, on MinIO, and counts what goes over the wire: every request that
// carries bytes writes a record.
func TestRollbackUploadsNothing(t *testing.T) {
	t.Parallel()
	const files = 1000
	w := newWorld(t).quiet()
	server := testbed.MinIO(t)
	w.site.Bucket = server.NewBucket(t)
	proxy := testbed.NewCountingProxy(t, server.Endpoint)
	store, err := s3.New(t.Context(), s3.Options{Provider: "minio", Bucket: w.site.Bucket, Endpoint: proxy.URL, Credentials: server.Credentials()})
	if err != nil {
		t.Fatal(err)
	}
	run := func() *Run {
		o := w.options()
		o.Live, o.State, o.Workers = storage.Prefixed(store, w.site.Prefix), storage.Prefixed(store, w.site.Prefix+".pandastack/"), 0
		return Open(t.Context(), o)
	}
	one, two := tree{}, tree{}
	for i := range files {
		path := fmt.Sprintf("%03d/%d.html", i%40, i)
		one[path], two[path] = fmt.Sprintf("one %d|60", i), fmt.Sprintf("two %d|120", i)
	}
	for _, v := range []tree{one, two} {
		if _, err := run().Deploy(t.Context(), w.desired(v)); err != nil {
			t.Fatal(err)
		}
	}
	proxy.Reset()
	if _, err := run().Rollback(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	got := countWire(t, proxy.Requests())
	want := wireCount{"head": 2, "intents": 1, "releases": 1, "displace": files, "restore": files}
	if fmt.Sprint(got.counts) != fmt.Sprint(want) {
		t.Errorf("a rollback over %d files made %v, want %v", files, got.counts, want)
	}
	if got.carried != 0 {
		t.Errorf("%d bytes were sent with copies", got.carried)
	}
	if diff := differs(t, storage.Prefixed(store, w.site.Prefix), w.desired(one)); diff != "" {
		t.Error(diff)
	}
	t.Logf("%v; %d bytes of records sent", got.counts, got.records)
}

// wireCount counts the PUT requests by what they write.
type wireCount map[string]int

type wireTotals struct {
	counts           wireCount
	carried, records int64 // bytes in copies, and in all others
}

func countWire(t *testing.T, requests []testbed.Request) wireTotals {
	t.Helper()
	out := wireTotals{counts: wireCount{}}
	for _, r := range requests {
		if r.Method != "PUT" {
			continue
		}
		_, name, ofState := strings.Cut(r.Path, "/.pandastack/")
		kind, _, _ := strings.Cut(name, "/")
		switch isCopy := r.Header.Get("X-Amz-Copy-Source") != ""; {
		case isCopy && kind == "blobs":
			kind = "displace"
		case isCopy && !ofState:
			kind = "restore"
		case !ofState:
			kind = "upload"
		}
		out.counts[kind]++
		if kind == "displace" || kind == "restore" {
			out.carried += r.Sent
		} else {
			out.records += r.Sent
		}
	}
	return out
}

// differs returns how the objects of a site differ from the desired ones.
func differs(t *testing.T, live storage.Store, want Desired) string {
	t.Helper()
	for _, d := range want.Objects {
		o, err := live.Get(t.Context(), d.Path)
		if err != nil {
			return err.Error()
		}
		b, err := io.ReadAll(o.Body)
		o.Body.Close()
		if err != nil || storage.Bytes(b).SHA256 != d.SHA256 || !o.Headers.Equal(d.Headers) {
			return fmt.Sprintf("%s: %q %v, want %v (%v)", d.Path, b, o.Headers, d.Headers, err)
		}
	}
	return ""
}
