package cdntest

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
)

// Echoed returns a secret as servers and proxies print it: as it is,
// percent-encoded, in hexadecimal, and in Base64, alone and as the password of a
// basic authorization.
func Echoed(secret string) []string {
	b := []byte(secret)
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), hex.EncodeToString(b),
		base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
		base64.StdEncoding.EncodeToString([]byte("user:" + secret)), base64.StdEncoding.EncodeToString([]byte("me:" + secret + "\n")),
	}
}

// Leaks returns the form in which a text has a secret, or "". Of what encodings
// make of a secret and what is around it, the middle is enough.
func Leaks(text, secret string) string {
	for _, form := range Echoed(secret) {
		if form != secret && len(form) > 16 {
			form = form[8 : len(form)-6]
		}
		if strings.Contains(text, form) {
			return form
		}
	}
	return ""
}

// Words returns an error message that has secrets in all of these forms.
func Words(secrets ...string) string {
	var out []string
	for _, s := range secrets {
		out = append(out, Echoed(s)...)
	}
	return "it is not " + strings.Join(out, " or ")
}
