package config

import (
	"fmt"
	"slices"
	"strings"
)

// identity is the field without which a provider's CDN is not known, and where
// it is found.
var identity = map[string]struct{ field, where string }{
	"cloudflare": {"zoneId", "Cloudflare's dashboard shows it on the zone's overview."},
	"cloudfront": {"distributionId", "CloudFront's console lists it with the distributions."},
	"fastly":     {"serviceId", "Fastly shows it below the service's name."},
	"bunny":      {"pullZone", "it is the number in the address of the zone's page in bunny.net's dashboard."},
	"webhook":    {"url", "the requests are sent there."},
}

// usedBy says which fields are of use to one provider only; all others are to
// every one.
var usedBy = map[string]string{
	"zoneId": "cloudflare", "plan": "cloudflare",
	"distributionId": "cloudfront", "wait": "cloudfront",
	"serviceId": "fastly", "soft": "fastly",
	"pullZone": "bunny",
	"url":      "webhook",
}

// setCDNs replaces the list of CDNs, which is not empty.
func (c *checker) setCDNs(cdns []*node) {
	c.tree = c.tree.with("cdn", &node{kind: list, items: cdns, origin: cdns[0].origin, line: cdns[0].line, column: cdns[0].column})
}

// cdn checks the CDN at a place of the list.
func (c *checker) cdn(i int, cdn *node) {
	provider := cdn.field("provider")
	if provider == nil {
		c.add(cdn.at(), `"provider" of "cdn" is missing`, "Set it to one of: "+strings.Join(CDNProviders(), ", ")+".")
		return
	}
	id, ok := identity[provider.text]
	if !ok {
		return // its layer refused it
	}
	if value := cdn.field(id.field); value == nil || value.text == "" {
		c.add(provider.at(), fmt.Sprintf("the provider %q needs %q", provider.text, id.field), fmt.Sprintf("Add %q beside it; %s", id.field, id.where))
	}
	c.onlyOnce(i, cdn, id.field)
	c.dropUnusedCDN(i, cdn, provider)
}

// onlyOnce refuses a CDN that stands in the list before: what is owed to one of
// the two could not be told from what is owed to the other.
func (c *checker) onlyOnce(i int, cdn *node, id string) {
	for _, other := range c.cdns()[:i] {
		a, b := other.field(id), cdn.field(id)
		if a != nil && b != nil && (a.text == b.text || id == "zoneId" && strings.EqualFold(a.text, b.text)) {
			c.add(b.at(), fmt.Sprintf("%q names a CDN that the list has already", id), "Remove one of the two: a purge covers all hosts of the site.")
			return
		}
	}
}

// dropUnusedCDN refuses what stands beside or above the provider and is of no
// use to it. What a weaker layer set for another provider is dropped.
func (c *checker) dropUnusedCDN(i int, cdn, provider *node) {
	for _, name := range cdnFields() {
		value := cdn.field(name)
		if value == nil || usedBy[name] == provider.text {
			continue
		}
		if value.origin.rank >= provider.origin.rank && (value.kind != text || value.text != "") {
			c.add(value.origin, fmt.Sprintf("the provider %q does not use %q", provider.text, name), "Remove it, or choose another provider.")
		}
		cdns := slices.Clone(c.cdns())
		cdns[i] = cdns[i].without(name)
		c.setCDNs(cdns)
	}
}

// cdnFields returns the fields of a CDN that one provider alone uses, sorted.
func cdnFields() []string {
	var names []string
	for name := range usedBy {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
