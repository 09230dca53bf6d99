package config

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// checker judges what only the merged values can tell, and drops what the
// chosen provider does not use.
type checker struct {
	tree     *node
	problems Errors
}

func (c *checker) add(o Origin, msg, hint string) {
	c.problems = append(c.problems, errorAt(o, msg, hint))
}

// text returns the string at a path, or "".
func (c *checker) text(path string) string {
	if n := c.tree.field(path); n != nil {
		return n.text
	}
	return ""
}

// cdns returns the CDNs, whether they are written as a list or as one object.
func (c *checker) cdns() []*node {
	switch cdn := c.tree.fields["cdn"]; {
	case cdn == nil:
		return nil
	case cdn.kind == list:
		return cdn.items
	default:
		return []*node{cdn}
	}
}

// zone applies the setting of the zone to the one CDN that is Cloudflare, or
// makes it where there is no CDN at all.
func (c *checker) zone(layers []*Layer) {
	value, origin, ok := Find(zoneSetting, layers...)
	if !ok {
		return
	}
	zone := &node{kind: text, text: value, origin: origin}
	cdns := slices.Clone(c.cdns())
	at := -1
	for i, cdn := range cdns {
		if p := cdn.field("provider"); p == nil || p.text != "cloudflare" {
			continue
		}
		if at >= 0 {
			c.add(origin, "there is more than one Cloudflare zone", `Set "zoneId" of each in "cdn" instead.`)
			return
		}
		at = i
	}
	switch {
	case at >= 0:
		cdns[at] = cdns[at].with("zoneId", zone)
	case len(cdns) > 0:
		c.add(origin, `none of "cdn" is Cloudflare`, `Set "provider" of one to "cloudflare".`)
		return
	case value == "":
		return
	default:
		made := &node{kind: object, origin: origin}
		cdns = []*node{made.with("provider", &node{kind: text, text: "cloudflare", origin: origin}).with("zoneId", zone)}
	}
	c.setCDNs(cdns)
}

// site checks the output and the CDNs.
func (c *checker) site() {
	switch {
	case c.text("outputDir") != "":
	case c.tree.at() == (Origin{}):
		c.add(Origin{}, `there is no `+FileName+` here, and "outputDir" is not given`, "Write the file with pandastack init, or give --output-dir.")
	default:
		c.add(c.tree.at(), `"outputDir" is missing`, `Name the directory that the build leaves, for example "outputDir": "dist".`)
	}
	cdns := c.cdns()
	if len(cdns) > 0 && c.text("siteUrl") == "" {
		c.add(cdns[0].at(), `"cdn" needs "siteUrl"`, `Add "siteUrl", the URL at which visitors see the site.`)
	}
	for i, cdn := range cdns {
		c.cdn(i, cdn)
	}
}

// proof checks that there is something to look at, and that what is set has an
// effect. A local directory is looked at by nobody but its own web server.
func (c *checker) proof() {
	mode := c.tree.field("proof.mode")
	given := mode.origin.rank > fromDefault && mode.text != "off"
	provider := c.tree.field("storage.provider")
	switch {
	case given && c.text("siteUrl") == "":
		c.add(mode.at(), `"proof" needs "siteUrl"`, `Add "siteUrl", the URL at which visitors see the site.`)
	case provider == nil || provider.text != "local":
	case given && mode.origin.rank >= provider.origin.rank:
		c.add(mode.at(), `the provider "local" does not use "proof"`, "Remove it, or choose another provider.")
	}
	if provider == nil || provider.text == "local" || c.text("siteUrl") == "" {
		c.tree = c.tree.with("proof.mode", defaultText("off"))
	}
	rollback := c.tree.field("proof.rollback")
	if rollback != nil && rollback.truth && c.text("proof.mode") == "warn" {
		c.add(rollback.at(), `"proof.rollback" needs "mode" to be "strict"`, `Add "mode": "strict", or remove "rollback".`)
	}
}

// storage checks where the site goes. Without storage it goes to the embedded
// default, which is for the caller to judge.
func (c *checker) storage() {
	s := c.tree.fields["storage"]
	if s == nil {
		return
	}
	provider := s.field("provider")
	if provider == nil {
		c.add(s.at(), `"storage.provider" is missing`, "Set it to one of: "+strings.Join(StorageProviders(), ", ")+".")
		return
	}
	c.dropUnused(provider)
	c.localPath(provider)
	c.bucket(provider)
	c.endpoint(provider)
	c.encryption()
	c.state()
}

// unused names what a provider has no use for.
func unused(provider string) []string {
	switch provider {
	case "local":
		return []string{"bucket", "region", "endpoint", "accountId", "pathStyle", "stateBucket", "acl", "sse", "kmsKeyId"}
	case "r2": // R2 implements no ACLs: developers.cloudflare.com/r2/api/s3/api
		return []string{"path", "acl"}
	default:
		return []string{"path", "accountId"}
	}
}

// dropUnused refuses what stands beside or above the provider and is of no
// use to it. What a weaker layer set for another provider is dropped, so that
// an environment can change the provider.
func (c *checker) dropUnused(provider *node) {
	for _, name := range unused(provider.text) {
		value := c.tree.field("storage." + name)
		if value == nil {
			continue
		}
		if value.origin.rank >= provider.origin.rank && (value.kind != text || value.text != "") {
			c.add(value.origin, fmt.Sprintf("the provider %q does not use %q", provider.text, name), "Remove it, or choose another provider.")
		}
		c.tree = c.tree.without("storage." + name)
	}
}

// localPath gives the local provider its directory, which must be apart from
// the output.
func (c *checker) localPath(provider *node) {
	if provider.text != "local" {
		return
	}
	if c.text("storage.path") == "" {
		c.tree = c.tree.with("storage.path", defaultText(DefaultLocalPath))
		return
	}
	output, dir := c.text("outputDir"), path.Clean(c.text("storage.path"))
	if output != "" && (inside(dir, output) || inside(output, dir)) {
		c.add(c.tree.field("storage.path").at(), `"storage.path" and "outputDir" lie one in the other`, "Publish into a directory of its own, for example public.")
	}
}

// inside reports whether the clean path a is b or lies in it.
func inside(a, b string) bool {
	if filepath.IsAbs(a) || filepath.IsAbs(b) {
		return a == b || strings.HasPrefix(a, b+"/")
	}
	rel, err := filepath.Rel(filepath.FromSlash(b), filepath.FromSlash(a))
	return err == nil && filepath.IsLocal(rel)
}

func (c *checker) bucket(provider *node) {
	if provider.text != "local" && c.text("storage.bucket") == "" {
		c.add(provider.at(), `"storage.bucket" is missing`, `Name the bucket: "bucket" in "storage", --bucket, the input bucket, or PANDASTACK_BUCKET.`)
	}
}

// endpoint checks that the storage's URL can be known.
func (c *checker) endpoint(provider *node) {
	endpoint := c.text("storage.endpoint")
	switch provider.text {
	case "r2":
		if endpoint == "" && c.text("storage.accountId") == "" {
			c.add(provider.at(), `the provider "r2" needs "accountId"`, `Add "accountId" beside it, the 32 digits of the account's id; or "endpoint".`)
		}
	case "minio":
		if endpoint == "" {
			c.add(provider.at(), `the provider "minio" needs "endpoint"`, `Add "endpoint" beside it, for example "https://minio.example.com".`)
		}
	case "spaces", "b2", "scaleway", "hetzner", "wasabi":
		if c.text("storage.region") == "" {
			c.add(provider.at(), fmt.Sprintf(`the provider %q needs "region"`, provider.text), `Add "region" beside it, as the provider's console names it.`)
		}
	}
}

func (c *checker) encryption() {
	key := c.tree.field("storage.kmsKeyId")
	if key != nil && key.text != "" && !strings.HasPrefix(c.text("storage.sse"), "aws:kms") {
		c.add(key.at(), `"storage.kmsKeyId" needs "sse" to be "aws:kms" or "aws:kms:dsse"`, `Add "sse": "aws:kms", or remove the key.`)
	}
}

// state refuses records that would lie among the site's own files: visitors
// could read them, and a file of the site could overwrite them.
func (c *checker) state() {
	bucket, other := c.text("storage.bucket"), c.text("storage.stateBucket")
	prefix, below := c.text("storage.prefix"), c.text("storage.statePrefix")
	if other != "" && other != bucket || other == "" && below == "" {
		return
	}
	if below == "" {
		c.add(c.tree.field("storage.stateBucket").at(), `"storage.stateBucket" is the site's own bucket`, `Remove it, or name another bucket, or add "statePrefix".`)
		return
	}
	hidden := slices.Contains(strings.Split(below, "/"), reserved)
	if strings.HasPrefix(below+prefix, prefix) && !hidden {
		c.add(c.tree.field("storage.statePrefix").at(), `"storage.statePrefix" lies inside the site`,
			`Choose a path outside "prefix", or another bucket as "stateBucket"; or remove it.`)
	}
}
