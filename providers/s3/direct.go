package s3

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	smithyauth "github.com/aws/smithy-go/auth"
	"github.com/aws/smithy-go/encoding/httpbinding"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// direct sends the first attempt of a PUT with the SDK's signer and without its
// some seventy steps, which cost more than all else that a small PUT does
// (BenchmarkPut). What does not simply succeed is handed to the SDK, as if it
// had sent that attempt: it reads the error, waits, and tries again.
type direct struct {
	bucket       *url.URL
	name, region string // that requests are signed for
	signer       *v4.Signer
	credentials  aws.CredentialsProvider
	headers      []map[string]string // of every request
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
	return &direct{bucket: &ep.URI, name: name, region: region, signer: signer, credentials: credentials, headers: []map[string]string{s.headers, s.write}}
}

// request makes the signed request.
func (d *direct) request(ctx context.Context, w write, body io.ReadCloser) (*http.Request, error) {
	u := *d.bucket
	u.RawPath = u.EscapedPath() + "/" + httpbinding.EscapePath(w.key, false)
	u.Path += "/" + w.key
	u.RawQuery = "x-id=PutObject" // as the SDK does, for those who read logs
	sum := w.src.SHA256.String()
	r := (&http.Request{
		Method: http.MethodPut, URL: &u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"X-Amz-Content-Sha256": {sum}, "User-Agent": {"pandastack"}, "Accept-Encoding": {"identity"},
			"Content-Type": {"application/octet-stream"}, // where w names none, as the SDK has it
		},
		Body: body, ContentLength: w.src.Size,
	}).WithContext(ctx)
	if w.src.Size == 0 {
		r.Body = http.NoBody
	}
	for _, headers := range append([]map[string]string{w.headers}, d.headers...) {
		for name, v := range headers {
			r.Header.Set(name, v)
		}
	}
	if w.s.Checksums {
		r.Header.Set("X-Amz-Checksum-Sha256", *checksum(w.src.SHA256))
	}
	ifNoneMatch, ifMatch := w.conditions()
	for name, v := range map[string]*string{"If-None-Match": ifNoneMatch, "If-Match": ifMatch} {
		if v != nil {
			r.Header.Set(name, *v)
		}
	}
	keys, err := d.credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	// By the service's clock, as the SDK does: with ours, a machine whose clock is
	// wrong would be refused.
	now := time.Now().Add(time.Duration(w.s.meter.skew.Load()))
	return r, d.signer.SignHTTP(ctx, keys, r, sum, d.name, d.region, now)
}

// put sends the first attempt. Where ok is false, it has to go on as resumed.
func (d *direct) put(ctx context.Context, w write, body *body) (info storage.Info, resumed *attempt, ok bool) {
	if d == nil {
		return storage.Info{}, nil, false
	}
	once := &onceBody{r: body}
	r, err := d.request(ctx, w, once)
	if err != nil { // which the SDK meets, too
		return storage.Info{}, nil, false
	}
	resp, err := w.s.meter.Do(r)
	if err == nil && resp.StatusCode == http.StatusOK && resp.Header.Get("ETag") != "" {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10)) // there is none; the connection is free for the next one
		resp.Body.Close()
		etag := resp.Header.Get("ETag")
		sent, _ := http.ParseTime(resp.Header.Get("Date")) // zero where there is none
		return storage.Info{Key: w.key, Size: w.src.Size, ETag: bareETag(&etag), Date: sent}, nil, true
	}
	once.Close()
	_, _ = body.Seek(0, io.SeekStart) // which fails only before the start
	return storage.Info{}, &attempt{resp: resp, err: err, next: w.s.meter}, false
}

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
