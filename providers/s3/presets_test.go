package s3

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/storage"
)

func TestPresetsAreComplete(t *testing.T) {
	for i, p := range Presets() {
		if got, ok := Lookup(p.Name); !ok || got.Title != p.Title || Names()[i] != p.Name {
			t.Errorf("%s is not found by its name", p.Name)
		}
		if _, err := url.ParseRequestURI(p.Docs); err != nil || p.Title == "" {
			t.Errorf("%s: title %q, documents %q", p.Name, p.Title, p.Docs)
		}
		l := p.Limits
		if l.KeyBytes == 0 || l.MetaBytes == 0 || l.Parts == 0 || l.ObjectBytes < l.PutBytes || l.PutBytes < gib {
			t.Errorf("%s: limits %+v", p.Name, l)
		}
		for _, field := range []string{"region", "accountId"} {
			if uses, needs := strings.Contains(p.endpoint, "{"+field+"}"), slices.Contains(p.Needs, field); uses != needs {
				t.Errorf("%s: the endpoint uses %s: %t; it is needed: %t", p.Name, field, uses, needs)
			}
		}
	}
	if _, ok := Lookup("nope"); ok {
		t.Error("found a preset that does not exist")
	}
}

// everyPreset is each row of the table as a user would configure it, and the
// URL at which the object "a b/é+.html" of the bucket www must then be.
var everyPreset = []struct {
	name   string
	o      Options
	url    string
	region string
}{
	{"aws", Options{Provider: "s3", Region: "eu-central-1"}, "https://www.s3.eu-central-1.amazonaws.com/", "eu-central-1"},
	{"aws first region", Options{Provider: "s3", Region: "us-east-1"}, "https://www.s3.us-east-1.amazonaws.com/", "us-east-1"},
	{"aws china", Options{Provider: "s3", Region: "cn-north-1"}, "https://www.s3.cn-north-1.amazonaws.com.cn/", "cn-north-1"},
	{"aws dotted bucket", Options{Provider: "s3", Region: "eu-west-1", Bucket: "www.example.com"}, "https://s3.eu-west-1.amazonaws.com/www.example.com/", "eu-west-1"},
	{"aws path style", Options{Provider: "s3", Region: "eu-west-1", PathStyle: new(true)}, "https://s3.eu-west-1.amazonaws.com/www/", "eu-west-1"},
	{"aws region from environment", Options{Provider: "s3"}, "https://www.s3.ap-southeast-2.amazonaws.com/", "ap-southeast-2"},
	{"any endpoint", Options{Provider: "s3", Endpoint: "https://s3.example.com"}, "https://s3.example.com/www/", "us-east-1"},
	{"any endpoint, host style", Options{Provider: "s3", Endpoint: "https://s3.example.com:8443/", Region: "x1", PathStyle: new(false)}, "https://www.s3.example.com:8443/", "x1"},
	{"r2", Options{Provider: "r2", AccountID: "abc123"}, "https://abc123.r2.cloudflarestorage.com/www/", "auto"},
	{"r2 in the EU", Options{Provider: "r2", Endpoint: "https://abc123.eu.r2.cloudflarestorage.com"}, "https://abc123.eu.r2.cloudflarestorage.com/www/", "auto"},
	{"minio", Options{Provider: "minio", Endpoint: "http://127.0.0.1:9000"}, "http://127.0.0.1:9000/www/", "us-east-1"},
	{"spaces", Options{Provider: "spaces", Region: "fra1"}, "https://www.fra1.digitaloceanspaces.com/", "fra1"},
	{"b2", Options{Provider: "b2", Region: "us-west-004"}, "https://s3.us-west-004.backblazeb2.com/www/", "us-west-004"},
	{"scaleway", Options{Provider: "scaleway", Region: "fr-par"}, "https://www.s3.fr-par.scw.cloud/", "fr-par"},
	{"hetzner", Options{Provider: "hetzner", Region: "fsn1"}, "https://www.fsn1.your-objectstorage.com/", "fsn1"},
	{"wasabi", Options{Provider: "wasabi", Region: "eu-central-2"}, "https://www.s3.eu-central-2.wasabisys.com/", "eu-central-2"},
	{"tigris", Options{Provider: "tigris"}, "https://www.t3.storage.dev/", "auto"},
	{"gcs", Options{Provider: "gcs"}, "https://storage.googleapis.com/www/", "auto"},
}

func TestRequestsOfEveryPreset(t *testing.T) {
	t.Setenv("AWS_REGION", "ap-southeast-2")
	t.Setenv("AWS_ENDPOINT_URL", "https://not-this-one.example.com")
	seen := map[string]bool{}
	for _, tc := range everyPreset {
		seen[tc.o.Provider] = true
		t.Run(tc.name, func(t *testing.T) {
			f := &fake{answer: func(int, *http.Request) *http.Response { return answer(200, "", `Etag: "e1"`) }}
			src := storage.Bytes([]byte("hello"))
			info, err := faked(t, f, tc.o).Put(t.Context(), "a b/é+.html", src, nil, storage.Condition{ETag: "e0"})
			if err != nil || info.ETag != "e1" {
				t.Fatal(info, err)
			}
			checkPutRequest(t, f.requests, tc.url+"a%20b/%C3%A9%2B.html", tc.region, src.SHA256)
			checkQuirks(t, f.requests[0], tc.o)
		})
	}
	for _, name := range Names() {
		if !seen[name] {
			t.Errorf("the preset %s is not tested", name)
		}
	}
}

func checkPutRequest(t *testing.T, requests []*http.Request, wantURL, region string, sum storage.Digest) {
	t.Helper()
	if len(requests) != 1 {
		t.Fatalf("%d requests", len(requests))
	}
	r := requests[0]
	if got, _, _ := strings.Cut(r.URL.String(), "?"); got != wantURL {
		t.Errorf("got  %s\nwant %s", got, wantURL)
	}
	auth := r.Header.Get("Authorization")
	if !strings.Contains(auth, "/"+region+"/s3/aws4_request") {
		t.Errorf("signed for another region than %s: %s", region, auth)
	}
	for name, want := range map[string]string{
		"X-Amz-Content-Sha256": sum.String(), "If-Match": `"e0"`,
		"Expect": "", "X-Amz-Acl": "", "X-Amz-Trailer": "", "Content-Encoding": "", "X-Amz-Checksum-Crc32": "",
		"X-Amz-Server-Side-Encryption": "",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if r.ContentLength != 5 {
		t.Errorf("Content-Length %d", r.ContentLength)
	}
}

// checkQuirks checks what only some services get.
func checkQuirks(t *testing.T, r *http.Request, o Options) {
	t.Helper()
	aws := o.Provider == "s3" && o.Endpoint == ""
	if has := r.Header.Get("X-Amz-Checksum-Sha256") != ""; has != aws {
		t.Errorf("x-amz-checksum-sha256 is sent: %t", has)
	}
	if has := r.Header.Get("X-Tigris-Consistent") == "true"; has != (o.Provider == "tigris") {
		t.Errorf("X-Tigris-Consistent is sent: %t", has)
	}
	google := o.Provider == "gcs"
	if signed := strings.Contains(r.Header.Get("Authorization"), "accept-encoding"); signed == google {
		t.Errorf("Accept-Encoding is signed: %t", signed)
	}
	if has := r.URL.Query().Has("x-id"); has == google {
		t.Errorf("x-id is sent: %t", has)
	}
	if got := r.Header.Get("Accept-Encoding"); google && got != "gzip" {
		t.Errorf("Accept-Encoding: %q", got)
	}
}

func TestListEncoding(t *testing.T) {
	for provider, want := range map[string]string{"wasabi": "url", "spaces": ""} {
		f := &fake{answer: func(_ int, r *http.Request) *http.Response {
			key := "a+b%25 c"
			if want == "url" {
				key = "a%2Bb%2525+c"
			}
			return answer(200, `<ListBucketResult><IsTruncated>false</IsTruncated><EncodingType>`+want+`</EncodingType><Contents><Key>`+key+`</Key><Size>3</Size><ETag>"x"</ETag></Contents></ListBucketResult>`)
		}}
		for info, err := range faked(t, f, Options{Provider: provider, Region: "fra1"}).List(t.Context(), "a") {
			if err != nil || info.Key != "a+b%25 c" || info.Size != 3 || info.ETag != "x" {
				t.Errorf("%s: %+v, %v", provider, info, err)
			}
		}
		if got := f.requests[0].URL.Query().Get("encoding-type"); got != want {
			t.Errorf("%s: encoding-type %q", provider, got)
		}
	}
}

func TestListThatDoesNotGoOn(t *testing.T) {
	f := &fake{answer: func(int, *http.Request) *http.Response {
		return answer(200, `<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>`)
	}}
	var last error
	for _, err := range faked(t, f, Options{Provider: "wasabi", Region: "x"}).List(t.Context(), "") {
		last = err
	}
	if last == nil || len(f.requests) != 1 {
		t.Errorf("%d requests, error %v", len(f.requests), last)
	}
}

// TestWriteHeaders: what a bucket asks of each object goes with every request
// that makes one.
func TestWriteHeaders(t *testing.T) {
	f := &fake{answer: func(_ int, r *http.Request) *http.Response {
		switch {
		case r.Method == http.MethodPost && r.URL.Query().Has("uploads"):
			return answer(200, `<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>`)
		case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
			return answer(200, `<CopyObjectResult><ETag>"c"</ETag></CopyObjectResult>`)
		case r.Method == http.MethodPost:
			return answer(200, `<CompleteMultipartUploadResult><ETag>"m-1"</ETag></CompleteMultipartUploadResult>`)
		}
		return answer(200, "", `Etag: "p"`)
	}}
	s := faked(t, f, Options{Provider: "s3", Region: "eu-west-1", ACL: "public-read", SSE: "aws:kms", KMSKeyID: "key-1", MultipartAbove: 10, PartBytes: 20, CopyAbove: 100})
	h := storage.Headers{storage.Expires: "0", storage.ContentType: "text/x", "X-Amz-Meta-A": "b"}
	for _, size := range []int{5, 11} {
		if _, err := s.Put(t.Context(), "k", storage.Bytes(make([]byte, size)), h, storage.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []int64{5, 101} {
		if _, err := s.Copy(t.Context(), storage.CopySource{Key: "a b+c/é", ETag: "e", Size: size}, "k", h); err != nil {
			t.Fatal(err)
		}
	}
	checkWriteHeaders(t, f.requests)
}

func checkWriteHeaders(t *testing.T, requests []*http.Request) {
	t.Helper()
	made := 0
	for _, r := range requests {
		q := r.URL.Query()
		part := q.Has("partNumber") || (r.Method == http.MethodPost && !q.Has("uploads"))
		want := map[string]string{
			"X-Amz-Acl": "public-read", "X-Amz-Server-Side-Encryption": "aws:kms",
			"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "key-1", "Expires": "0", "Content-Type": "text/x", "X-Amz-Meta-A": "b",
		}
		if part {
			want = map[string]string{"X-Amz-Acl": "", "X-Amz-Server-Side-Encryption": "", "X-Amz-Meta-A": ""}
		} else {
			made++
		}
		for name, v := range want {
			if got := r.Header.Get(name); got != v {
				t.Errorf("%s %s: %s is %q, want %q", r.Method, r.URL, name, got, v)
			}
		}
		if src := r.Header.Get("X-Amz-Copy-Source"); src != "" && (src != "www/a%20b%2Bc/%C3%A9" || r.Header.Get("X-Amz-Copy-Source-If-Match") != `"e"`) {
			t.Errorf("%s: copies %q if %q", r.URL, src, r.Header.Get("X-Amz-Copy-Source-If-Match"))
		}
		if r.Header.Get("X-Amz-Copy-Source") != "" && !part && r.Header.Get("X-Amz-Metadata-Directive") != "REPLACE" {
			t.Errorf("%s: the source's headers are copied", r.URL)
		}
	}
	if made != 4 {
		t.Errorf("%d requests make an object, want 4", made)
	}
}

func TestOptionErrors(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	for _, tc := range []struct {
		o    Options
		want string
	}{
		{Options{Provider: "s4", Bucket: "b"}, `storage.provider: "s4" is unknown; known are s3, r2, minio, spaces, b2, scaleway, hetzner, wasabi, tigris, gcs`},
		{Options{Provider: "s3", Region: "x"}, `storage.bucket: is needed`},
		{Options{Provider: "s3", Bucket: "b"}, `storage.region: is needed, here or in AWS_REGION`},
		{Options{Provider: "r2", Bucket: "b"}, `storage.accountId: is needed for Cloudflare R2`},
		{Options{Provider: "minio", Bucket: "b"}, `storage.endpoint: is needed for MinIO`},
		{Options{Provider: "b2", Bucket: "b"}, `storage.region: is needed for Backblaze B2`},
		{Options{Provider: "minio", Bucket: "b", Endpoint: "s3.example.com"}, `storage.endpoint: "s3.example.com" is not a URL such as https://s3.example.com`},
		{Options{Provider: "minio", Bucket: "b", Endpoint: "ftp://x"}, `storage.endpoint: "ftp://x" is not a URL such as https://s3.example.com`},
		{Options{Provider: "minio", Bucket: "b", Endpoint: "https://x/b"}, `storage.endpoint: "https://x/b" must end after the host: the bucket has a field of its own`},
		{Options{Provider: "minio", Bucket: "b", Endpoint: "https://a:secret@x"}, `storage.endpoint: must not hold credentials`},
		{Options{Provider: "minio", Bucket: "b", Endpoint: "https://x", KMSKeyID: "k", SSE: "AES256"}, `storage.kmsKeyId: needs "sse": "aws:kms"`},
	} {
		_, err := New(t.Context(), tc.o)
		var o *OptionError
		if !errors.As(err, &o) || err.Error() != tc.want {
			t.Errorf("%+v:\ngot  %v\nwant %s", tc.o, err, tc.want)
		}
	}
}
