package config

// FileName is the name under which the configuration is looked for.
const FileName = "pandastack.json"

// Config is pandastack.json. Paths are relative to RootDir, RootDir to the
// file. The comments of the fields are their descriptions in the JSON Schema
// and in docs/configuration.md.
type Config struct {
	// The JSON Schema of this file, for editors.
	Schema string `json:"$schema,omitempty"`
	// What is deployed: a static site.
	Type string `json:"type" jsonschema:"required,enum=static"`
	// The directory that all other paths are relative to, itself relative to this file.
	RootDir string `json:"rootDir,omitempty"`
	// The command that installs dependencies. Without it the lock file decides; an empty string installs nothing.
	InstallCommand *string `json:"installCommand,omitempty"`
	// The command that builds the site. Without it the output is already there.
	BuildCommand string `json:"buildCommand,omitempty"`
	// Variables that are added to the environment of the install and build commands.
	BuildEnv map[string]string `json:"buildEnv,omitempty"`
	// How long the install and build commands may take together, for example 90s or 1h30m.
	BuildTimeout string `json:"buildTimeout,omitempty" jsonschema:"minLength=1"`
	// The directory that the build leaves and that is published, inside rootDir. It is needed, here or from a flag, input or variable.
	OutputDir string `json:"outputDir,omitempty" jsonschema:"minLength=1"`
	// The URL at which visitors see the site. A CDN needs it.
	SiteURL string `json:"siteUrl,omitempty"`
	// Where the site is published. Without it, outside CI, the site goes to .pandastack/local/.
	Storage *Storage `json:"storage,omitempty"`
	// The CDN in front of the site, or a list of them.
	CDN []CDN `json:"cdn,omitempty"`
	// What else is purged where a file changed, besides its URLs at siteUrl.
	Purge *Purge `json:"purge,omitempty"`
	// Whether, and how, it is checked after a deploy that visitors get it. A string stands for mode.
	Proof *Proof `json:"proof,omitempty"`
	// Files of the output that are not published, as patterns. The last match wins; a leading ! includes again.
	Ignore []string `json:"ignore,omitempty"`
	// Headers that are stored with the files, as rules in order. A later rule overrides an earlier one.
	Headers []HeaderRule `json:"headers,omitempty"`
	// What is kept of former releases.
	Releases *Releases `json:"releases,omitempty"`
	// Limits that stop a deploy before it changes the site.
	Guards *Guards `json:"guards,omitempty"`
	// What differs in each environment: the same fields, without $schema, type and environments.
	Environments map[string]Config `json:"environments,omitempty"`
}

// Storage says where the site is published.
type Storage struct {
	// The kind of storage: a brand of S3, or a local directory.
	Provider string `json:"provider,omitempty" jsonschema:"enum=s3,enum=r2,enum=minio,enum=spaces,enum=b2,enum=scaleway,enum=hetzner,enum=wasabi,enum=tigris,enum=gcs,enum=local"`
	// The bucket's name.
	Bucket string `json:"bucket,omitempty"`
	// The part of the bucket that is the site, for example blog/.
	Prefix string `json:"prefix,omitempty"`
	// The bucket's region.
	Region string `json:"region,omitempty"`
	// The URL of the S3 API, where the provider's own is not the right one.
	Endpoint string `json:"endpoint,omitempty"`
	// The Cloudflare account that holds an R2 bucket.
	AccountID string `json:"accountId,omitempty" jsonschema:"pattern=^([0-9a-fA-F]{32})?$"`
	// Whether the bucket is named in the URL's path instead of its host. Without it the provider decides.
	PathStyle *bool `json:"pathStyle,omitempty"`
	// Another bucket for the deploy's own records, where the site's bucket is public and cannot hide a prefix.
	StateBucket string `json:"stateBucket,omitempty"`
	// Where the deploy's own records lie. Without it: .pandastack/ below prefix.
	StatePrefix string `json:"statePrefix,omitempty"`
	// The canned ACL that is sent with every object. Without it none is sent.
	ACL string `json:"acl,omitempty" jsonschema:"enum=private,enum=public-read,enum=public-read-write,enum=authenticated-read,enum=aws-exec-read,enum=bucket-owner-read,enum=bucket-owner-full-control"`
	// The server-side encryption that is asked for.
	SSE string `json:"sse,omitempty" jsonschema:"enum=AES256,enum=aws:kms,enum=aws:kms:dsse"`
	// The KMS key of the encryption, with sse aws:kms or aws:kms:dsse.
	KMSKeyID string `json:"kmsKeyId,omitempty"`
	// The directory of the local provider, relative to rootDir.
	Path string `json:"path,omitempty"`
}

// CDN is one CDN in front of the site.
type CDN struct {
	// The CDN's provider.
	Provider string `json:"provider,omitempty" jsonschema:"enum=cloudflare,enum=cloudfront,enum=fastly,enum=bunny,enum=webhook"`
	// The id of the Cloudflare zone.
	ZoneID string `json:"zoneId,omitempty" jsonschema:"pattern=^([0-9a-fA-F]{32})?$"`
	// The id of the CloudFront distribution.
	DistributionID string `json:"distributionId,omitempty" jsonschema:"pattern=^[A-Z0-9]*$"`
	// Whether a deploy waits, up to 15 minutes, until CloudFront has purged everywhere. Without it: false.
	Wait *bool `json:"wait,omitempty"`
	// The id of the Fastly service.
	ServiceID string `json:"serviceId,omitempty" jsonschema:"pattern=^[A-Za-z0-9]*$"`
	// Whether Fastly marks what is purged as stale, and may serve it while it is fetched anew. Without it: false.
	Soft *bool `json:"soft,omitempty"`
	// The number of the bunny.net pull zone, as a string.
	PullZone string `json:"pullZone,omitempty" jsonschema:"pattern=^[0-9]*$"`
	// The URL that the webhook is sent to, which must be https.
	URL string `json:"url,omitempty"`
	// The plan of the Cloudflare account, whose rates are kept to. Without it: free.
	Plan string `json:"plan,omitempty" jsonschema:"enum=free,enum=pro,enum=business,enum=enterprise"`
	// What a deploy purges: what changed, by the cheapest requests that cover it, or always everything of this site. Without it: auto.
	Purge string `json:"purge,omitempty" jsonschema:"enum=auto,enum=everything"`
	// A cache tag that all answers of this site carry, and no others. To purge everything, it is named instead of the hosts.
	Tag string `json:"tag,omitempty"`
}

// Purge says under which other URLs CDNs may have cached the site.
type Purge struct {
	// Other hosts that serve the same site, with the scheme and path of siteUrl.
	Hosts []string `json:"hosts,omitempty"`
	// Query strings whose answers are cached beside those without any, for example v=2.
	QueryStrings []string `json:"queryStrings,omitempty"`
	// Origin headers whose answers are cached beside those without any: the sites that load fonts or other files of this one.
	Origins []string `json:"origins,omitempty"`
	// The file that answers for what is not found. Where it changes, everything of the site is purged. An empty string: there is none.
	NotFound string `json:"notFound,omitempty"`
}

// Proof says how the site is looked at through siteUrl after a deploy.
type Proof struct {
	// What is done where visitors do not get the release: nothing, because siteUrl is never asked; a warning; or a failure with an exit code of its own.
	Mode string `json:"mode,omitempty" jsonschema:"enum=off,enum=warn,enum=strict"`
	// How many URLs are asked for, at most.
	URLs *int `json:"urls,omitempty" jsonschema:"minimum=1,maximum=100"`
	// How long a proof may take, with all that is purged and asked for again, for example 30s or 2m.
	Timeout string `json:"timeout,omitempty" jsonschema:"minLength=1"`
	// Whether a strict proof that finds visitors with something else than the release brings the one before it back.
	Rollback bool `json:"rollback,omitempty"`
}

// HeaderRule sets headers on the files that match Source.
type HeaderRule struct {
	// The files, as a pattern relative to outputDir, for example assets/**.
	Source string `json:"source" jsonschema:"required,minLength=1"`
	// The headers by name. An empty value removes the header.
	Headers map[string]string `json:"headers" jsonschema:"required"`
}

// Releases says what is kept of former releases.
type Releases struct {
	// How many former releases are kept beside the live one, to go back to without an upload. With 0 none is kept once a deploy is done.
	Keep *int `json:"keep,omitempty" jsonschema:"minimum=0"`
	// How long former releases are kept after another one took their place, for example 30d or 12h. A release is kept where keep or keepFor keeps it.
	KeepFor string `json:"keepFor,omitempty" jsonschema:"minLength=1"`
	// How long files with a fingerprinted name that a release no longer has stay in the bucket, for example 36h or 7d. With "0" they are deleted at once.
	RetainAssets string `json:"retainAssets,omitempty" jsonschema:"minLength=1"`
}

// Guards are limits that stop a deploy before it changes the site.
type Guards struct {
	// How many of the live files a deploy may delete, as a count, or as a percentage where there are more than 20. Files with a fingerprinted name do not count.
	MaxDelete *Amount `json:"maxDelete,omitempty"`
	// The fewest files that the site may have.
	MinFiles int `json:"minFiles,omitempty" jsonschema:"minimum=0"`
	// The percentage by which the number of files may shrink, where more than 20 are live.
	MaxShrink *Percent `json:"maxShrink,omitempty"`
	// The largest file that may be published, for example 25MB. 0 is no limit.
	MaxFileSize Size `json:"maxFileSize,omitempty"`
	// The most that all files may have together, for example 1 GiB. 0 is no limit.
	MaxTotalSize Size `json:"maxTotalSize,omitempty"`
}
