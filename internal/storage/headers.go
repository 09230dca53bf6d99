package storage

import (
	"maps"
	"net/textproto"
	"strings"
)

// Names of the headers that every object may carry.
const (
	ContentType        = "Content-Type"
	CacheControl       = "Cache-Control"
	ContentEncoding    = "Content-Encoding"
	ContentDisposition = "Content-Disposition"
	ContentLanguage    = "Content-Language"
	Expires            = "Expires"
	// WebsiteRedirect makes a static website endpoint answer with a redirect.
	WebsiteRedirect = "X-Amz-Website-Redirect-Location"
	// MetaPrefix starts the names of user metadata.
	MetaPrefix = "X-Amz-Meta-"
)

// Headers are the response headers that are stored with an object, by
// canonical name (textproto.CanonicalMIMEHeaderKey). Nil means none.
type Headers map[string]string

// Equal reports whether both hold the same names and values.
func (h Headers) Equal(o Headers) bool { return maps.Equal(h, o) }

// Clone returns a copy that can be changed.
func (h Headers) Clone() Headers { return maps.Clone(h) }

// CanStore reports whether object storage can hold a header of this name, in
// any case: the ones named in this file and user metadata. All others
// (Content-Security-Policy, Access-Control-*, …) belong to the CDN or server.
func CanStore(name string) bool {
	switch c := textproto.CanonicalMIMEHeaderKey(name); c {
	case ContentType, CacheControl, ContentEncoding, ContentDisposition, ContentLanguage, Expires, WebsiteRedirect:
		return true
	default:
		return strings.HasPrefix(c, MetaPrefix) && len(c) > len(MetaPrefix)
	}
}
