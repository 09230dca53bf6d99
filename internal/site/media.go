package site

import (
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
)

// octets is the type of bytes that no browser should interpret.
const octets = "application/octet-stream"

// utf8Param is added to text. Without it browsers guess, and guess windows-1252
// for most users.
const utf8Param = "; charset=utf-8"

// MediaType returns the Content-Type of the file at path, which begins with
// head (HeadSize is enough). It depends on nothing else: never on the machine.
//
// The type comes from the table by extension, in any case. Files without an
// extension, or with an unknown one, are judged by head as the WHATWG MIME
// Sniffing Standard says; so are .ts, which is MPEG or TypeScript, and the
// JSON files without extension in .well-known.
//
// Text, which includes XML and SVG, has charset=utf-8, unless head declares
// another encoding (an XML declaration, a meta element), which then holds.
// JSON has none: RFC 8259, section 11, defines no such parameter.
func MediaType(path string, head []byte) string {
	t := bareType(path, head)
	if isText(t) && declaresOther(t, head) {
		return t
	}
	if isText(t) {
		return t + utf8Param
	}
	return t
}

// IsTypeOf reports whether a Content-Type is one that MediaType gives the file
// at path by its name: only whether text has a charset is then left to what the
// file holds. It is false where the content decides.
func IsTypeOf(path, contentType string) bool {
	t, _ := typeByName(path)
	return t != "" && (contentType == t || isText(t) && contentType == t+utf8Param)
}

// typeByName returns the type that the name alone tells, or nothing, and the
// extension in lower case.
func typeByName(p string) (mediaType, ext string) {
	name := strings.ToLower(baseName(p))
	ext = strings.TrimPrefix(path.Ext(name), ".")
	if ext == name[min(1, len(name)):] { // .htaccess has no extension
		ext = ""
	}
	if t, ok := namedTypes[name]; ok {
		return t, ext
	}
	return extensionTypes[ext], ext
}

func bareType(p string, head []byte) string {
	t, ext := typeByName(p)
	if ext == "ts" {
		return typeOfTS(head)
	}
	if t != "" {
		return t
	}
	if ext == "" && strings.HasPrefix(p, ".well-known/") && startsJSON(head) {
		return "application/json"
	}
	return sniff(head)
}

// typeOfTS tells an MPEG transport stream, as video players stream it, from
// TypeScript: packets of 188 bytes begin with 0x47 (ISO/IEC 13818-1). Source
// code is plain text, so that browsers show it.
func typeOfTS(head []byte) string {
	const packet, sync = 188, 0x47
	if len(head) > packet && head[0] == sync && head[packet] == sync {
		return "video/mp2t"
	}
	return "text/plain"
}

func startsJSON(head []byte) bool {
	s := strings.TrimLeft(string(head), "\ufeff \t\r\n")
	return strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")
}

// sniff returns the type that the content shows. UTF-16 text keeps no
// parameter: its byte order mark says the same.
func sniff(head []byte) string {
	t, _, err := mime.ParseMediaType(http.DetectContentType(head))
	switch {
	case err != nil:
		return octets
	case t == "text/xml":
		return "application/xml"
	case t == "application/x-gzip":
		return "application/gzip"
	}
	return t
}

func isText(t string) bool {
	return strings.HasPrefix(t, "text/") || t == "application/xml" || t == "application/xml-dtd" || strings.HasSuffix(t, "+xml")
}

var (
	xmlEncoding = regexp.MustCompile(`^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?\sencoding\s*=\s*["']([^"']+)`)
	htmlCharset = regexp.MustCompile(`(?i)<meta\s[^>]*?charset\s*=\s*["']?\s*([^\s"'/>;]+)`)
)

// declaresOther reports whether head declares an encoding that is not UTF-8,
// or begins with the byte order mark of UTF-16.
func declaresOther(t string, head []byte) bool {
	s := string(head)
	if strings.HasPrefix(s, "\xfe\xff") || strings.HasPrefix(s, "\xff\xfe") {
		return true
	}
	m := xmlEncoding.FindStringSubmatch(s)
	if m == nil && t == "text/html" {
		m = htmlCharset.FindStringSubmatch(s)
	}
	if m == nil {
		return false
	}
	switch strings.ToLower(m[1]) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return false
	}
	return true
}

func baseName(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }
