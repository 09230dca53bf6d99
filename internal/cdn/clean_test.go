package cdn

import (
	"encoding/base64"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestRedact looks for secrets in whatever a server makes of them.
func TestRedact(t *testing.T) {
	const secret, other = `s3/cr+t&"<key>=9Zq`, "AKIA4EXAMPLE"
	b64 := base64.StdEncoding
	for _, text := range []string{
		secret,
		"the key " + secret + " is bad, " + secret + "!",
		url.QueryEscape(secret), url.PathEscape(secret), strings.ToLower(url.QueryEscape("/")) + url.QueryEscape(secret),
		fmt.Sprintf("%q", secret), fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret),
		html.EscapeString(secret),
		b64.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"Basic " + b64.EncodeToString([]byte("u:"+secret)), "Basic " + b64.EncodeToString([]byte("me:"+secret+"\n")), b64.EncodeToString([]byte(secret + ":")),
		`{"error":"s3\/cr+t\u0026\"\u003ckey\u003e=9Zq"}`,
	} {
		got := Redact(text, "", other, secret)
		if !strings.Contains(got, "[secret]") {
			t.Errorf("Redact(%q) = %q", text, got)
		}
		for _, part := range []string{"s3", "cr%2", "Zq", "733", b64.EncodeToString([]byte(secret))[4:12]} {
			if strings.Contains(got, part) {
				t.Errorf("Redact(%q) = %q, which has %q", text, got, part)
			}
		}
	}
	for _, text := range []string{"", "no such thing", "s3/cr+t", "AKIA4OTHER"} {
		if got := Redact(text, secret, other); got != text {
			t.Errorf("Redact(%q) = %q", text, got)
		}
	}
	if got := Redact("minio and bWlu", "min"); got != "[secret]io and bWlu" {
		t.Errorf("a short secret: %q", got)
	}
}

// TestRedactBase64 holds for any secret in any surroundings.
func TestRedactBase64(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[!-~]{12,40}`).Draw(t, "secret")
		before, after := rapid.String().Draw(t, "before"), rapid.String().Draw(t, "after")
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			text := e.EncodeToString([]byte(before + secret + after))
			if !strings.Contains(Redact(text, secret), "[secret]") {
				t.Fatalf("%q is still in %q", secret, text)
			}
		}
	})
}

func TestClean(t *testing.T) {
	got := Clean("a\n\tb\x00 c key-123456 "+strings.Repeat("ö", 400), "key-123456")
	if want := "a b c [secret] "; !strings.HasPrefix(got, want) || utf8.RuneCountInString(got) != mostWords+1 || !strings.HasSuffix(got, "…") {
		t.Errorf("Clean = %q", got)
	}
	if got := Clean("short"); got != "short" {
		t.Errorf("Clean = %q", got)
	}
}
