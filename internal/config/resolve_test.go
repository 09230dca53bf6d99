package config

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// given is what a test resolves: a file, and values by name of setting.
type sources struct {
	file                     string
	flags, inputs, variables map[string]string
}

func (s sources) resolve(t *testing.T) (*Resolved, error) {
	t.Helper()
	var o Options
	var err error
	if s.file != "" {
		o.File = parse(t, s.file)
	}
	if o.Flags, err = FromFlags(s.flags); err != nil {
		t.Fatal(err)
	}
	if o.Inputs, err = FromInputs(lookup(s.inputs, Setting.InputVariable)); err != nil {
		t.Fatal(err)
	}
	if o.Variables, err = FromVariables(lookup(s.variables, func(s Setting) string { return s.Variable })); err != nil {
		t.Fatal(err)
	}
	return Resolve(o)
}

// lookup returns a getenv that knows the values under their variables.
func lookup(values map[string]string, variable func(Setting) string) func(string) string {
	return func(name string) string {
		for setting, value := range values {
			if s, _ := SettingNamed(setting); name != "" && variable(s) == name {
				return value
			}
		}
		return ""
	}
}

func resolve(t *testing.T, s sources) *Resolved {
	t.Helper()
	r, err := s.resolve(t)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What a file has that says nothing of releases and guards.
var (
	ten, half     = 10, Percent(50)
	usualPurge    = &Purge{NotFound: "404.html"}
	usualReleases = &Releases{Keep: &ten, RetainAssets: "24h"}
	usualGuards   = &Guards{MaxDelete: &Amount{N: 50, Percent: true}, MaxShrink: &half}
)

// TestGuards checks that every form of a number is understood, that an
// environment changes single limits, and what is printed of them.
func TestGuards(t *testing.T) {
	const file = `{
  "type": "static", "outputDir": "dist",
  "releases": {"keep": 0, "keepFor": "1d12h"},
  "guards": {"maxDelete": 20, "minFiles": 3, "maxFileSize": "25MB", "maxTotalSize": "1.5 GiB"},
  "environments": {"loose": {"releases": {}, "guards": {"maxDelete": "100%", "minFiles": 0, "maxShrink": "100%", "maxFileSize": 0}}}
}`
	r := resolve(t, sources{file: file})
	none := 0
	if diff := cmp.Diff(&Releases{Keep: &none, KeepFor: "1d12h", RetainAssets: "24h"}, r.Config.Releases); diff != "" || r.KeepFor() != 36*time.Hour {
		t.Errorf("kept for %v: %s", r.KeepFor(), diff)
	}
	if diff := cmp.Diff(&Guards{MaxDelete: &Amount{N: 20}, MinFiles: 3, MaxShrink: &half, MaxFileSize: 25_000_000, MaxTotalSize: 3 << 29}, r.Config.Guards); diff != "" {
		t.Error(diff)
	}
	if o := r.Origin("guards.maxShrink").String(); o != "default" {
		t.Errorf("maxShrink is from %s", o)
	}
	r = resolve(t, sources{file: file, flags: map[string]string{"environment": "loose"}})
	whole := Percent(100)
	if diff := cmp.Diff(&Guards{MaxDelete: &Amount{N: 100, Percent: true}, MaxShrink: &whole, MaxTotalSize: 3 << 29}, r.Config.Guards); diff != "" {
		t.Error(diff)
	}
	shown := map[string]string{}
	for _, v := range r.Values() {
		shown[v.Path] = inJSON(v.Value) + " " + v.Origin
	}
	for path, want := range map[string]string{
		"releases.keep":       "0 pandastack.json:3:16",
		"guards.maxDelete":    `"100%" pandastack.json:5:57 (environments.loose)`,
		"guards.maxFileSize":  "0 pandastack.json:5:114 (environments.loose)",
		"guards.maxTotalSize": `"1.5 GiB" pandastack.json:4:69`,
	} {
		if shown[path] != want {
			t.Errorf("%s is shown as %s, not %s", path, shown[path], want)
		}
	}
}

func TestAmountText(t *testing.T) {
	for want, a := range map[string]Amount{"20": {N: 20}, "0": {}, "50%": {N: 50, Percent: true}} {
		if got := a.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	a := Amount{N: 50, Percent: true}
	if err := json.Unmarshal([]byte("3"), &a); err != nil || a != (Amount{N: 3}) {
		t.Errorf("over a percentage: %+v, %v", a, err)
	}
}

// TestNumbersRefuse checks what reaches the types past Parse.
func TestNumbersRefuse(t *testing.T) {
	for _, tt := range []struct {
		into  any
		value string
	}{
		{new(Amount), `"20"`}, {new(Amount), `1.5`}, {new(Amount), `true`}, {new(Amount), `"101%"`},
		{new(Percent), `50`}, {new(Percent), `"50"`}, {new(Size), `"big"`}, {new(Size), `-1e3000`}, {new(Size), `"9999999TiB"`},
	} {
		if err := json.Unmarshal([]byte(tt.value), tt.into); err == nil {
			t.Errorf("%T took %s", tt.into, tt.value)
		}
	}
}

func TestLockTimeout(t *testing.T) {
	for given, want := range map[string]time.Duration{"": 5 * time.Minute, "0": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute} {
		r := resolve(t, sources{file: "{" + minimal + "}", variables: map[string]string{"lock-timeout": given}})
		if got := r.LockTimeout(); got != want {
			t.Errorf("%q became %v, not %v", given, got, want)
		}
	}
}

// usualProof is what holds of proofs where nothing but the mode is set.
func usualProof(mode string) *Proof {
	urls := 8
	return &Proof{Mode: mode, URLs: &urls, Timeout: "30s"}
}

// TestProof checks where the site is looked at, and what is refused because it
// would have no effect.
func TestProof(t *testing.T) {
	const site = `"siteUrl":"https://example.com"`
	const bucket = `"storage":{"provider":"minio","endpoint":"https://minio.example.com","bucket":"www"}`
	const local = `"storage":{"provider":"local"}`
	tests := []struct{ name, more, variable, mode, problem string }{
		{"with a URL and a bucket", site + "," + bucket, "", "warn", ""},
		{"no URL", bucket, "", "off", ""},
		{"no storage", site, "", "off", ""},
		{"a directory", site + "," + local, "", "off", ""},
		{"short", site + "," + bucket + `,"proof":"strict"`, "", "strict", ""},
		{"a variable over the file", site + "," + bucket + `,"proof":{"mode":"strict","rollback":true}`, "off", "off", ""},
		{"an environment with a directory", site + "," + bucket + `,"proof":"strict","environments":{"x":{` + local + `}}`, "", "off", ""},
		{"asked for without a URL", bucket + `,"proof":"strict"`, "", "", "\"proof\" needs \"siteUrl\""},
		{"asked for of a directory", site + "," + local + `,"proof":"warn"`, "", "", "the provider \"local\" does not use \"proof\""},
		{"off of a directory", local + `,"proof":"off"`, "", "off", ""},
		{"a rollback that warns", site + "," + bucket + `,"proof":{"rollback":true}`, "", "", "\"proof.rollback\" needs \"mode\" to be \"strict\""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file, err := Parse(FileName, []byte("{"+minimal+","+test.more+"}"))
			if err != nil {
				t.Fatal(described(err))
			}
			given := map[string]string{"PANDASTACK_PROOF": test.variable}
			if strings.Contains(test.more, "environments") {
				given["PANDASTACK_ENVIRONMENT"] = "x"
			}
			variables, err := FromVariables(func(name string) string { return given[name] })
			if err != nil {
				t.Fatal(err)
			}
			r, err := Resolve(Options{File: file, Variables: variables})
			if got := described(err); (got == "") != (test.problem == "") || !strings.Contains(got, test.problem) {
				t.Fatalf("%q, want %q", got, test.problem)
			}
			if err == nil && r.Config.Proof.Mode != test.mode {
				t.Errorf("the mode is %q", r.Config.Proof.Mode)
			}
			if err == nil && r.ProofTimeout() != 30*time.Second {
				t.Errorf("a proof may take %v", r.ProofTimeout())
			}
		})
	}
}

func TestThreeFields(t *testing.T) {
	r := resolve(t, sources{file: `{"type":"static","buildCommand":"npm run build","outputDir":"./dist/"}`})
	want := Config{Type: "static", RootDir: ".", BuildCommand: "npm run build", BuildTimeout: "1h", OutputDir: "dist", Purge: usualPurge, Proof: usualProof("off"), Releases: usualReleases, Guards: usualGuards}
	if diff := cmp.Diff(want, r.Config); diff != "" {
		t.Error(diff)
	}
	if r.BuildTimeout() != time.Hour {
		t.Errorf("the build may take %v", r.BuildTimeout())
	}
}

func TestOutputDir(t *testing.T) {
	for written, want := range map[string]string{"dist": "dist", "./dist": "dist", "dist/": "dist", "a/b/../c": "a/c", ".": ".", "./": "."} {
		r := resolve(t, sources{file: `{"type": "static", "outputDir": "` + written + `"}`})
		if r.Config.OutputDir != want {
			t.Errorf("%q became %q, not %q", written, r.Config.OutputDir, want)
		}
	}
}

// TestNoFile checks that flags alone will do.
func TestNoFile(t *testing.T) {
	r := resolve(t, sources{flags: map[string]string{"output-dir": "public"}})
	if got := r.Error("storage", "missing", "").Error(); got != "missing" {
		t.Errorf("a place for what is nowhere: %s", got)
	}
	if r.Config.OutputDir != "public" || r.Config.Type != "static" || r.Config.Storage != nil {
		t.Errorf("got %+v", r.Config)
	}
}

const layered = `{
  "type": "static", "outputDir": "dist", "buildCommand": "make",
  "siteUrl": "https://example.com", "installCommand": "",
  "buildEnv": {"A": "file", "B": "file"},
  "storage": {"provider": "s3", "bucket": "www", "prefix": "/blog"},
  "cdn": {"provider": "cloudflare", "zoneId": "00000000000000000000000000000000"},
  "ignore": ["*.map", "drafts/"],
  "headers": [{"source": "/*.js", "headers": {"cache-control": " no-cache "}}],
  "environments": {
    "staging": {
      "buildEnv": {"B": "staging"}, "ignore": ["x"],
      "storage": {"bucket": "staging", "prefix": ""},
      "cdn": {"zoneId": "11111111111111111111111111111111"}
    },
    "bare": {"cdn": [], "ignore": [], "installCommand": "npm ci", "storage": {"provider": "local"}},
    "list": {"cdn": [{"provider": "cloudflare", "zoneId": "22222222222222222222222222222222"}]}
  }
}`

func TestEnvironmentBlock(t *testing.T) {
	none := ""
	r := resolve(t, sources{file: layered, variables: map[string]string{"environment": "staging"}})
	want := Config{
		Type: "static", RootDir: ".", InstallCommand: &none, BuildCommand: "make", BuildTimeout: "1h", OutputDir: "dist",
		BuildEnv: map[string]string{"A": "file", "B": "staging"},
		SiteURL:  "https://example.com",
		Storage:  &Storage{Provider: "s3", Bucket: "staging"},
		CDN:      []CDN{{Provider: "cloudflare", ZoneID: "11111111111111111111111111111111"}},
		Ignore:   []string{"x"},
		Headers:  []HeaderRule{{Source: "/*.js", Headers: map[string]string{"Cache-Control": "no-cache"}}},
		Purge:    usualPurge,
		Proof:    usualProof("warn"),
		Releases: usualReleases,
		Guards:   usualGuards,
	}
	if diff := cmp.Diff(want, r.Config); diff != "" {
		t.Error(diff)
	}
	if r.Environment != "staging" {
		t.Errorf("environment %q", r.Environment)
	}
}

// TestEnvironmentReplaces checks that lists replace, objects that are lists in
// one layer too, and that another provider drops what it cannot use.
func TestEnvironmentReplaces(t *testing.T) {
	r := resolve(t, sources{file: layered, flags: map[string]string{"environment": "bare"}})
	if len(r.Config.CDN) != 0 || len(r.Config.Ignore) != 0 || *r.Config.InstallCommand != "npm ci" {
		t.Errorf("got %+v", r.Config)
	}
	if diff := cmp.Diff(&Storage{Provider: "local", Prefix: "blog/", Path: ".pandastack/local"}, r.Config.Storage); diff != "" {
		t.Error(diff)
	}
	r = resolve(t, sources{file: layered, inputs: map[string]string{"environment": "list"}})
	if diff := cmp.Diff([]CDN{{Provider: "cloudflare", ZoneID: "22222222222222222222222222222222"}}, r.Config.CDN); diff != "" {
		t.Error(diff)
	}
}

func TestOrigins(t *testing.T) {
	r := resolve(t, sources{
		file:      layered,
		flags:     map[string]string{"prefix": "x"},
		inputs:    map[string]string{"environment": "staging", "build-command": " "},
		variables: map[string]string{"site-url": "https://example.org", "zone-id": "33333333333333333333333333333333"},
	})
	for path, want := range map[string]string{
		"outputDir":                        "pandastack.json:2:21",
		"buildCommand":                     "pandastack.json:2:42",
		"buildEnv.A":                       "pandastack.json:4:16",
		"buildEnv.B":                       "pandastack.json:11:20 (environments.staging)",
		"siteUrl":                          "PANDASTACK_SITE_URL",
		"storage.provider":                 "pandastack.json:5:15",
		"storage.bucket":                   "pandastack.json:12:19 (environments.staging)",
		"storage.prefix":                   "flag --prefix",
		"storage.region":                   "pandastack.json:5:3", // unset: of the object that would hold it
		"cdn[0].provider":                  "pandastack.json:6:11",
		"cdn[0].zoneId":                    "PANDASTACK_ZONE_ID",
		"ignore[0]":                        "pandastack.json:11:48 (environments.staging)",
		"headers[0].headers.Cache-Control": "pandastack.json:8:47",
		"rootDir":                          "default",
		"nothing.like.it":                  "pandastack.json:1:1",
	} {
		if got := r.Origin(path).String(); got != want {
			t.Errorf("%s is from %q, not %q", path, got, want)
		}
	}
	if got := r.Error("buildCommand", "failed", "Mend it.").Error(); got != "pandastack.json:2:58: failed" {
		t.Errorf("got %q", got)
	}
	if got := r.Error("storage.prefix", "failed", "").Error(); got != "flag --prefix: failed" {
		t.Errorf("got %q", got)
	}
}

func TestZoneSetting(t *testing.T) {
	zone := map[string]string{"zone-id": "33333333333333333333333333333333"}
	base := `"type": "static", "outputDir": "dist", "siteUrl": "https://example.com"`
	want := []CDN{{Provider: "cloudflare", ZoneID: "33333333333333333333333333333333"}}
	for name, cdn := range map[string]string{
		"none":          ``,
		"an empty list": `, "cdn": []`,
		"object":        `, "cdn": {"provider": "cloudflare"}`,
		"list":          `, "cdn": [{"provider": "cloudflare", "zoneId": "00000000000000000000000000000000"}]`,
	} {
		r := resolve(t, sources{file: "{" + base + cdn + "}", flags: zone})
		if diff := cmp.Diff(want, r.Config.CDN); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestSettingsBesideTheFile(t *testing.T) {
	r := resolve(t, sources{
		flags:     map[string]string{"output-dir": "dist", "dry-run": "TRUE"},
		inputs:    map[string]string{"dry-run": "false", "cloudflare-api-token": " t0ken\n"},
		variables: map[string]string{"cloudflare-api-token": "other", "install": "never"},
	})
	if !r.Switch("dry-run") || r.Switch("json") {
		t.Error("a switch is wrong")
	}
	if v, o := r.Setting("install"); v != "never" || o.String() != "PANDASTACK_INSTALL" {
		t.Errorf("install is %q from %v", v, o)
	}
	if v, o := r.Setting("config"); v != FileName || o.String() != "default" {
		t.Errorf("config is %q from %v", v, o)
	}
	token := r.Secret("cloudflare-api-token")
	if v, o := r.Setting("cloudflare-api-token"); v != "(set)" || o.String() != "input cloudflare-api-token" || token.Reveal() != "t0ken" {
		t.Errorf("the token is %q from %v", v, o)
	}
	if aws := r.Secret("aws-session-token"); aws.Set() || aws.String() != "" || !token.Set() {
		t.Error("Set is wrong")
	}
}

func TestLayersRefuse(t *testing.T) {
	var problems strings.Builder
	_, err := FromFlags(map[string]string{
		"dry-run": "maybe", "force": "x", "lock-timeout": "5", "install": "alway", "output-dir": "../x", "frobnicate": "x",
		"cloudflare-api-token": "secret", "storage-provider": "", "build-timeout": "-1s", "prefix": "",
	})
	problems.WriteString(described(err))
	_, err = FromInputs(lookup(map[string]string{"site-url": "example.com", "json": "x"}, Setting.InputVariable))
	problems.WriteString(described(err))
	_, err = FromVariables(lookup(map[string]string{"lock-timeout": "-1s", "zone-id": "example.com"}, func(s Setting) string { return s.Variable }))
	problems.WriteString(described(err))
	want := `flag --build-timeout: "buildTimeout" is "-1s", which is not a time
hint: Write a number with a unit, for example 90s, 20m or 1h30m.
flag --cloudflare-api-token: unknown flag
hint: Give it as the variable CLOUDFLARE_API_TOKEN, which other programs cannot read from the command line.
flag --dry-run: "maybe" is not true or false
hint: Write true or false.
flag --force: "x" is not true or false
hint: Write true or false.
flag --frobnicate: unknown flag
hint: See --help.
flag --install: unknown value "alway"
hint: Did you mean "always"?
flag --lock-timeout: "5" is not a time
hint: Write a number with a unit, for example 90s, 20m or 1h30m.
flag --output-dir: "outputDir" is "../x", which is not inside the root directory
hint: Write a path relative to rootDir; set rootDir where the site lies elsewhere.
flag --storage-provider: unknown value "" for "storage.provider"
hint: Known values: s3, r2, minio, spaces, b2, scaleway, hetzner, wasabi, tigris, gcs, local.
input site-url: "siteUrl" must be an absolute http or https URL
hint: Write it in full, for example https://www.example.com.
PANDASTACK_ZONE_ID: "cdn.zoneId" must be 32 hexadecimal digits
hint: Copy the id from Cloudflare's dashboard; it is not the name.
PANDASTACK_LOCK_TIMEOUT: "-1s" is not a time
hint: Write a number with a unit, for example 90s, 20m or 1h30m.
`
	if diff := cmp.Diff(want, problems.String()); diff != "" {
		t.Error(diff)
	}
}
