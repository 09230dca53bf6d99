package s3

import (
	"bytes"
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
	meter        *meter
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
	return &direct{bucket: &ep.URI, name: name, region: region, signer: signer, credentials: credentials, headers: s.headers, meter: s.meter}
}

// call is a request that direct can send.
type call struct {
	method, operation, key string
	body                   io.ReadCloser       // nil: none
	size                   int64               // of the body
	sum                    storage.Digest      // of the body
	headers                []map[string]string // the later ones win
}

// request makes the signed request.
func (d *direct) request(ctx context.Context, c call) (*http.Request, error) {
	u := *d.bucket
	u.RawPath = u.EscapedPath() + "/" + httpbinding.EscapePath(c.key, false)
	u.Path += "/" + c.key
	if c.method != http.MethodHead {
		u.RawQuery = "x-id=" + c.operation // as the SDK does, for those who read logs
	}
	if c.body == nil {
		c.sum = noBytes
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
	now := time.Now().Add(time.Duration(d.meter.skew.Load()))
	return r, d.signer.SignHTTP(ctx, keys, r, sum, d.name, d.region, now)
}

// send sends the first attempt. Where it has not succeeded, or take refused the
// answer, ok is false, and the SDK has to go on with resumed.
func (d *direct) send(ctx context.Context, c call, take func(*http.Response) bool) (resumed *attempt, ok bool) {
	r, err := d.request(ctx, c)
	if err != nil { // which the SDK meets, too
		return nil, false
	}
	resp, err := d.meter.Do(r)
	if err == nil && resp.StatusCode == http.StatusOK && take(resp) {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10)) // so that the connection is free for the next one
		resp.Body.Close()
		return nil, true
	}
	return &attempt{resp: resp, err: err, next: d.meter}, false
}

// put sends the first attempt of w; see send.
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
	c := call{
		method: http.MethodPut, operation: "PutObject", key: w.key, body: once, size: w.src.Size, sum: w.src.SHA256,
		headers: []map[string]string{own, w.headers, w.s.write},
	}
	resumed, ok = d.send(ctx, c, func(resp *http.Response) bool {
		info = storage.Info{Key: w.key, Size: w.src.Size, ETag: bareETag(resp.Header.Get("ETag")), Date: httpTime(resp, "Date")}
		return info.ETag != ""
	})
	if !ok {
		once.Close()
		_, _ = body.Seek(0, io.SeekStart) // which fails only before the start
	}
	return info, resumed, ok
}

// copy sends the first attempt of c; see send.
func (d *direct) copy(ctx context.Context, c serverCopy) (info storage.Info, resumed *attempt, ok bool) {
	if d == nil {
		return storage.Info{}, nil, false
	}
	own := map[string]string{"X-Amz-Copy-Source": c.source, "X-Amz-Metadata-Directive": string(types.MetadataDirectiveReplace)}
	if c.ifMatch != nil {
		own["X-Amz-Copy-Source-If-Match"] = *c.ifMatch
	}
	resumed, ok = d.send(ctx, call{
		method: http.MethodPut, operation: "CopyObject", key: c.key, headers: []map[string]string{own, c.headers, c.s.write},
	}, func(resp *http.Response) bool {
		// It begins before the copy is done, and may tell of an error.
		var result struct{ ETag string }
		read, err := io.ReadAll(resp.Body)
		resp.Body = struct { // for the SDK, which meets the same error
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(read), resp.Body), resp.Body}
		if err != nil || xml.Unmarshal(read, &result) != nil {
			return false
		}
		info = storage.Info{Key: c.key, Size: c.size, ETag: bareETag(result.ETag), Date: httpTime(resp, "Date")}
		return info.ETag != ""
	})
	return info, resumed, ok
}

// stat sends the first attempt of a Stat; see send.
func (d *direct) stat(ctx context.Context, key string) (info storage.Info, resumed *attempt, ok bool) {
	if d == nil {
		return storage.Info{}, nil, false
	}
	resumed, ok = d.send(ctx, call{method: http.MethodHead, key: key}, func(resp *http.Response) bool {
		info = infoOf(key, resp)
		return true
	})
	return info, resumed, ok
}

// noBytes is the SHA-256 of no bytes, which requests without a body announce.
var noBytes = storage.Digest(sha256.Sum256(nil))

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
