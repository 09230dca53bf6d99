package s3

import (
	"slices"
	"strings"
)

const (
	kib = int64(1) << 10
	mib = int64(1) << 20
	gib = int64(1) << 30
	tib = int64(1) << 40
)

// Preset is what differs between two services that speak the S3 protocol.
// Options override its Region, PathStyle and endpoint.
type Preset struct {
	Name  string // as in storage.provider
	Title string // as people know it

	// Needs are the fields of the configuration, besides bucket, that have no
	// default: accountId, endpoint or region. AWS finds its region in the
	// environment too, so it needs none.
	Needs []string

	Region    string // used where none is given; empty: there is no default
	PathStyle bool   // https://host/bucket/key instead of https://bucket.host/key

	// Checksums says that a SHA-256 sent as x-amz-checksum-sha256 is verified
	// and kept. All services verify the signed payload hash, which we send
	// to all.
	Checksums bool

	// Siblings says that the key "about" can exist beside "about/index.html".
	// File-system backed servers hide or refuse one of the two.
	Siblings bool

	Limits Limits
	Docs   string // the document that the limits and the endpoint are from

	endpoint        string            // {region} and {accountId} are replaced; empty: AWS's own rules
	headers         map[string]string // sent with every request
	plainList       bool              // listing does not encode keys as URLs
	googleFrontEnd  bool              // rewrites Accept-Encoding, which therefore cannot be signed
	noMultipartCopy bool              // UploadPartCopy is missing
	singleDelete    bool              // DeleteObjects is missing
}

// Limits is what a service accepts. Zero means that no limit is documented.
type Limits struct {
	KeyBytes     int   // UTF-8 bytes of a key
	SegmentBytes int   // UTF-8 bytes between two slashes of a key
	MetaBytes    int   // names and values of user metadata together
	ObjectBytes  int64 // one object
	PutBytes     int64 // one PUT, one part, or one CopyObject
	Parts        int   // parts of a multipart upload
}

// amazon are the limits of S3 itself, which most services copy.
// Keys: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html;
// metadata: …/userguide/UsingMetadata.html; sizes: …/userguide/qfacts.html.
var amazon = Limits{KeyBytes: 1024, MetaBytes: 2048, ObjectBytes: 50_000_000_000_000, PutBytes: 5 * gib, Parts: 10_000}

// classic are the limits that S3 had before its objects could grow past 5 TiB,
// and that services with the same interface still document.
var classic = Limits{KeyBytes: 1024, MetaBytes: 2048, ObjectBytes: 5 * tib, PutBytes: 5 * gib, Parts: 10_000}

var presets = []Preset{
	{
		Name: "s3", Title: "Amazon S3, or any other service by its endpoint",
		Checksums: true, Siblings: true, Limits: amazon,
		Docs: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html",
	},
	{
		Name: "r2", Title: "Cloudflare R2", Needs: []string{"accountId"},
		endpoint: "https://{accountId}.r2.cloudflarestorage.com", Region: "auto", PathStyle: true, Siblings: true,
		Limits: Limits{KeyBytes: 1024, MetaBytes: 8192, ObjectBytes: 5*tib - 5*gib, PutBytes: 5*gib - 5*mib, Parts: 10_000},
		Docs:   "https://developers.cloudflare.com/r2/platform/limits/",
	},
	{
		Name: "minio", Title: "MinIO", Needs: []string{"endpoint"},
		Region: "us-east-1", PathStyle: true,
		Limits: with(classic, func(l *Limits) { l.SegmentBytes = 255 }),
		Docs:   "https://min.io/docs/minio/linux/operations/concepts/thresholds.html",
	},
	{
		Name: "spaces", Title: "DigitalOcean Spaces", Needs: []string{"region"},
		endpoint: "https://{region}.digitaloceanspaces.com", Siblings: true, plainList: true, Limits: classic,
		Docs: "https://docs.digitalocean.com/products/spaces/details/limits/",
	},
	{
		Name: "b2", Title: "Backblaze B2", Needs: []string{"region"},
		endpoint: "https://s3.{region}.backblazeb2.com", PathStyle: true, Siblings: true,
		Limits: with(classic, func(l *Limits) { l.SegmentBytes, l.ObjectBytes = 250, 10_000_000_000_000 }),
		Docs:   "https://www.backblaze.com/docs/cloud-storage-files",
	},
	{
		Name: "scaleway", Title: "Scaleway Object Storage", Needs: []string{"region"},
		endpoint: "https://s3.{region}.scw.cloud", Siblings: true,
		Limits: with(classic, func(l *Limits) { l.Parts = 1000 }),
		Docs:   "https://www.scaleway.com/en/docs/object-storage/api-cli/multipart-uploads/",
	},
	{
		Name: "hetzner", Title: "Hetzner Object Storage", Needs: []string{"region"},
		endpoint: "https://{region}.your-objectstorage.com", Siblings: true, Limits: classic,
		Docs: "https://docs.hetzner.com/storage/object-storage/overview",
	},
	{
		Name: "wasabi", Title: "Wasabi", Needs: []string{"region"},
		endpoint: "https://s3.{region}.wasabisys.com", Siblings: true, Limits: classic,
		Docs: "https://docs.wasabi.com/docs/what-are-the-service-urls-for-wasabi-s-different-storage-regions",
	},
	{
		Name: "tigris", Title: "Tigris", endpoint: "https://t3.storage.dev", Region: "auto", Siblings: true, Limits: classic,
		// Without it a read may miss a write that was made in another region.
		headers: map[string]string{"X-Tigris-Consistent": "true"},
		Docs:    "https://www.tigrisdata.com/docs/objects/conditionals/",
	},
	{
		Name: "gcs", Title: "Google Cloud Storage (HMAC keys)",
		endpoint: "https://storage.googleapis.com", Region: "auto", PathStyle: true, Siblings: true,
		googleFrontEnd: true, noMultipartCopy: true,
		Limits: with(classic, func(l *Limits) { l.MetaBytes = int(8 * kib) }),
		Docs:   "https://cloud.google.com/storage/quotas",
	},
}

func with(l Limits, change func(*Limits)) Limits { change(&l); return l }

// Presets returns all presets in the order in which documentation lists them.
func Presets() []Preset { return slices.Clone(presets) }

// Lookup returns the preset of this name, and whether there is one.
func Lookup(name string) (Preset, bool) {
	i := slices.IndexFunc(presets, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		return Preset{}, false
	}
	return presets[i], true
}

// Names returns the names of all presets, in the order of Presets.
func Names() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.Name
	}
	return names
}

// Endpoint returns the URL of the service in this region and account, without
// the bucket. It is empty where AWS's own rules or the configuration give it.
func (p Preset) Endpoint(region, accountID string) string {
	return strings.NewReplacer("{region}", region, "{accountId}", accountID).Replace(p.endpoint)
}

// custom returns the preset for the generic name with an endpoint of its own:
// nothing is assumed that only Amazon's service does.
func (p Preset) custom() Preset {
	p.Checksums, p.Siblings, p.Region, p.Limits = false, false, "us-east-1", classic
	return p
}
