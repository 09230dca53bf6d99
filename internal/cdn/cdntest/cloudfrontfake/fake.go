// Package cloudfrontfake is a strict stand-in for the part of CloudFront's API
// that invalidates, for tests. It refuses what the real one refuses, and more:
// whatever a correct client does not send. Signatures are verified.
//
// Sources: Amazon CloudFront API Reference, CreateInvalidation and
// GetInvalidation; Developer Guide, "Specify the files to invalidate" and
// "Invalidation limits".
package cloudfrontfake

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/cdn/cdntest"
)

// What a server knows.
const (
	DistributionID = "EDFDVBD632BHDS5"
	AccessKeyID    = "AKIAFAKECLOUDFRONT01"
	SecretKey      = "fake/cloudfront+Kx93hQ0vWsLmNpRtYzAbCdEfGhIj"
	namespace      = "http://cloudfront.amazonaws.com/doc/2020-05-31/"
	base           = "/2020-05-31/distribution/"
)

// Options says what a server does.
type Options struct {
	// Origin is the scheme and host that its items are reported with, as it
	// looks at paths alone; empty: https://www.example.com.
	Origin string
	// Takes is how long an invalidation is in progress; 0: not at all.
	Takes time.Duration
}

// invalidation is one that was accepted.
type invalidation struct {
	id, reference string
	paths         []string
	done          time.Time
}

type judge struct {
	o Options

	mu  sync.Mutex
	all []invalidation
}

// New starts a server that ends with the test.
func New(t testing.TB, o Options) *cdntest.Server {
	t.Helper()
	if o.Origin == "" {
		o.Origin = "https://www.example.com"
	}
	return cdntest.NewServer(t, &judge{o: o})
}

// batch is the body of CreateInvalidation.
type batch struct {
	XMLName         xml.Name `xml:"InvalidationBatch"`
	CallerReference string
	Paths           struct {
		Quantity int
		Items    struct {
			Path []string
		}
	}
}

// Judge answers as the API does.
func (j *judge) Judge(r *http.Request, body []byte) cdntest.Verdict {
	if code := signature(r, body); code != "" {
		return refuse(http.StatusForbidden, code, "The request signature or its key is not right")
	}
	rest, ok := strings.CutPrefix(r.URL.Path, base)
	id, action, _ := strings.Cut(rest, "/")
	switch {
	case !ok || r.URL.RawQuery != "":
		return refuse(http.StatusNotFound, "UnknownOperationException", "No such operation")
	case id != DistributionID:
		return refuse(http.StatusNotFound, "NoSuchDistribution", "The specified distribution does not exist.")
	case r.Method == http.MethodGet:
		return j.get(strings.TrimPrefix(action, "invalidation/"))
	case r.Method != http.MethodPost || action != "invalidation":
		return refuse(http.StatusNotFound, "UnknownOperationException", "No such operation")
	}
	var b batch
	if err := xml.Unmarshal(body, &b); err != nil || b.XMLName.Space != namespace {
		return refuse(http.StatusBadRequest, "MalformedXML", "The XML document is malformed")
	}
	return j.create(b)
}

func (j *judge) create(b batch) cdntest.Verdict {
	paths := b.Paths.Items.Path
	v := cdntest.Verdict{Items: j.items(paths)}
	refused := cdntest.Verdict{}
	wildcards := 0
	for i, p := range paths {
		if wrong := wrongPath(p); wrong != "" {
			refused = refuse(400, "InvalidArgument", "Your request contains one or more invalid invalidation paths: "+wrong)
		}
		if slices.Contains(paths[:i], p) && i < 200 {
			refused = refuse(400, "InvalidArgument", "Your request contains a path twice")
		}
		if strings.HasSuffix(p, "*") {
			wildcards++
		}
	}
	switch {
	case b.CallerReference == "" || len(paths) == 0:
		refused = refuse(400, "InvalidArgument", "The reference or the paths are missing")
	case b.Paths.Quantity != len(paths):
		refused = refuse(400, "InconsistentQuantities", "The value of Quantity and the size of Items don't match.")
	case len(paths) > 3000 || wildcards > 15:
		refused = refuse(413, "BatchTooLarge", "Invalidation batch specified is too large.")
	}
	if refused.Answer != nil {
		v.Answer = refused.Answer
		return v
	}
	if earlier, ok := j.referred(b.CallerReference); ok { // nothing new is invalidated
		v.Answer = refuse(400, "InvalidationBatchAlreadyExists", "The reference was used before").Answer
		if slices.Equal(earlier.paths, paths) {
			v.Answer = created(earlier)
		}
		return v
	}
	v.Purged = true
	v.Answer = func(w http.ResponseWriter, r *http.Request) { created(j.add(b.CallerReference, paths))(w, r) }
	return v
}

// referred returns the invalidation that a reference made.
func (j *judge) referred(reference string) (invalidation, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.IndexFunc(j.all, func(x invalidation) bool { return x.reference == reference })
	if i < 0 {
		return invalidation{}, false
	}
	return j.all[i], true
}

func (j *judge) add(reference string, paths []string) invalidation {
	j.mu.Lock()
	defer j.mu.Unlock()
	x := invalidation{fmt.Sprintf("I%013d", len(j.all)+1), reference, paths, time.Now().Add(j.o.Takes)}
	j.all = append(j.all, x)
	return x
}

// Spend refuses what the quota of paths in progress does not allow.
func (j *judge) Spend(items []cdntest.Item) http.HandlerFunc {
	j.mu.Lock()
	defer j.mu.Unlock()
	plain, wild := count(items)
	for _, x := range j.all {
		if time.Now().Before(x.done) {
			p, w := count(j.items(x.paths))
			plain, wild = plain+p, wild+w
		}
	}
	if plain > 3000 || wild > 15 {
		return refuse(400, "TooManyInvalidationsInProgress", "Processing your request will cause you to exceed the maximum number of in-progress wildcard invalidations or paths.").Answer
	}
	return nil
}

func count(items []cdntest.Item) (plain, wild int) {
	for _, i := range items {
		if i.Kind == cdn.Prefixes || i.Kind == cdn.Everything {
			wild++
		} else {
			plain++
		}
	}
	return plain, wild
}

// items returns what paths mean, as browsers write them.
func (j *judge) items(paths []string) []cdntest.Item {
	var out []cdntest.Item
	for _, p := range paths {
		if tag, ok := strings.CutPrefix(p, "#"); ok {
			out = append(out, cdntest.Item{Kind: cdn.Tags, Name: tag})
			continue
		}
		if p == "/*" {
			out = append(out, cdntest.Item{Kind: cdn.Everything})
			continue
		}
		kind := cdn.URLs
		p, wild := strings.CutSuffix(p, "*")
		if wild {
			kind = cdn.Prefixes
		}
		out = append(out, cdntest.Item{Kind: kind, Name: j.o.Origin + sent.Replace(p)})
	}
	return out
}

// sent decodes what browsers do not encode.
var sent = strings.NewReplacer("%5B", "[", "%5D", "]", "%7C", "|", "%7E", "~")

func (j *judge) get(id string) cdntest.Verdict {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, x := range j.all {
		if x.id == id {
			return cdntest.Verdict{Answer: answer(http.StatusOK, x)}
		}
	}
	return refuse(http.StatusNotFound, "NoSuchInvalidation", "The specified invalidation does not exist.")
}
