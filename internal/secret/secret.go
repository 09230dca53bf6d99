// Package secret knows the forms in which a secret may be seen, for all that
// hides it: masks, messages, and the environment and the output of the build.
package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// minEncoded is how many characters an encoded form must have to be looked for:
// a shorter one is in words that have nothing to do with it.
const minEncoded = 8

var percent = regexp.MustCompile(`%[0-9A-F]{2}`)

// minLine is the same for one of several lines of a secret.
const minLine = 4

// Forms returns a secret and what it is in the encodings in which programs,
// servers and logs show it: percent-encoded, escaped for JSON or HTML, in
// hexadecimal, in Base64 with whatever is around it, and the lines of one that
// has several. Each form is there once, the secret first. The empty one has
// none; nor has it forms that are too short to mean anything.
func Forms(secret string) []string {
	if secret == "" {
		return nil
	}
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
	for line := range strings.Lines(secret) {
		if line = strings.TrimSpace(line); len(line) >= minLine && !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	for _, s := range encoded {
		if len(s) >= minEncoded && !slices.Contains(out, s) {
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
