package edge

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
)

// rewritten says how a body was made of the stored one on its way, or "" where
// it may as well be something else, such as an older release: that has other
// text, or refers to other files.
func rewritten(stored, got []byte) string {
	switch {
	case len(stored) == 0 || len(got) == 0:
		return ""
	case bytes.Equal(squeezed(stored), squeezed(got)):
		return "white space is changed"
	case markup.Match(inserted(stored, got)):
		return "mark-up is inserted"
	case isMarkup(stored) && alike(stored, got):
		return "its mark-up is rewritten"
	case !isMarkup(stored) && bytes.Equal(dense(stored), dense(got)):
		return "it is minified"
	}
	return ""
}

var (
	// markup is what proxies and CDNs insert.
	markup = regexp.MustCompile(`(?i)<(?:script|style|link|meta|iframe|noscript|img|div|a|!--)`)
	// comments, and elements whose text nobody reads.
	unread = regexp.MustCompile(`(?is)<!--.*?-->|<script\b.*?</script>|<style\b.*?</style>|<noscript\b.*?</noscript>`)
	tag    = regexp.MustCompile(`(?s)<[^>]*>`)
	ref    = regexp.MustCompile(`(?i)\b(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))`)
	// comments, and what separates nothing, in style sheets and scripts.
	sparse = regexp.MustCompile(`(?s)/\*.*?\*/|;`)
)

func isMarkup(b []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(b), []byte("<")) }

// inserted returns what got has more than stored in one place, or nil.
func inserted(stored, got []byte) []byte {
	start, end := 0, 0
	for start < len(stored) && start < len(got) && stored[start] == got[start] {
		start++
	}
	for end < len(stored)-start && end < len(got)-start && stored[len(stored)-1-end] == got[len(got)-1-end] {
		end++
	}
	if start+end < len(stored) {
		return nil
	}
	return got[start : len(got)-end]
}

// alike reports whether two pages have the same text, and the second all the
// links of the first.
func alike(stored, got []byte) bool {
	had, has := refs(stored), refs(got)
	for r := range maps.Keys(had) {
		if !has[r] {
			return false
		}
	}
	return bytes.Equal(prose(stored), prose(got))
}

func refs(page []byte) map[string]bool {
	out := map[string]bool{}
	for _, m := range ref.FindAllSubmatch(page, -1) {
		out[string(slices.Concat(m[1], m[2], m[3]))] = true
	}
	return out
}

// prose is the text of a page without white space.
func prose(page []byte) []byte {
	return squeezed(tag.ReplaceAll(unread.ReplaceAll(page, nil), nil))
}

// dense is a style sheet or script without what a reader alone needs.
func dense(b []byte) []byte { return squeezed(sparse.ReplaceAll(b, nil)) }

// squeezed drops white space.
func squeezed(b []byte) []byte { return bytes.Join(bytes.Fields(b), nil) }
