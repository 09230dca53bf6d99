package site

import (
	"strings"
	"testing"
)

// Names as real generators write them.
const fingerprintedNames = `
assets/index-BxK3f9aZ.js
assets/index-DZH_zysX.js
assets/index-DuqAmExZ.css
assets/index-049xrXrp.js
assets/initialize-CAIC7-3s.js
assets/index-DqtmStfK.js
assets/index-legacy-DsK8pnKg.js
assets/index-BxK3f9aZ.js.map
assets/index-BxK3f9aZ.js.gz
assets/index-BxK3f9aZ.js.br
assets/inter-latin-wght-normal-Dx4kXJAl.woff2
assets/vite-react-CHdMtr7p.svg
assets/root-C4VhALDs.js
assets/manifest-3f2a9c1b.js
assets/chunks/framework.Dj0rva7R.js
assets/index.md.BxK3f9aZ.lean.js
assets/app.BIXiH5i4.js
docs/assets/index-BxK3f9aZ.js
assets/index.3f2a9c1b.js
main.3f2a9c1b.js
main.a10381e9.css
runtime~main.8f3c2a1d.js
assets/js/main.8f3c2a1d.js
assets/js/runtime~main.0b3f7c55.js
assets/js/17896441.3f2a9c1b.js
assets/js/1be78505.00000a1b.js
assets/css/styles.bb7c7604.css
assets/images/docusaurus-b2a1c9d43e5f60718293a4b5c6d7e8f9.png
static/js/main.bb7c7604.js
static/js/main.bb7c7604.js.LICENSE.txt
static/js/153.13acc2f3.chunk.js
static/css/main.e60e4760.css.map
static/media/Inter-Black.15ca31c0a2a68f76d2d1.woff2
8f3c2a1d4b5e6f708192.png
_next/static/chunks/main-app-4b1f0a9c8d7e6f5a.js
_next/static/chunks/117-0c1d2e3f4a5b6c7d.js
_next/static/chunks/app/docs/[slug]/page-4b1f0a9c8d7e6f5a.js
_next/static/css/0e1f2a3b4c5d6e7f.css
_next/static/media/4473ecc91f70f139-s.p.woff
_next/static/V1StGXR8_Z5jdHi6B-myT/_buildManifest.js
base/_next/static/chunks/webpack-4b1f0a9c8d7e6f5a.js
_app/immutable/entry/start.BxK3f9aZ.js
_app/immutable/nodes/0.js
blog/_app/immutable/assets/0.css
_astro/index.Dk39fJ2s.css
_astro/hoisted.CcIm7xu6.js
_astro/hero.BkdZ3a2L_Z1ab3c.webp
_nuxt/BxK3f9aZ.js
_nuxt/entry.DuqAmExZ.css
build/q-DYf_mQCB.js
bundle/BqWN9QKTLM.css
img/6dfZ8JYiPd-600.jpeg
main.min.4c1d8f9a0b2e3d4c5f6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a.css
css/style.4c1d8f9a0b2e3d4c5f6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a.css
photo_hu_58eb49733894e7ce.webp
main-5Q2XK7RT.js
main-ABCDEFGH.js
polyfills-FFHMD2TL.js
styles-5INURTSO.css
chunk-OHACCTTC.js
index.8b4c7c9f.js
logo.8b4c7c9f.svg
application-1c2d3e4f.css
assets/application-908e25f4bf641868d8683022a5b62f54e6f8091a2b3c4d5e6f708192a3b4c5d6.css
app-0d1e2f3a4b5c6d7e8f90.js
component---src-pages-index-js-0d1e2f3a4b5c6d7e8f90.js
static/0d1e2f3a4b5c6d7e8f900d1e2f3a4b5c/5e566/photo.jpg
base.27e20196a850.css
app-4b1f0a9c8d7e6f5a_bg.wasm
css/general-3f2a9c1b.css
workbox-8637ed29.js
_framework/blazor.webassembly.4k7zq9x2vb.js
`

// Names that stay the same while their content changes.
const stableNames = `
jquery-3.6.0.min.js
jquery.min.js
photo-20231104.jpg
photo-2023-11-04.jpg
photo-2023dec5.jpg
IMG_20201231.jpg
IMG_20201231_123456.jpg
PXL_20210101_123456789.jpg
trip-DSCF1234.jpg
assets/trip-IMG12345.jpg
assets/dsc-DSC_0012.jpg
article-somelongword.js
bootstrap.bundle.js
bootstrap.bundle.min.js
swagger-ui-standalone.js
swagger-ui-standalone-preset.js
logo-transparent.png
logo-TRANSPARENT.png
brochure-DOWNLOAD.pdf
main-original.js
assets/theme-DarkMode.css
assets/logo-MacBook1.png
assets/hero-iPhone15.png
assets/logo-iOS17Pro.png
assets/demo-Vue3Demo.js
assets/part-TypeScr1.js
assets/setup-Win10x64.js
assets/str-Utf8Str2.js
assets/net-PyTorch2.js
assets/icon-ReactDOM.svg
assets/foo-MyAppUrl.js
assets/toolbarButton-rotateCw.svg
assets/Map-Keyboard.js
report-FY2021Q3.pdf
report-Q4Report.pdf
setup-Win10x64.bin
icon-192x192.png
icon-512x512.png
screen-1024x768.png
screen-1920x1080.png
apple-touch-icon-180x180.png
video-720p30fps.mp4
12345678.jpg
track-12345678.mp3
order-00012345.png
v1.2.3/app.js
lib-v1.2.3.js
font-awesome-4.7.0.css
fa-solid-900.woff2
inter-latin-wght-normal.woff2
KaTeX_SansSerif-BoldItalic.woff2
KaTeX_AMS-Regular.woff2
NotoSans-Semibold.ttf
react-dom.production.min.js
mode-javascript.js
theme-tomorrow_night.js
mode-autohotkey.js
foo-up-to-us.js
step-1-of-3.png
a-b-c-d-e.js
jul-to-slf4j.js
x-fuji-raf.svg
arrow-bottom-left-bold-box.svg
emoji/1f468-200d-1f469-200d-1f467.png
550e8400-e29b-41d4-a716-446655440000.jpg
img-550e8400-e29b-41d4-a716-446655440000.jpg
0123456789abcdef0123456789abcdef.jpg
img-3f2a9c1b-e29b-41d4-a716-a1b2c3d4e5f6.jpg
IMG_3f2a9c1b.jpg
assets/app-12345678.js
assets/css/site.20231104.css
assets/x-deadbeef.js
assets/x-a-B-c-1d.js
notes-deadbeef.js
notes-face2024.js
assets/notes-face2024.js
notes-2024cafe.js
css/12345678.css
_next/static/my-build/_buildManifest.js
_next/data/build/index.json
_nuxt/builds/latest.json
_astro/client.js
_astro/my_image.png
index.js
style.css
assets/index.js
assets/styles.css
assets/settings.js
assets/app-settings.js
static/logo.svg
build/bundle.js
bundle/stylesheet.css
img/screenshot-600.png
favicon.ico
data-3f2a9c1b.csv
release-4b1f0a9c8d7e6f5a4b1f0a9c8d7e6f5a4b1f0a9c.tar.gz
LICENSE
`

func TestRoleOfFingerprinted(t *testing.T) {
	for p := range strings.FieldsSeq(fingerprintedNames) {
		if got := RoleOf(p, ""); got != Fingerprinted {
			t.Errorf("RoleOf(%q) = %v, want fingerprinted", p, got)
		}
	}
	for p := range strings.FieldsSeq(stableNames) {
		if got := RoleOf(p, ""); got != Asset {
			t.Errorf("RoleOf(%q) = %v, want asset: it would be stale for a year", p, got)
		}
	}
}

func TestRoleOf(t *testing.T) {
	for _, c := range []struct {
		path, contentType string
		want              Role
	}{
		{"index.html", "", Page},
		{"about.htm", "text/html; charset=utf-8", Page},
		{"about", "text/html; charset=utf-8", Page},
		{"about", "TEXT/HTML ; charset=utf-8", Page},
		{"about", "", Asset},
		{"doc.xhtml", "", Page},
		{"snippet.html", "text/plain; charset=utf-8", Asset},
		{"page-3f2a9c1b.html", "", Page}, // whatever its name
		{"page-data/about/page-data.json", "", Page},
		{"docs/page-data/app-data.json", "application/json", Page},

		{"sw.js", "", ServiceWorker},
		{"app/sw.mjs", "", ServiceWorker},
		{"SW.js", "", ServiceWorker},
		{"service-worker.js", "text/javascript; charset=utf-8", ServiceWorker},
		{"serviceworker.js", "", ServiceWorker},
		{"service_worker.min.js", "", ServiceWorker},
		{"firebase-messaging-sw.js", "", ServiceWorker},
		{"my-service-worker.js", "", ServiceWorker},
		{"uv.sw.js", "", ServiceWorker},
		{"ngsw-worker.js", "", ServiceWorker},
		{"safety-worker.js", "", ServiceWorker},
		{"OneSignalSDKWorker.js", "", ServiceWorker},
		{"OneSignalSDKUpdaterWorker.js", "", ServiceWorker},
		{"registerSW.js", "", Asset},
		{"assets/pdf-worker.js", "", Asset},
		{"answers.js", "", Asset},
		{"sw.css", "", Asset},

		{"robots.txt", "", Control},
		{"sitemap.xml", "", Control},
		{"sitemap-0.xml", "", Control},
		{"sitemap_index.xml", "", Control},
		{"sitemapindex.xml", "", Control},
		{"sitemap-posts.xml.gz", "", Control},
		{"blog/feed.xml", "", Control},
		{"blog/index.xml", "application/xml; charset=utf-8", Control},
		{"feed", "application/xml; charset=utf-8", Control},
		{"news.rss", "", Control},
		{"news", "application/atom+xml; charset=utf-8", Control},
		{"site.webmanifest", "", Control},
		{"manifest.json", "", Control},
		{"pagefind/pagefind-entry.json", "", Control},
		{"_app/version.json", "", Control},
		{"ngsw.json", "", Control},
		{".well-known/security.txt", "", Control},
		{"sitemap.html", "", Page},
		{"data.xml", "", Asset},
		{"sitemapper.js", "", Asset},
	} {
		if got := RoleOf(c.path, c.contentType); got != c.want {
			t.Errorf("RoleOf(%q, %q) = %v, want %v", c.path, c.contentType, got, c.want)
		}
	}
}

func TestCacheControl(t *testing.T) {
	want := map[Role]string{
		Asset:         "public, max-age=300",
		Fingerprinted: "public, max-age=31536000, immutable",
		Page:          "public, max-age=0, must-revalidate",
		Control:       "public, max-age=0, must-revalidate",
		ServiceWorker: "no-cache",
	}
	for role, w := range want {
		if got := role.CacheControl(); got != w {
			t.Errorf("%v: %q, want %q", role, got, w)
		}
	}
}

func FuzzRoleOf(f *testing.F) {
	for p := range strings.FieldsSeq(fingerprintedNames + stableNames) {
		f.Add(p, "")
	}
	f.Add("a/b", "text/html; charset=utf-8")
	f.Fuzz(func(t *testing.T, p, contentType string) {
		r := RoleOf(p, contentType)
		if r < Asset || r > ServiceWorker {
			t.Errorf("RoleOf(%q, %q) = %d", p, contentType, r)
		}
		if r == Fingerprinted && !strings.ContainsAny(baseName(p), ".") {
			t.Errorf("%q has no extension and is no product of a bundler", p)
		}
	})
}

func BenchmarkRoleOf(b *testing.B) {
	paths := strings.Fields(fingerprintedNames + stableNames)
	b.ReportAllocs()
	for i := range b.N {
		RoleOf(paths[i%len(paths)], "text/javascript; charset=utf-8")
	}
}
