package deploy

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/pace"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/testbed"
	"github.com/pandastack-io/pandastack/providers/s3"
)

// slowDown is what S3 answers where it takes no more
// (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
const slowDown = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`

// TestPaceOnWire: a deploy to a server that is far away sends more and more at
// once; one that answers "slow down" above twenty soon gets less, and the whole
// site.
func TestPaceOnWire(t *testing.T) {
	for _, c := range []struct {
		name  string
		files int
		head  time.Duration // that the head takes
		takes time.Duration // of any object; much more than anything here does
		most  int64         // requests that the server takes at once
		check func(t *testing.T, limit int, asked, highest int64)
	}{
		{"far away", 500, 0, 200 * time.Millisecond, 1 << 20, func(t *testing.T, limit int, asked, highest int64) {
			if limit <= pace.First || highest <= pace.First || asked > 0 {
				t.Errorf("%d at once after %d requests to slow down", limit, asked)
			}
		}},
		// The head takes long enough for more than that to be sent at first; at the
		// end more may be tried.
		{"slow down", 800, 20 * time.Millisecond, 50 * time.Millisecond, 20, func(t *testing.T, limit int, asked, highest int64) {
			if limit > pace.Most/2 || asked == 0 {
				t.Errorf("%d at once after %d requests to slow down", limit, asked)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).quiet()
			server := testbed.MinIO(t)
			w.site.Bucket = server.NewBucket(t)
			proxy := testbed.NewCountingProxy(t, server.Endpoint)
			var inFlight, highest atomic.Int64
			proxy.Around(func(forward http.Handler) http.Handler {
				return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					n := inFlight.Add(1)
					defer inFlight.Add(-1)
					highest.Store(max(highest.Load(), n))
					if n > c.most {
						rw.WriteHeader(http.StatusServiceUnavailable)
						fmt.Fprint(rw, slowDown)
						return
					}
					switch key := r.URL.Path; {
					case strings.HasSuffix(key, "/"+state.HeadKey):
						time.Sleep(c.head)
					case !strings.Contains(key, "/.pandastack/"):
						time.Sleep(c.takes)
					}
					forward.ServeHTTP(rw, r)
				})
			})
			store, err := s3.New(t.Context(), s3.Options{
				Provider: "minio", Bucket: w.site.Bucket, Endpoint: proxy.URL, Credentials: server.Credentials(), Workers: pace.Most, MaxAttempts: 30, MaxBackoff: time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			o := w.options()
			o.Live, o.State, o.Usage, o.Workers = storage.Prefixed(store, w.site.Prefix), storage.Prefixed(store, w.site.Prefix+".pandastack/"), store.Usage, 0
			files := tree{}
			for i := range c.files {
				files[fmt.Sprintf("%d.html", i)] = fmt.Sprint("page ", i)
			}
			r := Open(t.Context(), o)
			if _, err := r.Deploy(t.Context(), w.desired(files)); err != nil {
				t.Fatal(err)
			}
			proxy.Around(nil)
			if diff := differs(t, o.Live, w.desired(files)); diff != "" {
				t.Error(diff)
			}
			c.check(t, r.pace.Limit(), store.Usage().SlowDowns, highest.Load())
			t.Logf("%d at once in the end, %d at most; %d answers asked to slow down", r.pace.Limit(), highest.Load(), store.Usage().SlowDowns)
		})
	}
}
