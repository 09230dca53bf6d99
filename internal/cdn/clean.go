package cdn

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// mostWords is how many characters of an answer a log gets to see.
const mostWords = 300

// Clean makes words from the network fit for a log: one short line, without the
// secrets, should a server echo them.
func Clean(text string, secrets ...string) string {
	text = Redact(text, secrets...)
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if r := []rune(text); len(r) > mostWords {
		return string(r[:mostWords]) + "…"
	}
	return text
}

// Redact puts [secret] in the place of each secret in a text, also where it is
// encoded as servers and proxies print what they got: percent-encoded, escaped
// for JSON or HTML, in hexadecimal, or in Base64, with whatever is around it.
// Empty secrets are none.
func Redact(text string, secrets ...string) string {
	var all []string
	for _, s := range secrets {
		if s != "" {
			all = append(all, forms(s)...)
		}
	}
	// A form that holds another one goes first.
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, form := range slices.Compact(all) {
		text = strings.ReplaceAll(text, form, "[secret]")
	}
	return text
}

// minEncoded is how many characters an encoded form must have to be looked for:
// a shorter one is in words that have nothing to do with it.
const minEncoded = 8

var percent = regexp.MustCompile(`%[0-9A-F]{2}`)

// forms returns a secret and what it becomes by encodings.
func forms(secret string) []string {
	quoted, _ := json.Marshal(secret) // a string can always be encoded
	escaped, plain := unquoted(string(quoted)), unquoted(strconv.Quote(secret))
	encoded := []string{
		escaped, plain, strings.ReplaceAll(escaped, "/", `\/`), html.EscapeString(secret),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
	}
	for _, s := range []string{url.QueryEscape(secret), url.PathEscape(secret)} {
		encoded = append(encoded, s, percent.ReplaceAllStringFunc(s, strings.ToLower))
	}
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			encoded = append(encoded, within(e, secret, before))
		}
	}
	out := []string{secret}
	for _, s := range encoded {
		if len(s) >= minEncoded {
			out = append(out, s)
		}
	}
	return out
}

func unquoted(s string) string { return s[1 : len(s)-1] }

// within returns the characters that a secret alone decides in the Base64 of a
// longer text, as in that of a user and password: before is how many bytes of a
// group of three come first.
func within(e *base64.Encoding, secret string, before int) string {
	s := e.EncodeToString(append(make([]byte, before), secret...))
	if (before+len(secret))%3 != 0 {
		s = s[:len(s)-1] // it holds bits of what follows
	}
	return s[min(len(s), []int{0, 2, 3}[before]):]
}
