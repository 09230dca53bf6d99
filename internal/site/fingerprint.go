package site

import (
	"path"
	"regexp"
	"strings"
)

// A name is taken for a fingerprint only where a generator is known to write
// it so. A miss costs a request every few minutes; a false hit leaves visitors
// with a stale file for a year. So dates, versions, sizes, words in any case
// and identifiers do not count.

// inHashedFolder reports whether a framework promises that nothing in the
// folder ever changes under its URL: SvelteKit (_app/immutable), Next.js
// (_next/static, with chunks or under a build id), Gatsby (static/<MD5>).
func inHashedFolder(dir string) bool { return hashedFolder.MatchString("/"+dir) || inNextBuild(dir) }

var (
	hashedFolder = regexp.MustCompile(`/_app/immutable/|/_next/static/(?:chunks|css|media)/|/static/[0-9a-f]{32}/`)
	nextBuild    = regexp.MustCompile(`(?:^|/)_next/static/([^/]+)/$`)
)

// inNextBuild accepts the build ids that Next.js makes up, or a commit, but
// none that a configuration holds fixed.
func inNextBuild(dir string) bool {
	m := nextBuild.FindStringSubmatch(dir)
	return m != nil && (len(m[1]) == 21 && evidence(m[1]) >= certain || isHex(m[1], 40, 2))
}

// hashedExtensions are of what bundlers and image tools write.
var hashedExtensions = setOf("js mjs cjs css json wasm svg png jpg jpeg gif webp avif ico " +
	"woff woff2 ttf otf eot mp4 webm mp3 ogg m4a wav glb gltf ktx2 bin hdr pdf")

// codeExtensions are of what only bundlers put into their folders; images come
// there from people too.
var codeExtensions = setOf("js mjs cjs css wasm woff woff2")

// imageExtensions are of what Eleventy's image plugin writes.
var imageExtensions = setOf("svg png jpg jpeg gif webp avif")

// bundleFolder are folders that bundlers fill: Vite, Rollup, VitePress, Remix
// (assets), Astro, Nuxt, webpack (static, js, css), Qwik (build), .NET.
var bundleFolder = regexp.MustCompile(`(?:^|/)(?:assets|chunks|_astro|_nuxt|_framework|static|build|bundle|js|css)/`)

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

// hasHash reports whether the name, in the folder dir, holds a hash of the
// content.
func hasHash(dir, name string) bool {
	stem, ext := cutHashedExtension(name)
	if ext == "" || uuid.MatchString(stem) {
		return false
	}
	limit, changes := certain, 2
	if bundleFolder.MatchString(dir) {
		changes = 1
		if codeExtensions[ext] {
			limit = likely
		}
	}
	switch {
	case hexHash(stem, changes), esbuildName.MatchString(stem), tail(stem, 8, limit):
		return true
	case strings.HasSuffix(dir, "_astro/"):
		return astroImage.MatchString(stem) && tail(stem[:strings.LastIndexByte(stem, '_')], 8, limit)
	case strings.HasSuffix(dir, "_nuxt/"):
		return len(stem) == 8 && isHash(stem, limit)
	case strings.HasSuffix(dir, "bundle/"): // Eleventy's bundle plugin
		return len(stem) == 10 && isHash(stem, limit)
	case strings.HasSuffix(dir, "_framework/"): // .NET
		return tail(stem, 10, limit)
	case imageExtensions[ext]:
		m := widthImage.FindStringSubmatch(stem)
		return m != nil && isHash(m[1], certain)
	}
	return false
}

var (
	uuid       = regexp.MustCompile(`(?i)(?:^|[^0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$`)
	astroImage = regexp.MustCompile(`_[A-Za-z0-9]{4,7}$`)               // hero.<hash>_<hash of the transform>
	widthImage = regexp.MustCompile(`^([A-Za-z0-9_-]{10})-[0-9]{1,4}$`) // <hash>-600
)

// cutHashedExtension returns the name without what may follow a hash, and the
// extension in lower case; it is empty where such files are never hashed.
func cutHashedExtension(name string) (stem, ext string) {
	for _, s := range []string{".gz", ".br", ".zst", ".LICENSE.txt", ".map"} {
		name = strings.TrimSuffix(name, s)
	}
	ext = strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	if !hashedExtensions[ext] {
		return "", ""
	}
	stem = name[:len(name)-len(ext)-1]
	for _, s := range []string{"_bg", ".lean", ".chunk", ".bundle", ".module", ".min"} {
		stem = strings.TrimSuffix(stem, s)
	}
	return stem, ext
}

// hexHash reports whether stem ends in hex digits as webpack, Parcel, Hugo,
// Docusaurus, Rails and Django write them: eight or more after a dash or dot,
// sixteen or more also after an underscore, or nothing but the 20 of webpack's
// asset modules or a SHA-256.
func hexHash(stem string, changes int) bool {
	i := len(stem)
	for i > 0 && strings.IndexByte("0123456789abcdef", stem[i-1]) >= 0 {
		i--
	}
	h := stem[i:]
	if !isHex(h, 8, changes) || hexDate.MatchString(h) {
		return false
	}
	switch {
	case i == 0:
		return len(h) == 20 || len(h) == 64
	case stem[i-1] == '-' || stem[i-1] == '.':
		return true
	}
	return stem[i-1] == '_' && len(h) >= 16
}

// hexDate is a date that is hex by chance: 2023dec5, 05feb2024, face2024.
var hexDate = regexp.MustCompile(`^(?:[0-9]{4}(?:dec|feb)[0-9]{1,2}|[0-9]{1,2}(?:dec|feb)[0-9]{4}|[a-f]+(?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}[a-f]+)$`)

// isHex reports whether h is at least n hex digits that change between letters
// and figures, as a hash does, so many times at least.
func isHex(h string, n, changes int) bool {
	for i := range len(h) {
		if strings.IndexByte("0123456789abcdef", h[i]) < 0 {
			return false
		}
		if i > 0 && (h[i] <= '9') != (h[i-1] <= '9') {
			changes--
		}
	}
	return len(h) >= n && changes <= 0
}

// esbuildName is a hash of esbuild and Angular, in base32, behind the names that
// these give to their own files. Behind others it must look like a hash.
var esbuildName = regexp.MustCompile(`^(?:chunk|main|polyfills|styles|scripts)-[A-Z2-7]{8}$`)

// tail reports whether stem ends in a hash of n characters after a dash or
// dot.
func tail(stem string, n int, limit float64) bool {
	i := len(stem) - n
	return i > 1 && (stem[i-1] == '-' || stem[i-1] == '.') && isHash(stem[i:], limit)
}

var (
	base64URL = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	lower     = regexp.MustCompile(`[a-z]`)
	upper     = regexp.MustCompile(`[A-Z]`)
	digit     = regexp.MustCompile(`[0-9]`)
	// natural are years, sizes in pixels, and the names that cameras give.
	natural = regexp.MustCompile(`(?:19|20)[0-9]{2}|[0-9]{2}x[0-9]{2}|^[A-Za-z]{2,5}[-_]?[0-9]{3,}$`)
)

// isHash reports whether t, of base64url, base36 or base32, is random as far as
// anyone can tell. Rollup's hashes may hold dashes, and so do words joined by
// them: with dashes there must be letters of both cases, with two a digit too.
func isHash(t string, limit float64) bool {
	cased := lower.MatchString(t) && upper.MatchString(t)
	switch joints := strings.Count(t, "-") + strings.Count(t, "_"); {
	case !base64URL.MatchString(t), natural.MatchString(t):
		return false
	case !cased && (joints > 0 || !digit.MatchString(t)):
		return false
	case joints > 2, joints == 2 && !digit.MatchString(t):
		return false
	}
	return evidence(t) >= limit
}
