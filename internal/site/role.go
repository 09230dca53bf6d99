package site

import (
	"regexp"
	"strings"
)

// Default Cache-Control by role (RFC 9111). A deploy can purge a CDN but never
// a browser, so nothing whose content may change under the same URL is kept for
// long.
const (
	// CacheControlPage lets browsers keep pages but ask before each use: the
	// ETag makes that a 304. Netlify, Vercel and Cloudflare Pages serve pages
	// with the same value.
	CacheControlPage = "public, max-age=0, must-revalidate"
	// CacheControlServiceWorker makes browsers and shared caches ask each
	// time. A stale service worker serves a stale site; the update check
	// bypasses browser caches only where updateViaCache is not "all"
	// (w3c.github.io/ServiceWorker, and web.dev on the service worker's
	// lifecycle).
	CacheControlServiceWorker = "no-cache"
	// CacheControlFingerprinted is a year, the longest that RFC 2616 asked
	// for and all caches take, and immutable (RFC 8246): no request even on
	// reload.
	CacheControlFingerprinted = "public, max-age=31536000, immutable"
	// CacheControlControl is that of pages: a feed or manifest that is older
	// than the pages it lists is as bad as a stale page.
	CacheControlControl = "public, max-age=0, must-revalidate"
	// CacheControlAsset is five minutes: the longest time that a visitor can
	// see a new page with an old stylesheet of the same name, and enough that
	// a visit of several pages does not ask twice.
	CacheControlAsset = "public, max-age=300"
)

// CacheControl returns the default Cache-Control of files with this role.
func (r Role) CacheControl() string {
	switch r {
	case Fingerprinted:
		return CacheControlFingerprinted
	case Page:
		return CacheControlPage
	case Control:
		return CacheControlControl
	case ServiceWorker:
		return CacheControlServiceWorker
	default:
		return CacheControlAsset
	}
}

// String returns the role in lower-case words.
func (r Role) String() string {
	switch r {
	case Fingerprinted:
		return "fingerprinted"
	case Page:
		return "page"
	case Control:
		return "control"
	case ServiceWorker:
		return "service worker"
	default:
		return "asset"
	}
}

// RoleOf returns what the file at path is for. The second argument is its
// Content-Type as it is published; where that is empty, the type by extension
// decides. It looks at nothing else, so a manifest gives the same answer as the
// scan did.
func RoleOf(path, contentType string) Role {
	t := strings.ToLower(contentType)
	if t == "" {
		t = MediaType(path, nil)
	}
	t, _, _ = strings.Cut(t, ";")
	t = strings.TrimSpace(t)
	switch {
	case isServiceWorker(path):
		return ServiceWorker
	case t == "text/html", t == "application/xhtml+xml", isPageData(path):
		return Page
	case isControl(path, t):
		return Control
	case isFingerprinted(path):
		return Fingerprinted
	}
	return Asset
}

// serviceWorker matches the names, in lower case, under which generators and
// services register service workers: by hand and Workbox (sw, service-worker),
// Angular (ngsw-worker, safety-worker), Firebase Cloud Messaging, OneSignal.
// A hashed name (sw-1a2b3c4d.js) is not matched: its content cannot change.
var serviceWorker = regexp.MustCompile(`^(?:(?:.*[-_.])?sw|sw[-_](?:register-)?(?:push|custom|prod)|(?:.*[-_.])?service[-_]?worker|ngsw-worker|safety-worker|onesignalsdk(?:updater)?worker)(?:\.min)?\.m?js$`)

func isServiceWorker(p string) bool {
	if !strings.HasSuffix(strings.ToLower(p), "js") { // most files: this is asked of each
		return false
	}
	return serviceWorker.MatchString(strings.ToLower(baseName(p)))
}

// isPageData finds pages in another form, which Gatsby writes beside each page
// under names that stay the same.
func isPageData(p string) bool {
	return strings.HasPrefix(p, "page-data/") || strings.Contains(p, "/page-data/")
}

// controlTypes are of feeds and manifests, whatever their name.
var controlTypes = map[string]bool{
	"application/rss+xml": true, "application/atom+xml": true, "application/feed+json": true,
	"application/manifest+json": true, "application/opensearchdescription+xml": true,
	"text/cache-manifest": true,
}

// controlNames list pages or assets, or steer browsers and robots, under names
// that stay the same. In lower case.
var controlNames = map[string]bool{
	"robots.txt": true, "ads.txt": true, "app-ads.txt": true, "llms.txt": true, "llms-full.txt": true,
	"feed": true, "feed.xml": true, "rss.xml": true, "atom.xml": true, "index.xml": true, "feed.json": true, // Hugo: index.xml
	"manifest.json": true, "asset-manifest.json": true, "browserconfig.xml": true, "importmap.json": true,
	"ngsw.json": true, "version.json": true, "remoteentry.js": true, // Angular, SvelteKit, module federation
	"pagefind-entry.json": true, "search_index.json": true, "search-index.json": true, "searchindex.js": true, // Pagefind, MkDocs, Docusaurus, Sphinx
	"_headers": true, "_redirects": true, "staticwebapp.config.json": true,
}

var sitemap = regexp.MustCompile(`^sitemap(?:[-_.].*|\d*|index)?\.(?:xml|txt|xml\.gz)$`)

func isControl(p, mediaType string) bool {
	name := strings.ToLower(baseName(p))
	return controlTypes[mediaType] || controlNames[name] || sitemap.MatchString(name) ||
		strings.HasPrefix(p, ".well-known/")
}

// isFingerprinted reports whether the name of the file holds a hash of its
// content, so that the bytes under this name never change.
func isFingerprinted(p string) bool {
	dir, name := splitPath(p)
	return inHashedFolder(dir) || hasHash(dir, name)
}
