package config

import (
	"fmt"
	"mime"
	"net/http"
	"net/textproto"
	"regexp"
	"strings"
	"unicode"

	"github.com/pandastack-io/pandastack/internal/storage"
)

// pairRule is what an entry of a dictionary must be. Either may be nil.
type pairRule struct {
	check  func(name, value string) *problem
	normal func(name string) string
}

// normalName returns the one form of a name that all of its spellings have.
func (r pairRule) normalName(name string) string {
	if r.normal == nil {
		return name
	}
	return r.normal(name)
}

var pairRules = map[string]pairRule{
	"Config.BuildEnv":    {check: checkVariable},
	"HeaderRule.Headers": {checkHeader, textproto.CanonicalMIMEHeaderKey},
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func checkVariable(name, _ string) *problem {
	if variableName.MatchString(name) {
		return nil
	}
	return &problem{name: true, msg: fmt.Sprintf("%q is not the name of a variable", name), hint: "Use letters, digits and underscores, and no digit first."}
}

var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$") // token of RFC 9110, section 5.6.2

// storable are the headers that storage holds, apart from user metadata.
var storable = []string{
	storage.ContentType, storage.CacheControl, storage.ContentEncoding, storage.ContentDisposition, storage.ContentLanguage,
	storage.Expires, storage.WebsiteRedirect,
}

func checkHeader(name, value string) *problem {
	switch {
	case !headerName.MatchString(name):
		return &problem{name: true, msg: fmt.Sprintf("%q is not the name of a header", name), hint: "Use letters, digits and hyphens."}
	case !storage.CanStore(name) && Nearest(name, storable) != "":
		return &problem{name: true, msg: fmt.Sprintf("unknown header %q", name), hint: fmt.Sprintf("Did you mean %q?", Nearest(name, storable))}
	case !storage.CanStore(name):
		return &problem{name: true, msg: fmt.Sprintf("storage cannot hold the header %q", name), hint: elsewhere(name)}
	case strings.ContainsFunc(value, unicode.IsControl):
		return &problem{msg: fmt.Sprintf("the value of %q must not hold a line break or control character", name), hint: "Write it in one line."}
	case strings.ContainsFunc(value, func(r rune) bool { return r > unicode.MaxASCII }):
		return &problem{msg: fmt.Sprintf("the value of %q must be ASCII", name), hint: "Percent-encode other characters."}
	case value == "":
		return nil
	}
	return checkHeaderValue(name, value)
}

// checkHeaderValue finds values that storage would refuse halfway through a
// deploy, or that browsers would ignore.
func checkHeaderValue(name, value string) *problem {
	invalid := func(hint string) *problem {
		return &problem{msg: fmt.Sprintf("the value of %q is not valid", name), hint: hint}
	}
	switch name {
	case storage.ContentType:
		if _, _, err := mime.ParseMediaType(value); err != nil || !strings.Contains(value, "/") {
			return invalid("Write a media type, for example text/plain; charset=utf-8.")
		}
	case storage.Expires:
		if _, err := http.ParseTime(value); err != nil {
			return invalid("Write a date such as Thu, 01 Jan 2037 00:00:00 GMT, or use Cache-Control.")
		}
	case storage.WebsiteRedirect:
		// The three forms that the S3 API reference names for PutObject.
		if !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "http://") && !strings.HasPrefix(value, "https://") {
			return invalid("Write a path that starts with /, or a whole URL.")
		}
	}
	return nil
}

// elsewhere says where to set a header that storage cannot hold.
func elsewhere(name string) string {
	switch {
	case name == "X-Amz-Acl":
		return `Set "acl" in "storage".`
	case strings.HasPrefix(name, "X-Amz-Server-Side-Encryption"):
		return `Set "sse" and "kmsKeyId" in "storage".`
	case strings.HasPrefix(name, "X-Amz-"):
		return "The deploy sends what the storage needs: remove it."
	case name == "Content-Length" || name == "Etag" || name == "Last-Modified" || name == "Date" || name == "Accept-Ranges":
		return "The storage sets it itself: remove it."
	case strings.HasPrefix(name, "Access-Control-"):
		return "Set it in the bucket's CORS rules, or at the CDN: in Cloudflare a response header transform rule, in CloudFront a response headers policy."
	default:
		return "Set it at the CDN: in Cloudflare a response header transform rule, in CloudFront a response headers policy."
	}
}
