package s3

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyauth "github.com/aws/smithy-go/auth"
	"github.com/aws/smithy-go/encoding/httpbinding"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// direct sends the first attempt of the requests that a deploy consists of (PUT,
// COPY, HEAD) with the SDK's signer and without its some seventy steps, which
// cost more than all else that a small one does (BenchmarkPut). What does not
// simply succeed is handed to the SDK, as if it had sent that attempt: it reads
// the error, waits, and tries again.
type direct struct {
	bucket       *url.URL
	name, region string // that requests are signed for
	signer       *v4.Signer
	credentials  aws.CredentialsProvider
	headers      map[string]string // of every request
}

// newDirect returns nil where only the SDK knows how to sign.
func (s *Store) newDirect(ep *endpoint, credentials aws.CredentialsProvider) *direct {
	if s.googleFrontEnd || credentials == nil || aws.IsCredentialsProvider(credentials, aws.AnonymousCredentials{}) {
		return nil
	}
	options, ok := smithyauth.GetAuthOptions(&ep.Properties)
	const sigV4 = "sigv4" // as the SDK's endpoint rules name it
	if !ok || len(options) == 0 || options[0].SchemeID != sigV4 {
		return nil
	}
	name, named := smithyhttp.GetSigV4SigningName(&options[0].SignerProperties)
	region, placed := smithyhttp.GetSigV4SigningRegion(&options[0].SignerProperties)
	if !named || !placed || len(ep.Headers) > 0 {
		return nil
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }) // S3 signs the path as it is sent
	return &direct{bucket: &ep.URI, name: name, region: region, signer: signer, credentials: credentials, headers: s.headers}
}

// call is a request that direct can send.
type call struct {
	method, operation, key string
	body                   io.ReadCloser // nil: none
	size                   int64         // of the body
	sum                    storage.Digest
	headers                []map[string]string // the later ones win
}

// request makes the signed request.
func (d *direct) request(ctx context.Context, m *meter, c call) (*http.Request, error) {
	u := *d.bucket
	u.RawPath = u.EscapedPath() + "/" + httpbinding.EscapePath(c.key, false)
	u.Path += "/" + c.key
	if c.method != http.MethodHead {
		u.RawQuery = "x-id=" + c.operation // as the SDK does, for those who read logs
	}
	sum := c.sum.String()
	r := (&http.Request{
		Method: c.method, URL: &u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"X-Amz-Content-Sha256": {sum}, "User-Agent": {"pandastack"}, "Accept-Encoding": {"identity"}},
		Body:   c.body, ContentLength: c.size,
	}).WithContext(ctx)
	if c.size == 0 {
		r.Body = http.NoBody
	}
	for _, headers := range append(c.headers, d.headers) {
		for name, v := range headers {
			r.Header.Set(name, v)
		}
	}
	keys, err := d.credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	// By the service's clock, as the SDK does: with ours, a machine whose clock is
	// wrong would be refused.
	now := time.Now().Add(time.Duration(m.skew.Load()))
	return r, d.signer.SignHTTP(ctx, keys, r, sum, d.name, d.region, now)
}

// send sends the first attempt. Where ok is false, because take had no use for
// the answer, too, it has to go on as resumed.
func (d *direct) send(ctx context.Context, m *meter, c call, take func(*http.Response) bool) (resumed *attempt, ok bool) {
	r, err := d.request(ctx, m, c)
	if err != nil { // which the SDK meets, too
		return nil, false
	}
	resp, err := m.Do(r)
	if err == nil && resp.StatusCode == http.StatusOK && take(resp) {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10)) // there is none; the connection is free for the next one
		resp.Body.Close()
		return nil, true
	}
	return &attempt{resp: resp, err: err, next: m}, false
}

// put sends the first attempt of w.
func (d *direct) put(ctx context.Context, w write, body *body) (info storage.Info, resumed *attempt, ok bool) {
	if d == nil {
		return storage.Info{}, nil, false
	}
	own := map[string]string{storage.ContentType: "application/octet-stream"} // where w names none, as the SDK has it
	ifNoneMatch, ifMatch := w.conditions()
	for name, v := range map[string]*string{"If-None-Match": ifNoneMatch, "If-Match": ifMatch} {
		if v != nil {
			own[name] = *v
		}
	}
	if w.s.Checksums {
		own["X-Amz-Checksum-Sha256"] = *checksum(w.src.SHA256)
	}
	once := &onceBody{r: body}
	c := call{http.MethodPut, "PutObject", w.key, once, w.src.Size, w.src.SHA256, []map[string]string{own, w.headers, w.s.write}}
	resumed, ok = d.send(ctx, w.s.meter, c, func(resp *http.Response) bool {
		info = storage.Info{Key: w.key, Size: w.src.Size, ETag: bareETag(resp.Header.Get("ETag")), Date: httpTime(resp, "Date")}
		return info.ETag != ""
	})
	if !ok {
		once.Close()
		_, _ = body.Seek(0, io.SeekStart) // which fails only before the start
	}
	return info, resumed, ok
}

// copy sends the first attempt of c.
func (d *direct) copy(ctx context.Context, c serverCopy) (info storage.Info, resumed *attempt, ok bool) {
	if d == nil {
		return storage.Info{}, nil, false
	}
	own := map[string]string{"X-Amz-Copy-Source": c.source, "X-Amz-Metadata-Directive": string(types.MetadataDirectiveReplace)}
	if c.ifMatch != nil {
		own["X-Amz-Copy-Source-If-Match"] = *c.ifMatch
	}
	resumed, ok = d.send(ctx, c.s.meter, call{
		method: http.MethodPut, operation: "CopyObject", key: c.key, sum: noBytes, headers: []map[string]string{own, c.headers, c.s.write},
	}, func(resp *http.Response) bool {
		// It begins before the copy is done, and may tell of an error.
		var result struct {
			XMLName xml.Name `xml:"CopyObjectResult"`
			ETag    string
		}
		read, err := io.ReadAll(io.LimitReader(resp.Body, maxCopyResult))
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(read), failing{err}, resp.Body), resp.Body}
		if err != nil || xml.Unmarshal(read, &result) != nil {
			return false
		}
		info = storage.Info{Key: c.key, Size: c.size, ETag: bareETag(result.ETag), Date: httpTime(resp, "Date")}
		return info.ETag != ""
	})
	return info, resumed, ok
}

// stat sends the first attempt of a Stat.
func (d *direct) stat(ctx context.Context, m *meter, key string) (info storage.Info, resumed *attempt, ok bool) {
	if d == nil {
		return storage.Info{}, nil, false
	}
	resumed, ok = d.send(ctx, m, call{method: http.MethodHead, key: key, sum: noBytes}, func(resp *http.Response) bool {
		info = infoOf(key, resp)
		return true
	})
	return info, resumed, ok
}

// noBytes is the SHA-256 of no bytes, which requests without a body announce.
var noBytes = storage.Digest(sha256.Sum256(nil))

// maxCopyResult bounds in bytes what is read of an answer to a COPY. It has an
// ETag, a time, and checksums.
const maxCopyResult = 64 << 10

// failing is a reader that returns an error, where there is one.
type failing struct{ err error }

// Read returns the error, or io.EOF.
func (f failing) Read([]byte) (int, error) { return 0, cmp.Or(f.err, io.EOF) }

// onceBody is the body of one attempt. net/http may read it after the answer
// has come, and must not then, because the next attempt does.
type onceBody struct {
	mu sync.Mutex
	r  io.Reader
}

// Read reads the next bytes of the body, of which there are none after Close.
func (b *onceBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.r == nil {
		return 0, io.EOF
	}
	return b.r.Read(p)
}

// Close ends the body, and leaves what it reads open.
func (b *onceBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.r = nil
	return nil
}

// attempt is an HTTP client that answers its first request with what another
// one got already.
type attempt struct {
	once sync.Once
	resp *http.Response
	err  error
	next aws.HTTPClient
}

// drop closes an answer that nobody asked for.
func (a *attempt) drop() {
	if a == nil {
		return
	}
	a.once.Do(func() {
		if a.resp != nil {
			a.resp.Body.Close()
		}
	})
}

// Do returns the known answer to the first request, and sends the others.
func (a *attempt) Do(r *http.Request) (resp *http.Response, err error) {
	known := false
	a.once.Do(func() { resp, err, known = a.resp, a.err, true })
	if known {
		return resp, err
	}
	return a.next.Do(r)
}

// resume lets the SDK go on with an attempt, where there was one.
func resume(a *attempt) func(*awss3.Options) {
	return func(o *awss3.Options) {
		if a != nil {
			o.HTTPClient = a
		}
	}
}
