package cdn

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/pandastack-io/pandastack/internal/secret"
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
		all = append(all, secret.Forms(s)...)
	}
	// A form that holds another one goes first.
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, form := range slices.Compact(all) {
		text = strings.ReplaceAll(text, form, "[secret]")
	}
	return text
}
