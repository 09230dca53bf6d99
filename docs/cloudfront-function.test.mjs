// Runs cloudfront-function.js as CloudFront would: node --test docs/
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";

const context = vm.createContext({});
vm.runInContext(readFileSync(new URL("cloudfront-function.js", import.meta.url), "utf8"), context);

// answer returns the URI that goes on to the bucket, or status and location.
function answer(uri, query) {
  const request = { method: "GET", uri, headers: {}, cookies: {}, querystring: {}, rawQueryString: () => query };
  const result = context.handler({ version: "1.0", request });
  return result.statusCode ? `${result.statusCode} ${result.headers.location.value}` : result.uri;
}

const cases = [
  ["/", undefined, "/index.html"],
  ["/", "utm=1", "/index.html"],
  ["/docs/", undefined, "/docs/index.html"],
  ["/docs/index.html", undefined, "/docs/index.html"],
  ["/docs", undefined, "302 /docs/"],
  ["/docs", "", "302 /docs/"],
  ["/docs", "a=1&b=%20", "302 /docs/?a=1&b=%20"],
  ["/v1.2/docs", undefined, "302 /v1.2/docs/"],
  ["/a%20b", undefined, "302 /a%20b/"],
  ["/app.3f9c1b2e.js", undefined, "/app.3f9c1b2e.js"],
  ["/.well-known/apple-app-site-association", undefined, "/.well-known/apple-app-site-association"],
  // Never a redirect to another host.
  ["//evil.example/x", undefined, "302 /evil.example/x/"],
  ["/\\evil.example/x", undefined, "302 /evil.example/x/"],
];

for (const [uri, query, want] of cases) {
  test(`${uri}${query === undefined ? "" : "?" + query}`, () => assert.equal(answer(uri, query), want));
}
