package cli

import (
	"context"
	"errors"
	"fmt"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/pandastack-io/pandastack/internal/cdn"
	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/providers/bunny"
	"github.com/pandastack-io/pandastack/providers/cloudflare"
	"github.com/pandastack-io/pandastack/providers/cloudfront"
	"github.com/pandastack-io/pandastack/providers/fastly"
	"github.com/pandastack-io/pandastack/providers/webhook"
)

// unarmed stands for a CDN in a run that writes nothing and needs no token.
type unarmed struct {
	name   string
	limits cdn.Limits
}

// Name returns what the purger of the same options is called.
func (u unarmed) Name() string { return u.name }

// Limits returns those of the purger of the same options.
func (u unarmed) Limits() cdn.Limits { return u.limits }

// Purge always fails: a preview does not call it.
func (u unarmed) Purge(_ context.Context, requests ...cdn.Request) (cdn.Result, error) {
	return cdn.Result{Owed: requests}, fmt.Errorf("%s: a preview purges nothing", u.name)
}

// cdnChoice is a CDN as the configuration names it.
type cdnChoice struct {
	unarmed
	arm    func() (cdn.Purger, error)
	what   string // the CDN in words
	secret string // the setting that it needs; empty: none that is known here
	hint   string // how to set that
	base   string // the variable that replaces the API's URL; empty: there is none
}

// cdns returns the CDNs in front of the site; for a preview, without what
// they need to purge.
func (a *app) cdns(ctx context.Context, s *settings, preview bool) ([]cdn.Purger, error) {
	var out []cdn.Purger
	for i, c := range s.Config.CDN {
		p, err := a.cdn(ctx, s, i, c, preview)
		if err != nil {
			return nil, err
		}
		if c.Purge == "everything" {
			p = cdn.Whole(p)
		}
		out = append(out, p)
	}
	return out, nil
}

// cdn returns the CDN that stands in a place of the list.
func (a *app) cdn(ctx context.Context, s *settings, i int, c config.CDN, preview bool) (cdn.Purger, error) {
	choice := a.choose(ctx, s, c)
	if preview {
		return choice.unarmed, nil
	}
	at := fmt.Sprintf("cdn[%d]", i)
	if choice.secret != "" && !s.Secret(choice.secret).Set() {
		return nil, errors.Join(cdn.ErrDenied, s.Error(at+".provider", choice.what+" cannot be purged without "+a.kindOf(choice.secret), choice.hint))
	}
	p, err := choice.arm()
	if err != nil {
		hint := choice.hint
		if !errors.Is(err, cdn.ErrDenied) {
			hint = "Correct the field of the CDN that the message names."
			if choice.base != "" && a.Getenv(choice.base) != "" {
				hint = "Correct " + choice.base + ", or unset it."
			}
		}
		return nil, errors.Join(err, s.Error(at, err.Error(), hint))
	}
	return p, nil
}

// kindOf returns what a secret setting is, in words.
func (a *app) kindOf(secret string) string {
	switch secret {
	case "bunny-api-key":
		return "a key"
	case "webhook-secret":
		return "a secret"
	}
	return "a token"
}

// choose returns the CDN that the configuration names. The variables that
// replace the URL of an API are for a proxy or a test to stand in: the SDKs' own
// where these have one.
func (a *app) choose(ctx context.Context, s *settings, c config.CDN) cdnChoice {
	switch c.Provider {
	case "cloudfront":
		return a.cloudfront(ctx, s, c)
	case "fastly":
		o := fastly.Options{
			ServiceID: c.ServiceID, Soft: c.Soft != nil && *c.Soft, Tag: c.Tag,
			Token: s.Secret("fastly-api-token").Reveal(), BaseURL: a.Getenv("FASTLY_API_URL"),
		}
		return cdnChoice{
			unarmed{fastly.Name(o), fastly.Limits(o)}, func() (cdn.Purger, error) { return fastly.New(o) }, "the Fastly service", "fastly-api-token",
			"Set FASTLY_API_TOKEN, or the input fastly-api-token, to a token with the scopes purge_select and purge_all.", "FASTLY_API_URL",
		}
	case "bunny":
		o := bunny.Options{PullZone: c.PullZone, Tag: c.Tag, Key: s.Secret("bunny-api-key").Reveal(), BaseURL: a.Getenv("BUNNY_API_URL")}
		return cdnChoice{
			unarmed{bunny.Name(o), bunny.Limits(o)}, func() (cdn.Purger, error) { return bunny.New(o) }, "the bunny.net pull zone", "bunny-api-key",
			"Set BUNNY_API_KEY, or the input bunny-api-key, to the API key of the account that owns the pull zone.", "BUNNY_API_URL",
		}
	case "webhook":
		o := webhook.Options{URL: c.URL, Tag: c.Tag, Secret: s.Secret("webhook-secret").Reveal()}
		return cdnChoice{
			unarmed{webhook.Name(o), webhook.Limits(o)}, func() (cdn.Purger, error) { return webhook.New(o) }, "the CDN behind the webhook", "webhook-secret",
			"Set PANDASTACK_WEBHOOK_SECRET, or the input webhook-secret, to the secret that the receiver knows, of 16 characters or more.", "",
		}
	}
	o := cloudflare.Options{
		ZoneID: c.ZoneID, Plan: c.Plan, Tag: c.Tag, Token: s.Secret("cloudflare-api-token").Reveal(), BaseURL: a.Getenv("CLOUDFLARE_BASE_URL"),
	}
	return cdnChoice{
		unarmed{cloudflare.Name(o), cloudflare.Limits(o)}, func() (cdn.Purger, error) { return cloudflare.New(o) }, "the Cloudflare zone", "cloudflare-api-token",
		"Set CLOUDFLARE_API_TOKEN, or the input cloudflare-api-token, to a token with the permission Zone → Cache Purge.", "CLOUDFLARE_BASE_URL",
	}
}

// cloudfront has keys of its own where the settings give some, else the profile
// that they name, else the role or the storage's keys, else those that the SDK finds; and the
// SDK's own AWS_ENDPOINT_URL_CLOUDFRONT.
func (a *app) cloudfront(ctx context.Context, s *settings, c config.CDN) cdnChoice {
	o := cloudfront.Options{DistributionID: c.DistributionID, Wait: c.Wait != nil && *c.Wait, Tag: c.Tag}
	arm := func() (p cdn.Purger, err error) {
		if o.Credentials, err = s.keys(cloudfrontKeys); err != nil {
			return nil, err
		}
		if o.Credentials == nil {
			o.Profile, _ = s.Setting(cloudfrontProfile)
		}
		if o.Credentials == nil && o.Profile == "" {
			if o.Credentials, err = a.credentials(ctx, s, nil); err != nil {
				return nil, err
			}
		}
		p, err = cloudfront.New(ctx, o)
		var none awsconfig.SharedConfigProfileNotExistError
		if errors.As(err, &none) {
			_, origin := s.Setting(cloudfrontProfile)
			return nil, &config.Error{
				Source: origin.String(), Msg: fmt.Sprintf("the AWS files have no profile %q", o.Profile),
				Hint: "Correct the name, or unset it to use the storage's keys.",
			}
		}
		return p, err
	}
	return cdnChoice{unarmed: unarmed{cloudfront.Name(o), cloudfront.Limits(o)}, arm: arm, what: "the CloudFront distribution"}
}
