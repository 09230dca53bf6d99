package s3

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/internal/testbed"
)

func TestAnswers(t *testing.T) {
	get := func(s *Store) error { _, err := s.Get(t.Context(), "k"); return err }
	update := func(s *Store) error {
		_, err := s.Put(t.Context(), "k", storage.Bytes(nil), nil, storage.Condition{ETag: "e"})
		return err
	}
	const where = "https://s3.eu-west-1.amazonaws.com"
	for _, tc := range []struct {
		name   string
		op     func(*Store) error
		status int
		body   string
		header string
		kind   error
		want   string
	}{
		{"missing", get, 404, s3Error("NoSuchKey", "The specified key does not exist."), "", storage.ErrNotExist, `get k: object does not exist`},
		{"missing without a body", get, 404, "", "", storage.ErrNotExist, `get k: object does not exist`},
		{"no bucket", get, 404, s3Error("NoSuchBucket", "The specified bucket does not exist"), "", storage.ErrNoBucket, `get k: bucket does not exist: "www" at ` + where},
		{"update of nothing", update, 404, s3Error("NoSuchKey", "The specified key does not exist."), "", storage.ErrPrecondition, `put k: the object is not in the expected state`},
		{"update without bucket", update, 404, s3Error("NoSuchBucket", "x"), "", storage.ErrNoBucket, `put k: bucket does not exist: "www" at ` + where},
		{"other version", update, 412, s3Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold"), "", storage.ErrPrecondition, `put k: the object is not in the expected state`},
		{"denied", get, 403, s3Error("AccessDenied", "User: arn:aws:iam::1:user/ci is not authorized to perform: s3:GetObject"), "", storage.ErrDenied, `get k: access denied: User: arn:aws:iam::1:user/ci is not authorized to perform: s3:GetObject`},
		{"denied without a body", get, 403, "", "", storage.ErrDenied, `get k: access denied: Forbidden`},
		{"unknown key", get, 403, s3Error("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."), "", storage.ErrCredentials, `get k: credentials refused: InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.`},
		{"bad signature", get, 403, s3Error("SignatureDoesNotMatch", "Check your key"), "", storage.ErrCredentials, `get k: credentials refused: SignatureDoesNotMatch: Check your key`},
		{"expired", get, 400, s3Error("ExpiredToken", "The provided token has expired."), "", storage.ErrCredentials, `get k: credentials refused: ExpiredToken: The provided token has expired.`},
		{"moved", get, 301, s3Error("PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint."), "X-Amz-Bucket-Region: us-west-2", storage.ErrWrongRegion, `get k: the bucket is in another region: "www" is in us-west-2, not in eu-west-1`},
		{"moved, list", func(s *Store) error {
			for _, err := range s.List(t.Context(), "p/") {
				return err
			}
			return nil
		}, 301, s3Error("PermanentRedirect", "x"), "X-Amz-Bucket-Region: us-west-2", storage.ErrWrongRegion, `list p/: the bucket is in another region: "www" is in us-west-2, not in eu-west-1`},
		{"signed for another region", get, 400, s3Error("AuthorizationHeaderMalformed", "the region 'eu-west-1' is wrong; expecting 'us-west-2'"), "X-Amz-Bucket-Region: us-west-2", storage.ErrWrongRegion, `get k: the bucket is in another region: "www" is in us-west-2, not in eu-west-1`},
		{"signed for another region, without its name", get, 400, s3Error("AuthorizationHeaderMalformed", "the region is wrong; expecting \"us-west-2\""), "", storage.ErrWrongRegion, `get k: the bucket is in another region: "www" is not in eu-west-1: the region is wrong; expecting "us-west-2"`},
		{"wrong endpoint", get, 400, s3Error("IllegalLocationConstraintException", "it must be us-west-2"), "", storage.ErrWrongRegion, `get k: the bucket is in another region: "www" is not in eu-west-1: it must be us-west-2`},
		{"key too long", update, 400, s3Error("KeyTooLongError", "Your key is too long"), "", storage.ErrInvalidKey, `put k: the provider cannot store this key: Your key is too long`},
		{"altered on the way", update, 400, s3Error("XAmzContentSHA256Mismatch", "The provided header does not match what was computed."), "", storage.ErrModified, `put k: the file changed while it was being sent: The provided header does not match what was computed.`},
		{"anything else", get, 400, s3Error("InvalidFoo", "Your\n foo  is bad"), "", nil, `get k: ` + where + ` answered 400 InvalidFoo: Your foo is bad`},
		{"no S3 service", func(s *Store) error {
			for _, err := range s.List(t.Context(), "") {
				return err
			}
			return nil
		}, 200, "<!doctype html><p>hello", "", storage.ErrUnreachable, `list: the endpoint cannot be reached: ` + where + ` does not answer as an S3 service does`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &fake{answer: func(int, *http.Request) *http.Response { return answer(tc.status, tc.body, tc.header) }}
			err := tc.op(faked(t, f, Options{Provider: "s3", Region: "eu-west-1", MaxAttempts: 1}))
			var e *storage.Error
			if !errors.As(err, &e) || err.Error() != tc.want || (tc.kind != nil && !errors.Is(err, tc.kind)) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
			var r *ResponseError
			if !errors.As(err, &r) || (tc.status >= 400 && r.RequestID != "REQ1" && tc.kind != storage.ErrPrecondition) {
				t.Errorf("no request id: %+v", r)
			}
		})
	}
}

// TestCredentialsRefused asks a real server, and looks for the secret.
func TestCredentialsRefused(t *testing.T) {
	srv := testbed.MinIO(t)
	bucket := srv.NewBucket(t)
	for name, c := range map[string]aws.Credentials{
		"wrong secret": {AccessKeyID: srv.AccessKey, SecretAccessKey: "wrong-secret-value"},
		"unknown key":  {AccessKeyID: "nobody-at-all", SecretAccessKey: "wrong-secret-value"},
	} {
		s := open(t, srv, bucket, func(o *Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil })
		})
		_, err := s.Put(t.Context(), "k", storage.Bytes([]byte("x")), nil, storage.Condition{})
		if !errors.Is(err, storage.ErrCredentials) || strings.Contains(err.Error(), "wrong-secret-value") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	f := &fake{answer: func(int, *http.Request) *http.Response { return answer(500, "") }}
	s, err := New(t.Context(), Options{Provider: "minio", Bucket: "b", Endpoint: "http://127.0.0.1:1", HTTPClient: f})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(t.Context(), "k")
	want := "get k: credentials refused: none were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	if !errors.Is(err, storage.ErrCredentials) || err.Error() != want || len(f.requests) != 0 {
		t.Errorf("%d requests\ngot  %v\nwant %s", len(f.requests), err, want)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	plainHost := strings.TrimPrefix(plain.URL, "http://")

	for name, tc := range map[string]struct{ endpoint, want string }{
		"refused":     {"http://" + closed, "http://" + closed + ": connection refused"},
		"no host":     {"http://s3.invalid", "http://s3.invalid: no such host s3.invalid"},
		"HTTP, not S": {"https://" + plainHost, "https://" + plainHost + " speaks HTTP, not HTTPS"},
		"certificate": {secure.URL, secure.URL + ": its certificate is not accepted: x509: certificate signed by unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := New(context.Background(), Options{
				Provider: "minio", Bucket: "b", Endpoint: tc.endpoint, Credentials: (&testbed.S3{AccessKey: "a", SecretKey: "s"}).Credentials(),
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Get(context.Background(), "k")
			want := "get k: the endpoint cannot be reached: " + tc.want
			if !errors.Is(err, storage.ErrUnreachable) || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}
