package report

import (
	"maps"
	"math"

	"github.com/pandastack-io/pandastack/internal/event"
)

// tariff is what a storage charges for requests, in USD for a million. Deleting
// is free. Where prices differ by region, they are those of the cheapest.
type tariff struct {
	writes float64 // PUT, COPY, POST, LIST
	reads  float64 // GET, HEAD
	label  string
	source string
	date   string // when the prices were looked up
}

// tariffs are the providers whose requests have a price. The others charge
// nothing for them, or not by the request.
var tariffs = map[string]tariff{
	"s3": {5, 0.4, "S3 Standard, us-east-1", "https://aws.amazon.com/s3/pricing/", "2026-11"},
	"r2": {4.5, 0.36, "R2 Standard, beyond the free ones", "https://developers.cloudflare.com/r2/pricing/", "2026-11"},
}

// Cost is what the storage requests of a run cost, and what those of `aws s3
// sync --delete` would have: a fresh build touches every file, so that it
// uploads all of them.
type Cost struct {
	// Sync are the requests that aws s3 sync would have made, by kind. Files
	// of 8 MiB and more would have taken some more.
	Sync map[string]int64 `json:"sync"`
	// SyncBytes is what it would have uploaded.
	SyncBytes int64 `json:"sync_bytes"`
	// Price is an estimate of what both cost. Missing: the provider has no
	// price for a request, or it is not known.
	Price *Price `json:"price,omitempty"`
}

// Price is an estimate from list prices.
type Price struct {
	// USD is the price of this run's requests.
	USD float64 `json:"usd"`
	// SyncUSD is the price of the requests of aws s3 sync.
	SyncUSD float64 `json:"sync_usd"`
	// Basis is what the prices are for.
	Basis string `json:"basis"`
	// Source is where the prices are published.
	Source string `json:"source"`
	// Date is when they were looked up, as a year and a month.
	Date string `json:"date"`
}

// cost compares a run with aws s3 sync. Nil: the run did not publish an
// output, or did not get so far.
func cost(r Record) *Cost {
	if r.Planned == nil || r.Finished == nil || r.Command != "deploy" {
		return nil
	}
	c := &Cost{Sync: syncRequests(*r.Planned), SyncBytes: r.Planned.TotalBytes}
	if t, ok := tariffs[r.Provider]; ok {
		c.Price = &Price{USD: t.price(r.Requests), SyncUSD: t.price(c.Sync), Basis: t.label, Source: t.source, Date: t.date}
	}
	return c
}

// syncRequests are those of aws s3 sync --delete for the same output: pages of
// 1,000 of the bucket, a PUT for each file, and a DELETE for each that is gone.
// https://docs.aws.amazon.com/cli/latest/reference/s3/sync.html
func syncRequests(p event.Planned) map[string]int64 {
	files, gone := p.Created+p.Updated+p.Headers+p.Kept, p.Deleted+p.Retired
	live := files - p.Created + gone
	by := map[string]int64{"LIST": int64(max(1, (live+999)/1000)), "PUT": int64(files), "DELETE": int64(gone)}
	maps.DeleteFunc(by, func(_ string, n int64) bool { return n == 0 })
	return by
}

func (t tariff) price(requests map[string]int64) float64 {
	writes := requests["PUT"] + requests["COPY"] + requests["POST"] + requests["LIST"]
	reads := requests["GET"] + requests["HEAD"]
	usd := (float64(writes)*t.writes + float64(reads)*t.reads) / 1e6
	return math.Round(usd*1e9) / 1e9 // without the noise of binary fractions
}
