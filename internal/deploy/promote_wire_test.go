package deploy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/testbed"
	"github.com/pandastack-io/pandastack/providers/s3"
)

// place is a site in a bucket of a real server.
type place struct {
	store storage.Store
	site  state.Site
}

func placeAt(t *testing.T, provider string, server *testbed.S3, endpoint, bucket, prefix string) place {
	t.Helper()
	const mib = 1 << 20
	store, err := s3.New(t.Context(), s3.Options{
		Provider: provider, Bucket: bucket, Endpoint: endpoint, Region: server.Region, Credentials: server.Credentials(),
		MultipartAbove: 6 * mib, PartBytes: 5 * mib, CopyAbove: 7 * mib,
	})
	if err != nil {
		t.Fatal(err)
	}
	return place{store, state.Site{Bucket: bucket, Prefix: prefix}}
}

func (p place) live() storage.Store { return storage.Prefixed(p.store, p.site.Prefix) }

func (p place) options(w *world) Options {
	o := w.options()
	o.Site, o.Live, o.State, o.Workers = p.site, p.live(), storage.Prefixed(p.store, p.site.Prefix+".pandastack/"), 0
	return o
}

// TestPromoteUploadsNothing promotes two thousand files between prefixes and
// between buckets, and counts what goes over the wire: every request that
// carries bytes writes a record.
func TestPromoteUploadsNothing(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		provider string
		server   *testbed.S3
		files    int
	}{{"minio", testbed.MinIO(t), 2000}, {"s3", testbed.VersityGW(t), 300}} {
		proxy := testbed.NewCountingProxy(t, tc.server.Endpoint)
		one, two := tc.server.NewBucket(t), tc.server.NewBucket(t)
		from := placeAt(t, tc.provider, tc.server, proxy.URL, one, "staging/")
		w := newWorld(t).quiet()
		files := tree{}
		for i := range tc.files {
			files[fmt.Sprintf("%03d/%d.html", i%40, i)] = fmt.Sprintf("file %d|0", i)
		}
		files["video.css"] = strings.Repeat("0123456789abcdef", 1<<20) + "|0" // more than one request copies
		if _, err := Open(t.Context(), from.options(w)).Deploy(t.Context(), w.desired(files)); err != nil {
			t.Fatal(err)
		}
		for _, to := range []place{placeAt(t, tc.provider, tc.server, proxy.URL, one, "www/"), placeAt(t, tc.provider, tc.server, proxy.URL, two, "")} {
			t.Run(tc.provider+" "+to.site.String(), func(t *testing.T) {
				promoteOnWire(t, w, proxy, from, to, files)
			})
		}
		if diff := differs(t, from.live(), w.desired(files)); diff != "" {
			t.Errorf("the other site: %s", diff)
		}
	}
}

func promoteOnWire(t *testing.T, w *world, proxy *testbed.CountingProxy, from, to place, files tree) {
	rules, err := site.NewHeaderSet([]site.HeaderRule{{Source: "**", Headers: storage.Headers{storage.CacheControl: "max-age=60"}}})
	if err != nil {
		t.Fatal(err)
	}
	none, err := site.NewHeaderSet(nil)
	if err != nil {
		t.Fatal(err)
	}
	source := from.options(w)
	o := to.options(w)
	// What the storage does is found out by the first deploy.
	if _, err := Open(t.Context(), o).Deploy(t.Context(), w.desired(tree{"index.html": "soon"})); err != nil {
		t.Fatal(err)
	}
	proxy.Reset()
	fin, err := Open(t.Context(), o).Promote(t.Context(), Promotion{
		From: "staging", Site: source.Site, Live: source.Live, State: source.State, Headers: rules, FromHeaders: none,
	})
	if err != nil {
		t.Fatal(err)
	}
	got := countWire(t, proxy.Requests())
	want := wireCount{"head": 3, "intents": 1, "releases": 1, "displace": 1, "restore": len(files) + 2} // one in three parts
	if fmt.Sprint(got.counts) != fmt.Sprint(want) {
		t.Errorf("a promote of %d files made %v, want %v", len(files), got.counts, want)
	}
	if got.carried != 0 || fin.BytesUploaded != 0 {
		t.Errorf("%d bytes were sent with copies, and %d uploaded", got.carried, fin.BytesUploaded)
	}
	if diff := differs(t, to.live(), w.desired(as(files, minute))); diff != "" {
		t.Error(diff)
	}
	t.Logf("%v; %d bytes of records sent", got.counts, got.records)
}
