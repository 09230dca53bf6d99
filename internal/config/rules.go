package config

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/bmatcuk/doublestar/v4"
)

// problem is what is wrong with a value: the rest of a sentence that starts
// with its path, and what to do.
type problem struct {
	msg, hint string
	name      bool // the name of an entry is wrong, not its value; msg is a whole sentence
}

// rule is what a text must be, beyond being a string. Either may be nil.
type rule struct {
	check  func(value string) *problem
	normal func(value string) string
}

// reserved is the path segment below which the deploy keeps its records.
const reserved = ".pandastack"

// rules holds the rules by Go field; of a list or map, for its elements.
var rules = map[string]rule{
	"Config.RootDir":        {normal: cleanPath},
	"Config.OutputDir":      {checkOutputDir, cleanPath},
	"Config.BuildTimeout":   {check: checkDuration},
	"Config.SiteURL":        {check: checkURL},
	"Proof.Timeout":         {check: checkDuration},
	"Releases.RetainAssets": {check: checkAge},
	"Releases.KeepFor":      {check: checkAge},
	"Config.Ignore":         {check: checkIgnore},
	"Storage.Bucket":        {check: checkBucket},
	"Storage.StateBucket":   {check: checkBucket},
	"Storage.Prefix":        {checkPrefix, normalPrefix},
	"Storage.StatePrefix":   {checkKeyPath, normalPrefix},
	"Storage.Region":        {check: checkRegion},
	"Storage.Endpoint":      {checkEndpoint, func(v string) string { return strings.TrimRight(v, "/") }},
	"Storage.AccountID":     {check: checkCloudflareID},
	"Storage.KMSKeyID":      {check: checkWord},
	"CDN.ZoneID":            {check: checkCloudflareID},
	"CDN.Tag":               {check: checkTag},
	"CDN.DistributionID":    {check: checkDistribution},
	"CDN.ServiceID":         {check: checkService},
	"CDN.PullZone":          {check: checkPullZone},
	"CDN.URL":               {check: checkWebhook},
	"Purge.Hosts":           {checkHost, strings.ToLower},
	"Purge.QueryStrings":    {checkQuery, func(v string) string { return strings.TrimPrefix(v, "?") }},
	"Purge.Origins":         {checkOrigin, strings.ToLower},
	"Purge.NotFound":        {checkKeyPath, func(v string) string { return strings.TrimPrefix(v, "/") }},
	"HeaderRule.Source":     {check: checkPattern},
	"HeaderRule.Headers":    {normal: strings.TrimSpace},
}

// check returns what is wrong with a text, or nil.
func (s *shape) check(path, value string) *problem {
	switch {
	case strings.ContainsRune(value, 0):
		return &problem{msg: fmt.Sprintf("%q must not hold a NUL character", path), hint: "Remove it."}
	case s.choices != nil && !slices.Contains(s.choices, value):
		return s.notAChoice(path, value)
	case s.rule.check == nil:
		return nil
	}
	p := s.rule.check(value)
	if p == nil {
		return nil
	}
	return &problem{msg: fmt.Sprintf("%q %s", path, p.msg), hint: p.hint}
}

func (s *shape) notAChoice(path, value string) *problem {
	if len(s.choices) == 1 {
		return &problem{msg: fmt.Sprintf("%q must be %q, not %q", path, s.choices[0], value), hint: "Nothing else is supported yet."}
	}
	return &problem{msg: fmt.Sprintf("unknown value %q for %q", value, path), hint: suggest(value, s.choices, "values")}
}

// normal returns the one form of a text that all of its spellings have.
func (s *shape) normal(value string) string {
	if s.rule.normal == nil {
		return value
	}
	return s.rule.normal(value)
}

// checkSetting returns what is wrong with a value for a field of the file.
func checkSetting(s Setting, value string, origin Origin) Errors {
	if p := fileShape.at(s.Path).check(s.Path, value); p != nil {
		return Errors{errorAt(origin, p.msg, p.hint)}
	}
	return nil
}

func checkOutputDir(v string) *problem {
	if v == "" {
		return &problem{msg: "is empty", hint: "Name the directory that the build leaves, for example dist."}
	}
	if !filepath.IsLocal(filepath.FromSlash(v)) {
		return &problem{
			msg:  fmt.Sprintf("is %q, which is not inside the root directory", v),
			hint: "Write a path relative to rootDir; set rootDir where the site lies elsewhere.",
		}
	}
	return nil
}

// cleanPath makes ./dist and dist/ the same. Results have slashes everywhere.
func cleanPath(v string) string { return path.Clean(filepath.ToSlash(v)) }

func checkDuration(v string) *problem {
	if d, err := time.ParseDuration(v); err != nil || d <= 0 {
		return &problem{msg: fmt.Sprintf("is %q, which is not a time", v), hint: "Write a number with a unit, for example 90s, 20m or 1h30m."}
	}
	return nil
}

// checkURL never repeats the URL: it may hold a password.
func checkURL(v string) *problem {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https", strings.ContainsFunc(v, unicode.IsSpace):
		return &problem{msg: "must be an absolute http or https URL", hint: "Write it in full, for example https://www.example.com."}
	case u.User != nil:
		return &problem{msg: "must not hold a user name or password", hint: "Credentials come from the environment or from inputs: remove them, and replace them if the file was shared."}
	case strings.ContainsAny(v, "?#"):
		return &problem{msg: "must not have a query or fragment", hint: "Remove everything from the first ? or # on."}
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r > unicode.MaxASCII }):
		return &problem{msg: "must name the host in ASCII", hint: "Write the host in its xn-- form, as browsers send it."}
	}
	return nil
}

// checkEndpoint also refuses a path: dashboards show the URL with the bucket in
// it, and requests would name it twice.
func checkEndpoint(v string) *problem {
	if p := checkURL(v); p != nil {
		return p
	}
	if u, err := url.Parse(v); err == nil && strings.Trim(u.Path, "/") != "" {
		return &problem{msg: "must end after the host", hint: "Remove the path; the bucket has a field of its own."}
	}
	return nil
}

var bucketName = regexp.MustCompile(`^[A-Za-z0-9._-]{3,255}$`)

// checkBucket is loose: brands differ, and the storage itself knows best. It
// finds what is no name at all.
func checkBucket(v string) *problem {
	if v == "" || bucketName.MatchString(v) {
		return nil
	}
	return &problem{msg: fmt.Sprintf("is %q, which is not a bucket's name", v), hint: "Write the name alone, without s3:// and without a path; a path belongs in storage.prefix."}
}

func checkPrefix(v string) *problem {
	if slices.Contains(strings.Split(v, "/"), reserved) {
		return &problem{msg: fmt.Sprintf("must not hold the segment %q", reserved), hint: "The deploy keeps its own records there: choose another prefix."}
	}
	return checkKeyPath(v)
}

// checkKeyPath finds what would not be a path inside a bucket.
func checkKeyPath(v string) *problem {
	if strings.ContainsFunc(v, func(r rune) bool { return unicode.IsControl(r) || r == '\\' }) {
		return &problem{msg: "must not hold a backslash or control character", hint: "Separate segments by /, for example docs/blog/."}
	}
	v = strings.TrimSuffix(strings.TrimPrefix(v, "/"), "/")
	if v == "" {
		return nil
	}
	for segment := range strings.SplitSeq(v, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return &problem{msg: fmt.Sprintf("must not hold the segment %q", segment), hint: "Write the path as it is in the bucket, for example docs/blog/."}
		}
	}
	return nil
}

// normalPrefix ends every prefix in a slash, so that blog never means
// blog-old/ too.
func normalPrefix(v string) string {
	v = strings.TrimPrefix(v, "/")
	if v == "" || strings.HasSuffix(v, "/") {
		return v
	}
	return v + "/"
}

var regionCode = regexp.MustCompile(`^[A-Za-z0-9-]*$`)

func checkRegion(v string) *problem {
	if regionCode.MatchString(v) {
		return nil
	}
	return &problem{msg: fmt.Sprintf("is %q, which is not a region's code", v), hint: "Write the code, for example eu-central-1."}
}

var hex32 = regexp.MustCompile(`^[0-9a-fA-F]{32}$`)

// checkCloudflareID accepts the ids of accounts and zones, which Cloudflare's
// API reference gives as strings of 32 hexadecimal digits.
func checkCloudflareID(v string) *problem {
	if v == "" || hex32.MatchString(v) {
		return nil
	}
	return &problem{msg: "must be 32 hexadecimal digits", hint: "Copy the id from Cloudflare's dashboard; it is not the name."}
}

var (
	capitals = regexp.MustCompile(`^[A-Z0-9]*$`)
	letters  = regexp.MustCompile(`^[A-Za-z0-9]*$`)
	digits   = regexp.MustCompile(`^[0-9]*$`)
)

func checkDistribution(v string) *problem {
	if capitals.MatchString(v) {
		return nil
	}
	return &problem{msg: fmt.Sprintf("is %q, which is not the id of a distribution", v), hint: "Write the id that CloudFront's console lists, for example EDFDVBD632BHDS5; it is not the domain name."}
}

func checkService(v string) *problem {
	if letters.MatchString(v) {
		return nil
	}
	return &problem{msg: fmt.Sprintf("is %q, which is not the id of a Fastly service", v), hint: "Write the id that Fastly shows below the service's name; it is not the name."}
}

func checkPullZone(v string) *problem {
	if digits.MatchString(v) {
		return nil
	}
	return &problem{msg: fmt.Sprintf("is %q, which is not the number of a pull zone", v), hint: "Write the number in the address of the zone's page in bunny.net's dashboard; it is not the name."}
}

// checkWebhook is checkURL, and refuses what others on the way could read. The
// local machine has no others.
func checkWebhook(v string) *problem {
	if p := checkURL(v); p != nil {
		return p
	}
	u, err := url.Parse(v)
	if ip := net.ParseIP(u.Hostname()); v == "" || err != nil || u.Scheme == "https" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return &problem{msg: "must be an https URL", hint: "Others on the way could read and repeat a request that is not encrypted."}
}

func checkWord(v string) *problem {
	if strings.ContainsFunc(v, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return &problem{msg: "must not hold white space", hint: "Write the id, the ARN or the alias alone."}
	}
	return nil
}

// checkTag accepts what every CDN does: CloudFront has the narrowest rules
// (docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-by-tags.html).
func checkTag(v string) *problem {
	if len(v) <= 256 && !strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' }) {
		return nil
	}
	return &problem{msg: "must be one tag of at most 256 ASCII characters, without spaces and commas", hint: "Write a tag that all answers of this site carry, for example www."}
}

// checkHost accepts a host, with or without a port.
func checkHost(v string) *problem {
	u, err := url.Parse("https://" + v)
	if err == nil && v != "" && u.Host == v && u.Hostname() != "" && !strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' || r == '*' }) {
		return nil
	}
	return &problem{msg: fmt.Sprintf("is %q, which is not a host", v), hint: "Write the host alone, for example www.example.com, or its xn-- form."}
}

func checkOrigin(v string) *problem {
	scheme, host, _ := strings.Cut(v, "://")
	if (scheme == "https" || scheme == "http") && checkHost(host) == nil {
		return nil
	}
	return &problem{msg: fmt.Sprintf("is %q, which is not an origin", v), hint: "Write it as browsers send it, without a slash at the end, for example https://www.example.com."}
}

func checkQuery(v string) *problem {
	if q := strings.TrimPrefix(v, "?"); q != "" && !strings.ContainsFunc(q, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"#<>\`, r) }) {
		return nil
	}
	return &problem{msg: fmt.Sprintf("is %q, which is not a query string as browsers send it", v), hint: "Write it percent-encoded and without the question mark, for example v=2."}
}

// checkPattern finds globs that could never match: package site reads them, as
// paths relative to the output, with a slash at either end allowed.
func checkPattern(v string) *problem {
	const hint = "Write a path relative to the output, for example drafts/** or *.map."
	glob := strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(v, "./"), "/"), "/")
	if glob == "" {
		return &problem{msg: "is an empty pattern", hint: hint}
	}
	for segment := range strings.SplitSeq(glob, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return &problem{msg: fmt.Sprintf("is %q, which has the segment %q", v, segment), hint: hint}
		}
	}
	if !doublestar.ValidatePattern(glob) {
		return &problem{msg: fmt.Sprintf("is %q, which is not a pattern", v), hint: "Close every [ and {, and write a backslash before one that is meant literally."}
	}
	return nil
}

// checkIgnore is checkPattern behind the ! that includes again.
func checkIgnore(v string) *problem { return checkPattern(strings.TrimPrefix(v, "!")) }
