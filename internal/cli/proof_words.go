package cli

import (
	"fmt"
	"strings"

	"github.com/pandastack-io/pandastack/internal/edge"
	"github.com/pandastack-io/pandastack/internal/event"
)

// finding is what is said of URLs that are not as released.
type finding struct {
	kind      edge.Kind
	one, many string // after the number of URLs
	hint      string
}

// findings in the order in which they are said.
var findings = []finding{
	{edge.Stale, "URL still gives what was live before", "URLs still give what was live before", ""},
	{edge.Missing, "URL of the release is not found", "URLs of the release are not found", "Check that siteUrl leads to this bucket and prefix, and that visitors may read it."},
	{edge.Different, "URL gives neither this release nor the one before it", "URLs give neither this release nor the one before it", "Check that siteUrl leads to this bucket and prefix; a cache that is not in \"cdn\" may hold an older release."},
	{edge.Mistyped, "URL has the right bytes with another status or type", "URLs have the right bytes with another status or type", "Look for a rule of the web server or CDN that sets it, and remove it."},
	{edge.NoIndex, "directory is not answered with its index page", "directories are not answered with their index pages", "docs/hosting.md says for each provider how / and /docs/ find their index.html."},
	{edge.Altered, "URL gives the release altered on its way", "URLs give the release altered on its way", "Switch off what rewrites pages, such as a minifier or an injected script; where it is wanted, set \"proof\" to \"off\"."},
	{edge.Blocked, "URL is kept from us", "URLs are kept from us", "Let requests with the User-Agent pandastack pass the login or the bot rule; where siteUrl redirects to the site's own host, correct it; else set \"proof\" to \"off\"."},
	{edge.Unreachable, "URL does not answer", "URLs do not answer", "Check siteUrl, its DNS records and its certificate, and that this machine can reach it; else set \"proof\" to \"off\"."},
}

// staleHint says what to do about a cache that does not forget.
func staleHint(cdn bool) string {
	if cdn {
		return "The CDN was asked again: check that \"cdn\" is what serves siteUrl, and that no other cache stands behind or in front of it."
	}
	return "A cache in front of the storage keeps it: name the CDN as \"cdn\", or shorten its Cache-Control with \"headers\"."
}

const cacheControlHint = "Look for a rule that sets the browser cache's time; in Cloudflare, set Browser Cache TTL to Respect Existing Headers."

// proofMessages is what a person should read of a proof: one warning for each
// kind of finding.
func proofMessages(rep edge.Report, cdn bool) []event.Message {
	var out []event.Message
	for _, f := range findings {
		var urls []string
		for _, r := range rep.Results {
			if r.Kind == f.kind {
				urls = append(urls, described(r))
			}
		}
		hint := f.hint
		if f.kind == edge.Stale {
			hint = staleHint(cdn)
		}
		out = append(out, warnings(urls, f.one, f.many, hint)...)
	}
	var headers []string
	for _, r := range rep.Results {
		if r.CacheControl != "" {
			headers = append(headers, r.URL+" ("+r.CacheControl+")")
		}
	}
	out = append(out, warnings(headers, "URL has another Cache-Control", "URLs have another Cache-Control", cacheControlHint)...)
	if rep.PurgeErr != nil {
		for _, e := range apart(rep.PurgeErr) {
			text, _, _ := strings.Cut(e.Error(), "\n")
			out = append(out, event.Message{Severity: event.Warning, Text: "purging again failed: " + text, Hint: hint(e)})
		}
	}
	return out
}

// warnings returns the one warning about these URLs, or none.
func warnings(urls []string, one, many, hint string) []event.Message {
	if len(urls) == 0 {
		return nil
	}
	what := one
	if len(urls) > 1 {
		what = many
	}
	const most = 5
	if more := len(urls) - most; more > 0 {
		urls = append(urls[:most:most], fmt.Sprintf("and %d more", more))
	}
	return []event.Message{{Severity: event.Warning, Text: fmt.Sprintf("%d %s: %s", len(urls), what, strings.Join(urls, ", ")), Hint: hint}}
}

// described names a URL and what is the matter with it.
func described(r edge.Result) string {
	switch {
	case r.Removed && r.Kind == edge.Stale:
		return r.URL + " (it is removed)"
	case r.Detail == "":
		return r.URL
	case r.Kind == edge.NoIndex:
		return r.URL + " (" + r.Detail + " is right)"
	}
	return r.URL + " (" + r.Detail + ")"
}
