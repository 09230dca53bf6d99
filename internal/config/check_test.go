package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRulesNameFields checks that no rule is attached to a field that is gone.
func TestRulesNameFields(t *testing.T) {
	known := map[string]bool{}
	for _, typ := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[Storage](), reflect.TypeFor[CDN](), reflect.TypeFor[Purge](), reflect.TypeFor[Proof](), reflect.TypeFor[HeaderRule](), reflect.TypeFor[Releases]()} {
		for i := range typ.NumField() {
			known[typ.Name()+"."+typ.Field(i).Name] = true
		}
	}
	for name := range rules {
		if !known[name] {
			t.Errorf("rules has %s", name)
		}
	}
	for name := range pairRules {
		if !known[name] {
			t.Errorf("pairRules has %s", name)
		}
	}
}

// TestValues checks single values: the path, the value in JSON, and the
// problem without its place; empty: the value is fine.
func TestFieldValues(t *testing.T) {
	tests := []struct{ path, value, want string }{
		{"outputDir", `"a/../b"`, ""},
		{"outputDir", `"..a"`, ""},
		{"outputDir", `"a/../../b"`, `"outputDir" is "a/../../b", which is not inside the root directory`},
		{"outputDir", `"/srv/www"`, `"outputDir" is "/srv/www", which is not inside the root directory`},
		{"rootDir", `"../site"`, ""},
		{"rootDir", `""`, ""},
		{"buildTimeout", `"90s"`, ""},
		{"buildTimeout", `"0s"`, `"buildTimeout" is "0s", which is not a time`},
		{"buildTimeout", `"10"`, `"buildTimeout" is "10", which is not a time`},
		{"buildTimeout", `"10 minutes"`, `"buildTimeout" is "10 minutes", which is not a time`},
		{"siteUrl", `""`, ""},
		{"siteUrl", `"https://example.com/docs/"`, ""},
		{"siteUrl", `"//example.com"`, `"siteUrl" must be an absolute http or https URL`},
		{"siteUrl", `"https:///docs"`, `"siteUrl" must be an absolute http or https URL`},
		{"siteUrl", `"ftp://example.com"`, `"siteUrl" must be an absolute http or https URL`},
		{"siteUrl", `"https://example.com/a b"`, `"siteUrl" must be an absolute http or https URL`},
		{"siteUrl", `"https://example.com/%zz"`, `"siteUrl" must be an absolute http or https URL`},
		{"siteUrl", `"https://me:pass@example.com"`, `"siteUrl" must not hold a user name or password`},
		{"siteUrl", `"https://example.com/?"`, `"siteUrl" must not have a query or fragment`},
		{"siteUrl", `"https://example.com/#"`, `"siteUrl" must not have a query or fragment`},
		{"siteUrl", `"https://größe.de"`, `"siteUrl" must name the host in ASCII`},
		{"storage.endpoint", `"http://127.0.0.1:9000/"`, ""},
		{"storage.endpoint", `"s3.example.com"`, `"storage.endpoint" must be an absolute http or https URL`},
		{"storage.endpoint", `"https://s3.example.com/www"`, `"storage.endpoint" must end after the host`},
		{"storage.bucket", `"my.site_1"`, ""},
		{"storage.bucket", `"s3://www"`, `"storage.bucket" is "s3://www", which is not a bucket's name`},
		{"storage.bucket", `"www/blog"`, `"storage.bucket" is "www/blog", which is not a bucket's name`},
		{"storage.stateBucket", `"ab"`, `"storage.stateBucket" is "ab", which is not a bucket's name`},
		{"storage.prefix", `"/"`, ""},
		{"storage.prefix", `"größe/a b"`, ""},
		{"storage.prefix", `"a//b"`, `"storage.prefix" must not hold the segment ""`},
		{"storage.prefix", `"//a"`, `"storage.prefix" must not hold the segment ""`},
		{"storage.prefix", `"../a"`, `"storage.prefix" must not hold the segment ".."`},
		{"storage.prefix", `"./a"`, `"storage.prefix" must not hold the segment "."`},
		{"storage.prefix", `"a\\b"`, `"storage.prefix" must not hold a backslash or control character`},
		{"storage.prefix", `"a\n"`, `"storage.prefix" must not hold a backslash or control character`},
		{"storage.prefix", `"a/.pandastack/b"`, `"storage.prefix" must not hold the segment ".pandastack"`},
		{"storage.prefix", `"a/.pandastack-old"`, ""},
		{"storage.statePrefix", `"a/.pandastack/"`, ""},
		{"storage.statePrefix", `"a/.."`, `"storage.statePrefix" must not hold the segment ".."`},
		{"storage.region", `"auto"`, ""},
		{"storage.region", `"EU (Frankfurt)"`, `"storage.region" is "EU (Frankfurt)", which is not a region's code`},
		{"storage.kmsKeyId", `"arn:aws:kms:eu-central-1:1:key/1 "`, `"storage.kmsKeyId" must not hold white space`},
		{"purge.hosts", `["www.example.com", "127.0.0.1:8443", "[::1]"]`, ""},
		{"purge.hosts", `["www.example.com", "https://example.com"]`, `"purge.hosts[1]" is "https://example.com", which is not a host`},
		{"purge.hosts", `["example.com/docs"]`, `"purge.hosts[0]" is "example.com/docs", which is not a host`},
		{"purge.hosts", `["größe.de"]`, `"purge.hosts[0]" is "größe.de", which is not a host`},
		{"purge.hosts", `["*.example.com"]`, `"purge.hosts[0]" is "*.example.com", which is not a host`},
		{"purge.hosts", `["me@example.com"]`, `"purge.hosts[0]" is "me@example.com", which is not a host`},
		{"purge.hosts", `[""]`, `"purge.hosts[0]" is "", which is not a host`},
		{"purge.origins", `["https://example.com", "http://127.0.0.1:3000"]`, ""},
		{"purge.origins", `["example.com"]`, `"purge.origins[0]" is "example.com", which is not an origin`},
		{"purge.origins", `["https://example.com/"]`, `"purge.origins[0]" is "https://example.com/", which is not an origin`},
		{"purge.queryStrings", `["v=2", "?a=%20&b=/c?[d]"]`, ""},
		{"purge.queryStrings", `["?"]`, `"purge.queryStrings[0]" is "?", which is not a query string as browsers send it`},
		{"purge.queryStrings", `["a=b c"]`, `"purge.queryStrings[0]" is "a=b c", which is not a query string as browsers send it`},
		{"purge.queryStrings", `["é"]`, `"purge.queryStrings[0]" is "é", which is not a query string as browsers send it`},
		{"purge.queryStrings", `["a#b"]`, `"purge.queryStrings[0]" is "a#b", which is not a query string as browsers send it`},
		{"purge.notFound", `""`, ""},
		{"purge.notFound", `"errors/404.html"`, ""},
		{"purge.notFound", `"../404.html"`, `"purge.notFound" must not hold the segment ".."`},
		{"cdn.tag", `"www-site"`, ""},
		{"cdn.tag", `"a,b"`, `"cdn.tag" must be one tag of at most 256 ASCII characters, without spaces and commas`},
		{"proof", `"strict"`, ""},
		{"proof", `"on"`, `unknown value "on" for "proof"`},
		{"proof", `true`, `"proof" must be a string or an object, not true`},
		{"proof.mode", `"on"`, `unknown value "on" for "proof.mode"`},
		{"proof.urls", `1`, ""},
		{"proof.urls", `100`, ""},
		{"proof.urls", `0`, `"proof.urls" is too small`},
		{"proof.urls", `101`, `"proof.urls" is too large`},
		{"proof.timeout", `"30"`, `"proof.timeout" is "30", which is not a time`},
		{"cdn.plan", `"gold"`, `unknown value "gold" for "cdn.plan"`},
		{"cdn.purge", `"exact"`, `unknown value "exact" for "cdn.purge"`},
		{"releases.keepFor", `"0"`, ""},
		{"releases.keepFor", `"12h"`, ""},
		{"releases.keepFor", `"30d"`, ""},
		{"releases.keepFor", `"1d12h30m"`, ""},
		{"releases.keepFor", `"99999d"`, ""},
		{"releases.keepFor", `"99999d1s"`, `"releases.keepFor" is "99999d1s", which is not a time`},
		{"releases.keepFor", `"1d-48h"`, `"releases.keepFor" is "1d-48h", which is not a time`},
		{"releases.keepFor", `"-1h"`, `"releases.keepFor" is "-1h", which is not a time`},
		{"releases.keepFor", `"30"`, `"releases.keepFor" is "30", which is not a time`},
		{"releases.keepFor", `"a month"`, `"releases.keepFor" is "a month", which is not a time`},
		{"releases.keepFor", `30`, `"releases.keepFor" must be a string, not a number`},
		{"releases.retainAssets", `"0"`, ""},
		{"releases.retainAssets", `"36h"`, ""},
		{"releases.retainAssets", `"7d"`, ""},
		{"releases.retainAssets", `"1d12h30m"`, ""},
		{"releases.retainAssets", `"99999d"`, ""},
		{"releases.retainAssets", `"99999d1s"`, `"releases.retainAssets" is "99999d1s", which is not a time`},
		{"releases.retainAssets", `"1d-48h"`, `"releases.retainAssets" is "1d-48h", which is not a time`},
		{"releases.retainAssets", `"-1h"`, `"releases.retainAssets" is "-1h", which is not a time`},
		{"releases.retainAssets", `"7"`, `"releases.retainAssets" is "7", which is not a time`},
		{"releases.retainAssets", `"a week"`, `"releases.retainAssets" is "a week", which is not a time`},
		{"releases.retainAssets", `24`, `"releases.retainAssets" must be a string, not a number`},
		{"releases.keep", `0`, ""},
		{"releases.keep", `2147483647`, ""},
		{"releases.keep", `2147483648`, `"releases.keep" is too large`},
		{"releases.keep", `99999999999999999999`, `"releases.keep" is too large`},
		{"releases.keep", `-1`, `"releases.keep" must not be negative`},
		{"releases.keep", `-99999999999999999999`, `"releases.keep" must not be negative`},
		{"releases.keep", `1.5`, `"releases.keep" must be a whole number, not 1.5`},
		{"releases.keep", `1e2`, `"releases.keep" must be a whole number, not 1e2`},
		{"guards.maxDelete", `0`, ""},
		{"guards.maxDelete", `"0%"`, ""},
		{"guards.maxDelete", `"100%"`, ""},
		{"guards.maxDelete", `-5`, `"guards.maxDelete" must not be negative`},
		{"guards.maxDelete", `"20"`, `"guards.maxDelete" is "20", which is neither a count nor a percentage`},
		{"guards.maxDelete", `"101%"`, `"guards.maxDelete" is "101%", which is neither a count nor a percentage`},
		{"guards.maxDelete", `"12.5%"`, `"guards.maxDelete" is "12.5%", which is neither a count nor a percentage`},
		{"guards.maxShrink", `"99%"`, ""},
		{"guards.maxShrink", `"half"`, `"guards.maxShrink" is "half", which is not a percentage`},
		{"guards.maxShrink", `"-1%"`, `"guards.maxShrink" is "-1%", which is not a percentage`},
		{"guards.minFiles", `0.0`, `"guards.minFiles" must be a whole number, not 0.0`},
		{"guards.maxFileSize", `9223372036854775807`, ""},
		{"guards.maxFileSize", `9223372036854775808`, `"guards.maxFileSize" is too large`},
		{"guards.maxFileSize", `"1.5 gib"`, ""},
		{"guards.maxFileSize", `"25"`, ""},
		{"guards.maxFileSize", `""`, `"guards.maxFileSize" is "", which is not a size`},
		{"guards.maxFileSize", `"25 megabytes"`, `"guards.maxFileSize" is "25 megabytes", which is not a size`},
		{"guards.maxFileSize", `"1,000"`, `"guards.maxFileSize" is "1,000", which is not a size`},
		{"guards.maxFileSize", `"-1MB"`, `"guards.maxFileSize" is "-1MB", which is not a size`},
		{"guards.maxTotalSize", `"8388608TiB"`, `"guards.maxTotalSize" is too large`},
		{"guards.maxTotalSize", `"99999999999999999999TiB"`, `"guards.maxTotalSize" is too large`},
		{"ignore", `["**/*.map", "/a", "./b", "c/", "!d", "[a-z]{x,y}", "\\[x"]`, ""},
		{"ignore", `[""]`, `"ignore[0]" is an empty pattern`},
		{"ignore", `["a", "!"]`, `"ignore[1]" is an empty pattern`},
		{"ignore", `["/"]`, `"ignore[0]" is an empty pattern`},
		{"ignore", `["a[b"]`, `"ignore[0]" is "a[b", which is not a pattern`},
		{"ignore", `["../a"]`, `"ignore[0]" is "../a", which has the segment ".."`},
		{"ignore", `["a//b"]`, `"ignore[0]" is "a//b", which has the segment ""`},
		{"headers", `[{"source": "{a", "headers": {}}]`, `"headers[0].source" is "{a", which is not a pattern`},
		{"headers", `[{"source": "!a", "headers": {}}]`, ""},
	}
	for _, test := range tests {
		t.Run(test.path+" "+test.value, func(t *testing.T) {
			value := test.value
			name, inside, deeper := strings.Cut(test.path, ".")
			if deeper {
				value = fmt.Sprintf(`{%q: %s}`, inside, value)
			}
			_, err := Parse(FileName, fmt.Appendf(nil, `{"type": "static", %q: %s}`, name, value))
			_, got, _ := strings.Cut(strings.Split(described(err), "\n")[0], ": ")
			if got != test.want {
				t.Errorf("got %s", described(err))
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"cache-control", "no-store", ""},
		{"Content-Type", "text/plain; charset=utf-8", ""},
		{"Content-Type", "", ""},
		{"X-Amz-Meta-Team", "docs", ""},
		{"X-Amz-Website-Redirect-Location", "https://example.com/", ""},
		{"Content-Security-Policy", "default-src 'self'", `storage cannot hold the header "Content-Security-Policy"
hint: Set it at the CDN: in Cloudflare a response header transform rule, in CloudFront a response headers policy.`},
		{"access-control-allow-origin", "*", `storage cannot hold the header "Access-Control-Allow-Origin"
hint: Set it in the bucket's CORS rules, or at the CDN: in Cloudflare a response header transform rule, in CloudFront a response headers policy.`},
		{"x-amz-acl", "public-read", `storage cannot hold the header "X-Amz-Acl"
hint: Set "acl" in "storage".`},
		{"x-amz-server-side-encryption", "AES256", `storage cannot hold the header "X-Amz-Server-Side-Encryption"
hint: Set "sse" and "kmsKeyId" in "storage".`},
		{"x-amz-storage-class", "GLACIER", `storage cannot hold the header "X-Amz-Storage-Class"
hint: The deploy sends what the storage needs: remove it.`},
		{"ETag", "x", `storage cannot hold the header "Etag"
hint: The storage sets it itself: remove it.`},
		{"Cache Control", "no-store", `"Cache Control" is not the name of a header
hint: Use letters, digits and hyphens.`},
		{"", "no-store", `"" is not the name of a header
hint: Use letters, digits and hyphens.`},
		{"Cache-Control", `no-store\r\nX-Evil: 1`, `the value of "Cache-Control" must not hold a line break or control character
hint: Write it in one line.`},
		{"Content-Disposition", "attachment; filename=größe", `the value of "Content-Disposition" must be ASCII
hint: Percent-encode other characters.`},
		{"Content-Type", "html", `the value of "Content-Type" is not valid
hint: Write a media type, for example text/plain; charset=utf-8.`},
		{"Expires", "0", `the value of "Expires" is not valid
hint: Write a date such as Thu, 01 Jan 2037 00:00:00 GMT, or use Cache-Control.`},
		{"X-Amz-Website-Redirect-Location", "new.html", `the value of "X-Amz-Website-Redirect-Location" is not valid
hint: Write a path that starts with /, or a whole URL.`},
	}
	for _, test := range tests {
		_, err := Parse(FileName, []byte(`{"type": "static", "headers": [{"source": "**", "headers": {"`+test.name+`": "`+test.value+`"}}]}`))
		_, got, _ := strings.Cut(strings.TrimSpace(described(err)), ": ")
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s\n%s", test.name, test.value, diff)
		}
	}
}

// TestHeaderPlaces checks that a bad name is marked at the name, a bad value
// at the value, and that two spellings of a name are one.
func TestHeaderPlaces(t *testing.T) {
	_, err := Parse(FileName, []byte(`{"type": "static", "headers": [{"source": "**", "headers": {
  "X-Frame-Options": "DENY",
  "Expires": "never",
  "cache-control": "a", "Cache-Control": "b"}}]}`))
	var places []string
	for _, e := range err.(Errors) {
		places = append(places, fmt.Sprintf("%d:%d", e.Line, e.Column))
	}
	if diff := cmp.Diff([]string{"2:3", "3:14", "4:25"}, places); diff != "" {
		t.Error(diff)
	}
}

func TestResolveRefuses(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	zone := `"cdn": {"provider": "cloudflare", "zoneId": "` + id + `"}`
	tests := []struct {
		name string
		sources
		want string
	}{
		{"no output", sources{file: `{"type": "static"}`}, `
pandastack.json:1:1: "outputDir" is missing
hint: Name the directory that the build leaves, for example "outputDir": "dist".
`},
		{"nothing at all", sources{}, `
there is no pandastack.json here, and "outputDir" is not given
hint: Write the file with pandastack init, or give --output-dir.
`},
		{"cdn without a URL, and without a zone", sources{file: `{` + minimal + `,
  "cdn": [{"provider": "cloudflare"}, {}]}`}, `
pandastack.json:2:11: "cdn" needs "siteUrl"
hint: Add "siteUrl", the URL at which visitors see the site.
pandastack.json:2:24: the provider "cloudflare" needs "zoneId"
hint: Add "zoneId" beside it; Cloudflare's dashboard shows it on the zone's overview.
pandastack.json:2:39: "provider" of "cdn" is missing
hint: Set it to one of: cloudflare, cloudfront, fastly, bunny, webhook.
`},
		{"CDNs without what names them", sources{file: `{` + minimal + `, "siteUrl": "https://example.com", "cdn": [
  {"provider": "cloudfront"},
  {"provider": "fastly", "serviceId": ""},
  {"provider": "bunny"},
  {"provider": "webhook"}]}`}, `
pandastack.json:2:16: the provider "cloudfront" needs "distributionId"
hint: Add "distributionId" beside it; CloudFront's console lists it with the distributions.
pandastack.json:3:16: the provider "fastly" needs "serviceId"
hint: Add "serviceId" beside it; Fastly shows it below the service's name.
pandastack.json:4:16: the provider "bunny" needs "pullZone"
hint: Add "pullZone" beside it; it is the number in the address of the zone's page in bunny.net's dashboard.
pandastack.json:5:16: the provider "webhook" needs "url"
hint: Add "url" beside it; the requests are sent there.
`},
		{"fields of other CDNs", sources{file: `{` + minimal + `, "siteUrl": "https://example.com", "cdn": [
  {"provider": "fastly", "serviceId": "a", "wait": true},
  {"provider": "cloudfront", "distributionId": "E1", "plan": "pro"}]}`}, `
pandastack.json:2:44: the provider "fastly" does not use "wait"
hint: Remove it, or choose another provider.
pandastack.json:3:54: the provider "cloudfront" does not use "plan"
hint: Remove it, or choose another provider.
`},
		{"an environment takes the URL away", sources{file: `{` + minimal + `, "siteUrl": "https://example.com", ` + zone + `,
  "environments": {"dev": {"siteUrl": ""}}}`, flags: map[string]string{"environment": "dev"}}, `
pandastack.json:1:82: "cdn" needs "siteUrl"
hint: Add "siteUrl", the URL at which visitors see the site.
`},
		{"unknown environment", sources{file: `{` + minimal + `, "environments": {"staging": {}, "production": {}}}`, inputs: map[string]string{"environment": "stagin"}}, `
input environment: unknown environment "stagin": the file has staging, production
hint: Did you mean "staging"?
`},
		{"quite unknown environment", sources{file: `{` + minimal + `, "environments": {"staging": {}}}`, flags: map[string]string{"environment": "x"}}, `
flag --environment: unknown environment "x": the file has staging
hint: Choose one of them, or add it to "environments".
`},
		{"no environments", sources{file: `{` + minimal + `}`, variables: map[string]string{"environment": "x"}}, `
PANDASTACK_ENVIRONMENT: unknown environment "x": the file has none
hint: Add it to "environments".
`},
		{"two zones", sources{file: `{` + minimal + `, "siteUrl": "https://example.com", "cdn": [{"provider": "cloudflare"}, {"provider": "cloudflare"}]}`,
			inputs: map[string]string{"zone-id": id}}, `
input zone-id: there is more than one Cloudflare zone
hint: Set "zoneId" of each in "cdn" instead.
pandastack.json:1:96: the provider "cloudflare" needs "zoneId"
hint: Add "zoneId" beside it; Cloudflare's dashboard shows it on the zone's overview.
pandastack.json:1:124: the provider "cloudflare" needs "zoneId"
hint: Add "zoneId" beside it; Cloudflare's dashboard shows it on the zone's overview.
`},
		{"a zone for nobody", sources{file: `{` + minimal + `, "siteUrl": "https://example.com", "cdn": {}}`, flags: map[string]string{"zone-id": id}}, `
flag --zone-id: none of "cdn" is Cloudflare
hint: Set "provider" of one to "cloudflare".
pandastack.json:1:82: "provider" of "cdn" is missing
hint: Set it to one of: cloudflare, cloudfront, fastly, bunny, webhook.
`},
		{"no provider", sources{file: `{` + minimal + `}`, variables: map[string]string{"bucket": "www"}}, `
PANDASTACK_BUCKET: "storage.provider" is missing
hint: Set it to one of: s3, r2, minio, spaces, b2, scaleway, hetzner, wasabi, tigris, gcs, local.
`},
		{"no bucket", sources{file: `{` + minimal + `, "storage": {"provider": "s3"}}`}, `
pandastack.json:1:65: "storage.bucket" is missing
hint: Name the bucket: "bucket" in "storage", --bucket, the input bucket, or PANDASTACK_BUCKET.
`},
		{"no account", sources{file: `{` + minimal + `, "storage": {"provider": "r2", "bucket": "www"}}`}, `
pandastack.json:1:65: the provider "r2" needs "accountId"
hint: Add "accountId" beside it, the 32 digits of the account's id; or "endpoint".
`},
		{"no endpoint", sources{file: `{` + minimal + `, "storage": {"provider": "minio", "bucket": "www"}}`}, `
pandastack.json:1:65: the provider "minio" needs "endpoint"
hint: Add "endpoint" beside it, for example "https://minio.example.com".
`},
		{"no region", sources{file: `{` + minimal + `, "storage": {"provider": "spaces", "bucket": "www"}}`}, `
pandastack.json:1:65: the provider "spaces" needs "region"
hint: Add "region" beside it, as the provider's console names it.
`},
		{"of no use", sources{file: `{` + minimal + `, "storage": {"provider": "s3", "bucket": "www", "accountId": "` + id + `", "path": "x"}}`}, `
pandastack.json:1:88: the provider "s3" does not use "accountId"
hint: Remove it, or choose another provider.
pandastack.json:1:137: the provider "s3" does not use "path"
hint: Remove it, or choose another provider.
`},
		{"R2 has no ACLs", sources{file: `{` + minimal + `, "storage": {"provider": "r2", "bucket": "www", "accountId": "` + id + `", "acl": "private"}}`}, `
pandastack.json:1:137: the provider "r2" does not use "acl"
hint: Remove it, or choose another provider.
`},
		{"a bucket for a directory", sources{file: `{` + minimal + `, "storage": {"provider": "local", "pathStyle": false}}`, variables: map[string]string{"bucket": "www"}}, `
PANDASTACK_BUCKET: the provider "local" does not use "bucket"
hint: Remove it, or choose another provider.
pandastack.json:1:74: the provider "local" does not use "pathStyle"
hint: Remove it, or choose another provider.
`},
		{"published into the output", sources{file: `{` + minimal + `, "storage": {"provider": "local", "path": "./dist/public"}}`}, `
pandastack.json:1:82: "storage.path" and "outputDir" lie one in the other
hint: Publish into a directory of its own, for example public.
`},
		{"the output in what is published", sources{file: `{"type": "static", "outputDir": "a/b", "storage": {"provider": "local", "path": "a"}}`}, `
pandastack.json:1:81: "storage.path" and "outputDir" lie one in the other
hint: Publish into a directory of its own, for example public.
`},
		{"the root is the output", sources{file: `{"type": "static", "outputDir": ".", "storage": {"provider": "local", "path": "public"}}`}, `
pandastack.json:1:79: "storage.path" and "outputDir" lie one in the other
hint: Publish into a directory of its own, for example public.
`},
		{"a key without encryption", sources{file: `{` + minimal + `, "storage": {"provider": "s3", "bucket": "www", "sse": "AES256", "kmsKeyId": "alias/x"}}`}, `
pandastack.json:1:117: "storage.kmsKeyId" needs "sse" to be "aws:kms" or "aws:kms:dsse"
hint: Add "sse": "aws:kms", or remove the key.
`},
		{"state in the site's bucket", sources{file: `{` + minimal + `, "storage": {"provider": "s3", "bucket": "www", "stateBucket": "www"}}`}, `
pandastack.json:1:103: "storage.stateBucket" is the site's own bucket
hint: Remove it, or name another bucket, or add "statePrefix".
`},
		{"state in the site", sources{file: `{` + minimal + `, "storage": {"provider": "s3", "bucket": "www", "statePrefix": "state"}}`}, `
pandastack.json:1:103: "storage.statePrefix" lies inside the site
hint: Choose a path outside "prefix", or another bucket as "stateBucket"; or remove it.
`},
		{"state below the site's prefix", sources{file: `{` + minimal + `, "storage": {"provider": "s3", "bucket": "www", "stateBucket": "www", "prefix": "a", "statePrefix": "a/b"}}`}, `
pandastack.json:1:140: "storage.statePrefix" lies inside the site
hint: Choose a path outside "prefix", or another bucket as "stateBucket"; or remove it.
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := test.resolve(t)
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), described(err)); diff != "" {
				t.Error(diff)
			}
			if r != nil {
				t.Error("a result beside the error")
			}
		})
	}
}

func TestResolveAccepts(t *testing.T) {
	for _, storage := range []string{
		`{"provider": "s3", "bucket": "www"}`,
		`{"provider": "r2", "bucket": "www", "endpoint": "https://x.eu.r2.cloudflarestorage.com"}`,
		`{"provider": "tigris", "bucket": "www"}`,
		`{"provider": "gcs", "bucket": "www"}`,
		`{"provider": "b2", "bucket": "www", "region": "us-west-004"}`,
		`{"provider": "s3", "bucket": "www", "stateBucket": "state"}`,
		`{"provider": "s3", "bucket": "www", "stateBucket": "state", "statePrefix": "a"}`,
		`{"provider": "s3", "bucket": "www", "prefix": "blog", "statePrefix": "blog-state"}`,
		`{"provider": "s3", "bucket": "www", "statePrefix": ".pandastack"}`,
		`{"provider": "s3", "bucket": "www", "sse": "aws:kms:dsse", "kmsKeyId": "alias/x"}`,
		`{"provider": "local"}`,
		`{"provider": "local", "path": "dist-public", "bucket": ""}`,
		`{"provider": "local", "path": "../public"}`,
	} {
		if _, err := (sources{file: `{` + minimal + `, "storage": ` + storage + `}`}).resolve(t); err != nil {
			t.Errorf("%s: %v", storage, err)
		}
	}
}
