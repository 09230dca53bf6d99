package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/internal/deploy"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/pace"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
	"github.com/pandastack-io/pandastack/providers/local"
	"github.com/pandastack-io/pandastack/providers/s3"
)

// target is where a site is published.
type target struct {
	site       state.Site
	name       string // for people
	live       storage.Store
	state      storage.Store
	mixedPaths bool
	meters     []storage.Meter
	dir        string   // of a local target, absolute
	aside      []string // where state lies below the site's prefix, relative to it
	// records is the prefix, inside the site's bucket, of the deploy's own
	// records. Empty: they lie in another bucket, or it is no bucket.
	records string
}

// usage returns what all stores of the target together have used so far.
func (t *target) usage() storage.Usage {
	sum := storage.Usage{Requests: map[string]int64{}}
	for _, m := range t.meters {
		u := m.Usage()
		for kind, n := range u.Requests {
			sum.Requests[kind] += n
		}
		sum.BytesSent += u.BytesSent
		sum.BytesReceived += u.BytesReceived
		sum.SlowDowns += u.SlowDowns
	}
	return sum
}

// open returns the target that the configuration names. It sends no request.
func (a *app) open(ctx context.Context, s *settings) (*target, error) {
	a.enter(s, false)
	t, err := a.openAny(ctx, s)
	if err == nil {
		a.noteTarget(s, t)
	}
	return t, err
}

func (a *app) openAny(ctx context.Context, s *settings) (*target, error) {
	switch c := s.Config.Storage; {
	case c == nil && a.run.CI:
		return nil, s.Error("storage", "no storage is configured, and a site that is published on a CI runner is gone with it",
			`Add "storage" to the file; docs/configuration.md has an example for each provider.`)
	case c == nil:
		a.say(event.Notice, "no storage is configured: using "+config.DefaultLocalPath+"/, a directory of this project", "")
		return a.openLocal(s, &config.Storage{Path: config.DefaultLocalPath})
	case c.Provider == "local":
		return a.openLocal(s, c)
	default:
		return a.openS3(ctx, s, c)
	}
}

func (a *app) openLocal(s *settings, c *config.Storage) (*target, error) {
	dir := filepath.FromSlash(c.Path)
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(s.root, dir)
	}
	a.world.Made(dir)
	store, err := local.New(dir)
	if err != nil {
		return nil, s.Error("storage.path", err.Error(), "Name a directory that can be written to.")
	}
	t := &target{dir: dir, name: filepath.ToSlash(filepath.Join(dir, c.Prefix)), meters: []storage.Meter{store}}
	return t.place(store, store, c), nil
}

func (a *app) openS3(ctx context.Context, s *settings, c *config.Storage) (*target, error) {
	o := s3.Options{
		Provider: c.Provider, Bucket: c.Bucket, Region: c.Region, Endpoint: c.Endpoint, AccountID: c.AccountID,
		PathStyle: c.PathStyle, ACL: c.ACL, SSE: c.SSE, KMSKeyID: c.KMSKeyID, Workers: pace.Most,
	}
	var err error
	if o.Credentials, err = a.credentials(ctx, s, c); err != nil {
		return nil, err
	}
	live, err := s3.New(ctx, o)
	if err != nil {
		return nil, a.optionError(s, err)
	}
	if c.Provider == "r2" && c.StateBucket == "" && s.Config.SiteURL != "" {
		a.say(event.Warning, "the deploy's own records lie in the site's bucket, and a public R2 bucket cannot hide them",
			"Create a second bucket without public access, and name it as storage.stateBucket.")
	}
	records := live
	t := &target{name: c.Provider + "://" + c.Bucket + "/" + c.Prefix, mixedPaths: live.Siblings(), meters: []storage.Meter{live}}
	if c.ACL != "" || c.StateBucket != "" && c.StateBucket != c.Bucket {
		o.Bucket = cmp.Or(c.StateBucket, c.Bucket)
		o.ACL = "" // the records are nobody else's business
		if records, err = s3.New(ctx, o); err != nil {
			return nil, a.optionError(s, err)
		}
		t.meters = append(t.meters, records)
	}
	t.site.Bucket = c.Bucket
	if c.StateBucket == "" || c.StateBucket == c.Bucket {
		t.records = statePrefix(c)
	}
	return t.place(live, records, c), nil
}

// same reports whether two targets are one place.
func (t *target) same(o *target) bool {
	return t.dir == o.dir && t.site == o.site && storage.Identity(t.live) == storage.Identity(o.live)
}

// place narrows the stores of a target to the site's prefix and to the
// state's, which never overlap with another site's.
func (t *target) place(live, records storage.Store, c *config.Storage) *target {
	t.site.Prefix = c.Prefix
	t.live = storage.Prefixed(live, c.Prefix)
	t.state = storage.Prefixed(records, statePrefix(c))
	if c.StateBucket != "" || c.StatePrefix != "" {
		t.aside = statesBelow(c)
	}
	return t
}

// statesBelow returns where the state of this site and of others lies below the
// site's prefix, relative to that.
func statesBelow(c *config.Storage) []string {
	if c.StatePrefix == "" || c.StateBucket != "" && c.StateBucket != c.Bucket {
		return nil
	}
	for _, place := range []string{c.StatePrefix, c.StatePrefix + c.Prefix} {
		if dir, ok := strings.CutPrefix(place, c.Prefix); ok && dir != "" {
			return []string{dir}
		}
	}
	return nil
}

// statePrefix returns where the records lie in their bucket.
func statePrefix(c *config.Storage) string {
	if c.StateBucket == "" && c.StatePrefix == "" {
		return c.Prefix + state.Dir + "/"
	}
	return c.StatePrefix + c.Prefix
}

// keepOutOfGit makes git ignore what the embedded default writes.
func (t *target) keepOutOfGit(root string) error {
	if t.dir != filepath.Join(root, filepath.FromSlash(config.DefaultLocalPath)) {
		return nil
	}
	name := filepath.Join(filepath.Dir(t.dir), ".gitignore")
	if _, err := os.Lstat(name); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte("*\n"), 0o644)
}

// purgeVariants returns where else CDNs may have cached the site.
func purgeVariants(s *settings) deploy.Variants {
	p := s.Config.Purge
	return deploy.Variants{Hosts: p.Hosts, Queries: p.QueryStrings, Origins: p.Origins, NotFound: p.NotFound}
}

// baseURL returns siteUrl, or nil where it is not set.
func (s *settings) baseURL() (*url.URL, error) {
	if s.Config.SiteURL == "" {
		return nil, nil
	}
	return url.Parse(s.Config.SiteURL)
}

// optionError gives an error of the provider's options the place of the value.
func (a *app) optionError(s *settings, err error) error {
	var option *s3.OptionError
	if errors.As(err, &option) {
		path := "storage." + option.Field
		return s.Error(path, fmt.Sprintf("%q %s", path, option.Reason), `Add it to "storage".`)
	}
	return err
}

// repository returns the root of the work tree that rootDir lies in, or
// rootDir where there is none.
func repository(root string) string {
	for dir := root; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return root
		}
	}
}
