package site

import (
	"bytes"
	"mime"
	"strings"
	"testing"
)

func TestMediaType(t *testing.T) {
	packet := append([]byte{0x47}, bytes.Repeat([]byte{0}, 187)...)
	for _, c := range []struct{ path, head, want string }{
		{"index.html", "", "text/html; charset=utf-8"},
		{"INDEX.HTML", "", "text/html; charset=utf-8"},
		{"a.css", "", "text/css; charset=utf-8"},
		{"a.js", "", "text/javascript; charset=utf-8"},
		{"a.mjs", "", "text/javascript; charset=utf-8"},
		{"a.min.js", "", "text/javascript; charset=utf-8"},
		{"a.js.map", "", "application/json"},
		{"a.json", "", "application/json"},
		{"a.webmanifest", "", "application/manifest+json"},
		{"a.xml", "", "application/xml; charset=utf-8"},
		{"a.rss", "", "application/rss+xml; charset=utf-8"},
		{"a.svg", "", "image/svg+xml; charset=utf-8"},
		{"a.txt", "", "text/plain; charset=utf-8"},
		{"a.md", "", "text/markdown; charset=utf-8"},
		{"a.png", "", "image/png"},
		{"a.webp", "", "image/webp"},
		{"a.avif", "", "image/avif"},
		{"a.ico", "", "image/x-icon"},
		{"a.woff2", "", "font/woff2"},
		{"a.wasm", "", "application/wasm"},
		{"a.pdf", "", "application/pdf"},
		{"a.mp4", "", "video/mp4"},
		{"a.js.br", "", "application/octet-stream"},
		{"a.js.gz", "", "application/gzip"},
		{"a.tar.gz", "", "application/gzip"},
		{"a.yaml", "", "application/yaml"},
		{"a.tsx", "", "text/plain; charset=utf-8"},

		{"a.ts", string(packet) + string(packet), "video/mp2t"},
		{"a.ts", "G" + strings.Repeat(" ", 300), "text/plain; charset=utf-8"},
		{"a.ts", "export {}", "text/plain; charset=utf-8"},
		{"a.ts", "", "text/plain; charset=utf-8"},

		{"about", "\n <!DOCTYPE html><p>", "text/html; charset=utf-8"},
		{"feed", "<?xml version='1.0'?><rss/>", "application/xml; charset=utf-8"},
		{"logo", "\x89PNG\r\n\x1a\n", "image/png"},
		{"LICENSE", "Apache License", "text/plain; charset=utf-8"},
		{"bytes", "\x00\x01\x02", "application/octet-stream"},
		{"data.unknown", "<html>", "text/html; charset=utf-8"},
		{"data.unknown", "\x1f\x8b\x08", "application/gzip"},
		{"utf16", "\xff\xfea\x00", "text/plain"},
		{".nojekyll", "", "text/plain; charset=utf-8"},
		{".htaccess", "Deny", "text/plain; charset=utf-8"},
		{".html", "x", "text/plain; charset=utf-8"},
		{"a.", "x", "text/plain; charset=utf-8"},
		{"CNAME", "example.com", "text/plain; charset=utf-8"},
		{"_redirects", "/a /b", "text/plain; charset=utf-8"},
		{"opensearch.xml", "", "application/opensearchdescription+xml; charset=utf-8"},
		{".well-known/apple-app-site-association", "", "application/json"},
		{"apple-app-site-association", "", "application/json"},
		{".well-known/openid-configuration", ` {"issuer":""}`, "application/json"},
		{".well-known/other", "hello", "text/plain; charset=utf-8"},
		{".well-known/security.txt", "{", "text/plain; charset=utf-8"},
		{"openid-configuration", `{"issuer":""}`, "text/plain; charset=utf-8"},

		// Files that declare another encoding keep it.
		{"a.html", `<meta charset="iso-8859-1">`, "text/html"},
		{"a.html", `<META http-equiv=Content-Type content="text/html; charset=Shift_JIS">`, "text/html"},
		{"a.html", `<meta charset=utf-8>`, "text/html; charset=utf-8"},
		{"a.html", `<meta charset="UTF8"/>`, "text/html; charset=utf-8"},
		{"a.html", `<p>charset=iso-8859-1`, "text/html; charset=utf-8"},
		{"a.xml", `<?xml version="1.0" encoding="ISO-8859-1"?>`, "application/xml"},
		{"a.xml", "\xef\xbb\xbf" + `<?xml version="1.0" encoding='utf-8'?>`, "application/xml; charset=utf-8"},
		{"a.svg", `<?xml version="1.0" encoding="windows-1252"?>`, "image/svg+xml"},
		{"a.js", `<meta charset="iso-8859-1">`, "text/javascript; charset=utf-8"},
		{"a.txt", "\xfe\xff\x00a", "text/plain"},
	} {
		if got := MediaType(c.path, []byte(c.head)); got != c.want {
			t.Errorf("MediaType(%q, %.40q) = %q, want %q", c.path, c.head, got, c.want)
		}
	}
}

func TestMediaTypesAreWellFormed(t *testing.T) {
	for ext, typ := range extensionTypes {
		got, params, err := mime.ParseMediaType(typ)
		if err != nil || got != typ || len(params) != 0 {
			t.Errorf(".%s: %q is not a bare media type in lower case: %v", ext, typ, err)
		}
		if ext != strings.ToLower(ext) || strings.ContainsAny(ext, ". ") {
			t.Errorf("extension %q never matches", ext)
		}
	}
}

// What web sites hold, so that nothing is left to guessing.
func TestMediaTypesCover(t *testing.T) {
	const exts = `html htm css js mjs cjs map json webmanifest xml rss atom txt md csv svg png jpg jpeg gif webp avif jxl
		ico woff woff2 ttf otf eot wasm pdf mp4 webm mp3 ogg m4a wav flac vtt srt zip gz tgz br tar 7z ics vcf geojson
		glb gltf usdz tsx jsx yaml yml toml epub heic apk dmg exe bin`
	for ext := range strings.FieldsSeq(exts) {
		if _, ok := extensionTypes[ext]; !ok {
			t.Errorf("no type for .%s", ext)
		}
	}
}

func FuzzMediaType(f *testing.F) {
	f.Add("a.html", []byte("<meta charset=x>"))
	f.Add(".", []byte{})
	f.Add("", []byte("{"))
	f.Fuzz(func(t *testing.T, p string, head []byte) {
		got := MediaType(p, head)
		if _, _, err := mime.ParseMediaType(got); err != nil {
			t.Errorf("MediaType(%q, %q) = %q: %v", p, head, got, err)
		}
	})
}
