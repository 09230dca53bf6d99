package s3

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Options say which bucket a Store is, and how to reach it. Provider and
// Bucket are needed, and what the preset's Needs lists; the rest is optional.
type Options struct {
	Provider  string // a preset's name
	Bucket    string
	Region    string
	Endpoint  string // http(s)://host[:port]; overrides the preset's
	AccountID string
	PathStyle *bool
	ACL       string // a canned ACL; empty sends none, as new AWS buckets require
	SSE       string // AES256, aws:kms or aws:kms:dsse
	KMSKeyID  string // with aws:kms or aws:kms:dsse

	// Credentials sign the requests. Nil means the SDK's default chain:
	// environment, shared files, web identity, container, EC2 (AWS only).
	Credentials aws.CredentialsProvider

	// HTTPClient sends the requests. Nil means a client tuned for many small
	// ones.
	HTTPClient aws.HTTPClient

	// Workers is how many requests callers send at a time (64 where 0): that
	// many connections are kept open.
	Workers int

	// MultipartAbove is the size in bytes above which an object is sent in
	// parts (64 MiB where 0), PartBytes the smallest part (16 MiB), and
	// CopyAbove the size above which it is copied in parts (the most that
	// the service copies at once).
	MultipartAbove, PartBytes, CopyAbove int64

	// MaxAttempts is how often a request is sent before its failure is
	// reported (8 where 0).
	MaxAttempts int

	// MaxBackoff is the longest pause between two attempts (10 s where 0),
	// also where the service asks for a longer one.
	MaxBackoff time.Duration

	// AnswerTime is how long the service may be silent in the middle of an
	// exchange, or, for each MiB that it has to copy a second longer, before
	// its answer (30 s where 0). Then the attempt counts as failed.
	AnswerTime time.Duration
}

// OptionError says which option is missing or wrong, by the name that it has
// in the configuration.
type OptionError struct {
	Field  string // for example "endpoint"
	Reason string
}

// Error returns the field and the reason in one line.
func (e *OptionError) Error() string { return "storage." + e.Field + ": " + e.Reason }

// target is where the requests of a Store go.
type target struct {
	Preset
	bucket, region, endpoint string
	pathStyle                bool
}

// resolve merges the options into their preset. The region is still empty
// where only the SDK's configuration can tell it.
func (o Options) resolve() (target, error) {
	p, ok := Lookup(o.Provider)
	if !ok {
		return target{}, &OptionError{"provider", fmt.Sprintf("%q is unknown; known are %s", o.Provider, strings.Join(Names(), ", "))}
	}
	if o.Bucket == "" {
		return target{}, &OptionError{"bucket", "is needed"}
	}
	if err := o.checkNeeds(p); err != nil {
		return target{}, err
	}
	t := target{Preset: p, bucket: o.Bucket, endpoint: o.Endpoint}
	if p.Name == "s3" && o.Endpoint != "" {
		t.Preset = p.custom()
		t.pathStyle = true // works wherever no wildcard DNS name was made
	}
	if o.Endpoint == "" {
		t.endpoint = p.Endpoint(o.Region, o.AccountID)
	}
	t.region, t.pathStyle = firstOf(o.Region, t.Region), t.pathStyle || p.PathStyle
	if o.PathStyle != nil {
		t.pathStyle = *o.PathStyle
	}
	return t, t.checkEndpoint()
}

// checkNeeds reports the first field that the preset needs and o lacks. An
// endpoint of one's own stands in for what the preset would make one from.
func (o Options) checkNeeds(p Preset) error {
	values := map[string]string{"accountId": o.AccountID, "endpoint": o.Endpoint, "region": o.Region}
	for _, field := range p.Needs {
		if values[field] != "" || (field == "accountId" && o.Endpoint != "") {
			continue
		}
		return &OptionError{field, fmt.Sprintf("is needed for %s", p.Title)}
	}
	if o.KMSKeyID != "" && !strings.HasPrefix(o.SSE, "aws:kms") {
		return &OptionError{"kmsKeyId", `needs "sse": "aws:kms"`}
	}
	return nil
}

func (t target) checkEndpoint() error {
	if t.endpoint == "" {
		return nil
	}
	u, err := url.Parse(t.endpoint)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return &OptionError{"endpoint", fmt.Sprintf("%q is not a URL such as https://s3.example.com", t.endpoint)}
	case u.User != nil:
		return &OptionError{"endpoint", "must not hold credentials"}
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		return &OptionError{"endpoint", fmt.Sprintf("%q must end after the host: the bucket has a field of its own", t.endpoint)}
	}
	return nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
