package cloudfrontfake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/pandastack-io/pandastack/internal/cdn/cdntest"
)

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/us-east-1/cloudfront/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$`)

// signature returns the code of the error where a request is not signed with
// the server's key, by signing it again.
func signature(r *http.Request, body []byte) string {
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	switch {
	case m == nil || err != nil:
		return "MissingAuthenticationToken"
	case m[1] != AccessKeyID:
		return "InvalidClientTokenId"
	case time.Since(at).Abs() > 15*time.Minute:
		return "RequestExpired"
	}
	again := r.Clone(context.Background())
	again.URL.Scheme, again.URL.Host = "http", r.Host
	again.Header = http.Header{}
	for name := range strings.SplitSeq(m[2], ";") {
		if v := r.Header.Get(name); v != "" {
			again.Header.Set(name, v)
		}
	}
	sum := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: AccessKeyID, SecretAccessKey: SecretKey},
		again, hex.EncodeToString(sum[:]), "cloudfront", "us-east-1", at)
	if err != nil || again.Header.Get("Authorization") != r.Header.Get("Authorization") {
		return "SignatureDoesNotMatch"
	}
	return ""
}

// unsafe are the characters of RFC 1738 that a path must have encoded.
const unsafe = " <>\"#{}|\\^~[]`"

// wrongPath returns what is wrong with a path or tag, or "".
func wrongPath(p string) string {
	if tag, ok := strings.CutPrefix(p, "#"); ok {
		if tag == "" || len(tag) > 256 || strings.ContainsFunc(tag, func(r rune) bool { return r < '!' || r > '~' || r == ',' || r == '*' }) {
			return "a bad tag"
		}
		return ""
	}
	body := strings.TrimSuffix(p, "*")
	switch {
	case !strings.HasPrefix(p, "/"):
		return "no slash first"
	case len(p) > 4000:
		return "more than 4,000 characters"
	case strings.Contains(body, "*"):
		return "a wildcard that is not last"
	case strings.ContainsAny(body, unsafe) || strings.ContainsFunc(body, func(r rune) bool { return r < '!' || r > '~' }):
		return "a character that must be encoded"
	}
	return wrongEscape(body)
}

// wrongEscape finds escapes that are none, and such of characters that must
// not be encoded.
func wrongEscape(p string) string {
	for i := range len(p) {
		if p[i] != '%' {
			continue
		}
		b, err := hex.DecodeString(p[i+1 : min(i+3, len(p))])
		if err != nil || len(b) != 1 {
			return "a bad escape"
		}
		if c := b[0]; 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._", c) >= 0 {
			return "an escape of a character that must not be encoded"
		}
	}
	return ""
}

// refuse answers with an error of the API.
func refuse(status int, code, message string) cdntest.Verdict {
	return cdntest.Verdict{Answer: Failure(status, code, message)}
}

// Failure answers with an error of the API.
func Failure(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `<ErrorResponse xmlns="%s"><Error><Type>Sender</Type><Code>%s</Code><Message>`, namespace, code)
		_ = xml.EscapeText(w, []byte(message))
		_, _ = fmt.Fprint(w, "</Message></Error><RequestId>fake</RequestId></ErrorResponse>")
	}
}

func created(x invalidation) http.HandlerFunc { return answer(http.StatusCreated, x) }

func answer(status int, x invalidation) http.HandlerFunc {
	state := "Completed"
	if time.Now().Before(x.done) {
		state = "InProgress"
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `<Invalidation xmlns="%s"><Id>%s</Id><Status>%s</Status><CreateTime>2026-11-22T12:00:00Z</CreateTime></Invalidation>`, namespace, x.id, state)
	}
}

// Fault returns the faults with the words of AWS.
func (*judge) Fault(f cdntest.Fault) http.HandlerFunc {
	switch f {
	case cdntest.RateLimited:
		return Failure(400, "Throttling", "Rate exceeded")
	case cdntest.ServerError:
		return Failure(500, "InternalFailure", "The request processing has failed")
	case cdntest.Refused:
		return Failure(400, "InvalidArgument", "The fake refuses")
	case cdntest.Echo:
		return func(w http.ResponseWriter, r *http.Request) {
			Failure(400, "InvalidArgument", cdntest.Words(AccessKeyID, SecretKey)+" in "+r.Header.Get("Authorization"))(w, r)
		}
	}
	return nil
}
