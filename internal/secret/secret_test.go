package secret

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestForms(t *testing.T) {
	for of, want := range map[string][]string{
		"":                      nil,
		"abc":                   {"abc"},
		"s3cret":                {"s3cret", "733363726574", "czNjcmV0"},
		"a/b c\"<d":             {`a/b c"<d`, `a/b c\"\u003cd`, `a/b c\"<d`, `a\/b c\"\u003cd`, "a/b c&#34;&lt;d", "612f6220 63223c64"},
		"-----BEGIN\nsecond\n}": {"-----BEGIN\nsecond\n}", "-----BEGIN", "second", `-----BEGIN\nsecond\n}`},
	} {
		got := Forms(of)
		for _, form := range want {
			if form = strings.ReplaceAll(form, "20 63", "2063"); !slices.Contains(got, form) {
				t.Errorf("%q: %q is not in %q", of, form, got)
			}
		}
		if len(got) == 0 != (want == nil) || len(got) > 0 && got[0] != of || len(of) < 4 && len(got) > 1 {
			t.Errorf("%q: got %q", of, got)
		}
		if slices.Contains(got, "}") {
			t.Errorf("%q: a line that means nothing is in %q", of, got)
		}
	}
}

// TestFormsHide takes all forms of a secret out of texts that show it in many
// ways: nothing is left that gives it away.
func TestFormsHide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[A-Za-z0-9+/=_%&"\\<>.-]{16,60}`).Draw(t, "secret")
		before := rapid.StringMatching(`[a-z:]{0,5}`).Draw(t, "before")
		inside, err := json.Marshal(map[string]string{"k": secret})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{
			secret, string(inside), url.QueryEscape(secret), url.PathEscape(secret),
			base64.StdEncoding.EncodeToString([]byte(before + secret)), base64.RawURLEncoding.EncodeToString([]byte(before + secret + "tail")),
		} {
			left := text
			for _, f := range Forms(secret) {
				left = strings.ReplaceAll(left, f, "")
			}
			// Of Base64, the ends of the secret share a group with what is beside it.
			if len(left) > 16+len(before)*2 {
				t.Errorf("of %q %q is left", text, left)
			}
		}
	})
}
