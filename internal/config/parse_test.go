package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// described returns the problems as a person reads them.
func described(err error) string {
	var problems Errors
	if err == nil {
		return ""
	}
	if !errors.As(err, &problems) {
		return "not Errors: " + err.Error()
	}
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.Error() + "\n" + "hint: " + p.Hint + "\n")
	}
	return b.String()
}

const minimal = `"type": "static", "outputDir": "dist"`

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"empty", "", `
pandastack.json:1:1: the file is empty
hint: Write at least {"type": "static", "outputDir": "dist"}.
`},
		{"only a comment", "// soon\n", `
pandastack.json:1:1: the file is empty
hint: Write at least {"type": "static", "outputDir": "dist"}.
`},
		{"byte order mark", "\ufeff{" + minimal + "}", `
pandastack.json:1:1: the file starts with a byte order mark
hint: Save it as UTF-8 without a byte order mark.
`},
		{"UTF-16", "\xff\xfe{\x00}\x00", `
pandastack.json:1:1: the file is not UTF-8 but UTF-16
hint: Save it as UTF-8 without a byte order mark.
`},
		{"not UTF-8", "{\n  \"type\": \"é\xe9\"}", `
pandastack.json:2:13: the file is not UTF-8
hint: Save it as UTF-8 without a byte order mark.
`},
		{"too large", strings.Repeat("[", maxSize+1), `
pandastack.json:1:1: the file is larger than 1 MiB
hint: Is this the right file?
`},
		{"deep", strings.Repeat("[", maxSize), `
pandastack.json:1:101: brackets nest too deep
hint: Is this the right file?
`},
		{"not closed", "{\n" + minimal, `
pandastack.json:2:38: the file ends too early
hint: A brace, bracket, quote or comment is not closed.
`},
		{"comma missing, after wide characters", "{\n  \"type\": \"static\"\n  /* größe */ \"outputDir\": \"dist\"\n}", `
pandastack.json:3:15: invalid character '"' after object value (expecting ',' or '}')
hint: Look here and just before: a comma, colon, quote or bracket is missing or too many.
`},
		{"quote missing", "{\"type\": \"static,\n  \"outputDir\": \"dist\"}", `
pandastack.json:1:10: invalid string
hint: Strings end on their line, and a backslash in one is written twice.
`},
		{"no quotes", `{"type": static}`, `
pandastack.json:1:10: invalid value "static"
hint: Strings stand in double quotes.
`},
		{"single quotes", `{'type': "static"}`, `
pandastack.json:1:2: invalid character '\'' at start of value
hint: Strings stand in double quotes.
`},
		{"two documents", "{" + minimal + "} {}", `
pandastack.json:1:41: invalid character '{' after top-level value
hint: Look here and just before: a comma, colon, quote or bracket is missing or too many.
`},
		{"a list", `[]`, `
pandastack.json:1:1: the file must hold an object, not a list
hint: Write at least {"type": "static", "outputDir": "dist"}.
`},
		{"type missing", "\n  {\"outputDir\": \"dist\"}", `
pandastack.json:2:3: "type" is missing
hint: Add "type": "static".
`},
		{"what is missing comes first", `{"outputDir": 1}`, `
pandastack.json:1:1: "type" is missing
hint: Add "type": "static".
pandastack.json:1:15: "outputDir" must be a string, not a number
hint: Write it in double quotes.
`},
		{"another type", `{"type": "worker", "outputDir": "dist"}`, `
pandastack.json:1:10: "type" must be "static", not "worker"
hint: Nothing else is supported yet.
`},
		{"all together, in order", `{
  "type": "static",
  "outputdir": "dist",
  "buildCommand": ["make"],
  "siteUrl": "example.com", "siteUrl": "https://example.com",
  "storage": {"provider": "r4", "buckets": "www", "zoneId": "x"},
  "bucket": "www",
  "ÄÄ": 1, "ignore": "*.map",
  "frobnicate": null
}`, `
pandastack.json:3:3: unknown field "outputdir"
hint: Did you mean "outputDir"?
pandastack.json:4:19: "buildCommand" must be a string, not a list
hint: Write one string in double quotes.
pandastack.json:5:14: "siteUrl" must be an absolute http or https URL
hint: Write it in full, for example https://www.example.com.
pandastack.json:5:29: "siteUrl" is set twice
hint: It was set at 5:3 already: keep one of them.
pandastack.json:6:27: unknown value "r4" for "storage.provider"
hint: Did you mean "r2"?
pandastack.json:6:33: unknown field "storage.buckets"
hint: Did you mean "bucket"?
pandastack.json:6:51: unknown field "storage.zoneId"
hint: Did you mean "zoneId" inside "cdn"?
pandastack.json:7:3: unknown field "bucket"
hint: Did you mean "bucket" inside "storage"?
pandastack.json:8:3: unknown field "ÄÄ"
hint: Known fields: $schema, type, rootDir, installCommand, buildCommand, buildEnv, buildTimeout, outputDir, siteUrl, storage, cdn, purge, proof, ignore, headers, releases, guards, environments.
pandastack.json:8:22: "ignore" must be a list, not a string
hint: Write it in square brackets.
pandastack.json:9:3: unknown field "frobnicate"
hint: Known fields: $schema, type, rootDir, installCommand, buildCommand, buildEnv, buildTimeout, outputDir, siteUrl, storage, cdn, purge, proof, ignore, headers, releases, guards, environments.
`},
		{"a field of the top inside storage", "{" + minimal + `, "storage": {"site_url": ""}}`, `
pandastack.json:1:53: unknown field "storage.site_url"
hint: Did you mean "siteUrl" at the top of the file?
`},
		{"null", "{" + minimal + `, "cdn": null}`, `
pandastack.json:1:48: "cdn" must be an object or a list, not null
hint: Leave the field out.
`},
		{"cdn by name", "{" + minimal + `, "cdn": "cloudflare"}`, `
pandastack.json:1:48: "cdn" must be an object or a list, not a string
hint: Write it in braces, with its fields.
`},
		{"truth", "{" + minimal + `, "storage": {"pathStyle": "yes"}}`, `
pandastack.json:1:66: "storage.pathStyle" must be true or false, not a string
hint: Write true or false, without quotes.
`},
		{"numbers, percentages and sizes", "{" + minimal + `,
  "releases": {"keep": "ten"},
  "guards": {"maxDelete": true, "minFiles": [1], "maxShrink": 50, "maxFileSize": null, "maxTotalSize": {}},
  "maxFileSize": 1, "keep": 1
}`, `
pandastack.json:2:24: "releases.keep" must be a whole number, not a string
hint: Write it in digits, without quotes.
pandastack.json:3:27: "guards.maxDelete" must be a count or percentage, not true
hint: Write a count, for example 20, or a percentage in quotes, for example "50%".
pandastack.json:3:45: "guards.minFiles" must be a whole number, not a list
hint: Write it in digits, without quotes.
pandastack.json:3:63: "guards.maxShrink" must be a percentage, not a number
hint: Write it in quotes, for example "50%".
pandastack.json:3:82: "guards.maxFileSize" must be a size, not null
hint: Leave the field out.
pandastack.json:3:104: "guards.maxTotalSize" must be a size, not an object
hint: Write it in quotes, for example "25MB", or as a number of bytes.
pandastack.json:4:3: unknown field "maxFileSize"
hint: Did you mean "maxFileSize" inside "guards"?
pandastack.json:4:21: unknown field "keep"
hint: Did you mean "keep" inside "releases"?
`},
		{"a number in the environment of the build", "{" + minimal + `, "buildEnv": {"PORT": 80, "A-B": "x", "PORT": ""}}`, `
pandastack.json:1:62: "buildEnv.PORT" must be a string, not a number
hint: Write it in double quotes.
pandastack.json:1:66: "A-B" is not the name of a variable
hint: Use letters, digits and underscores, and no digit first.
pandastack.json:1:78: "PORT" is set twice
hint: It was set at 1:54 already: keep one of them.
`},
		{"NUL", "{" + minimal + `, "buildCommand": "a\u0000b"}`, `
pandastack.json:1:57: "buildCommand" must not hold a NUL character
hint: Remove it.
`},
		{"environments", "{" + minimal + `, "environments": {"a": {"type": "static", "environments": {}, "outputDir": "../x"}, "": {}}}`, `
pandastack.json:1:64: an environment cannot have "type"
hint: It is the same in every environment: write it at the top of the file.
pandastack.json:1:82: an environment cannot have "environments"
hint: It is the same in every environment: write it at the top of the file.
pandastack.json:1:115: "environments.a.outputDir" is "../x", which is not inside the root directory
hint: Write a path relative to rootDir; set rootDir where the site lies elsewhere.
pandastack.json:1:124: an environment has no name
hint: Name it, for example staging.
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			layer, err := Parse(FileName, []byte(test.file))
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), described(err)); diff != "" {
				t.Error(diff)
			}
			if layer != nil {
				t.Error("a layer beside the error")
			}
		})
	}
}

// TestPositions checks lines and columns in whatever order they are asked for.
func TestPositions(t *testing.T) {
	const data = "aé\nöü\r\n\n€x"
	var want []string
	offsets := []int{0, 1, 3, 4, 6, 8, 9, 10, 11, 14, 15}
	for _, at := range []string{"1:1", "1:2", "1:3", "2:1", "2:2", "2:3", "2:4", "3:1", "4:1", "4:2", "4:3"} {
		want = append(want, FileName+":"+at)
	}
	p := newPositions(FileName, []byte(data))
	for _, i := range []int{10, 9, 0, 2, 1, 5, 4, 6, 3, 8, 7, 8, 9, 10, 0, 1, 2, 2} {
		if got := p.origin(offsets[i]).String(); got != want[i] {
			t.Errorf("offset %d is at %s, not %s", offsets[i], got, want[i])
		}
	}
}

// TestErrorsUnwrap checks that one problem can be taken out of the list.
func TestErrorsUnwrap(t *testing.T) {
	_, err := Parse(FileName, []byte("{}"))
	var one *Error
	if !errors.As(err, &one) || one.Line != 1 || one.Column != 1 || one.File != FileName {
		t.Errorf("got %#v from %v", one, err)
	}
}

func TestEnvironments(t *testing.T) {
	layer := parse(t, "{"+minimal+`, "environments": {"staging": {}, "production": {}, "a": {}}}`)
	if diff := cmp.Diff([]string{"staging", "production", "a"}, layer.Environments()); diff != "" {
		t.Error(diff)
	}
	if got := (*Layer)(nil).Environments(); got != nil {
		t.Errorf("of no file: %v", got)
	}
}

func parse(t *testing.T, file string) *Layer {
	t.Helper()
	layer, err := Parse(FileName, []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return layer
}
