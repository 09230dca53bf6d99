package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pandastack-io/pandastack/internal/ci"
	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/role"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// The settings of the role that is assumed.
const (
	roleARN      = "role-to-assume"
	roleSession  = "role-session-name"
	roleDuration = "role-duration-seconds"
)

// stsEndpoint is the SDK's variable for another endpoint than AWS's.
const stsEndpoint = "AWS_ENDPOINT_URL_STS"

// credentials returns what signs the requests to the storage, or, where c is
// nil, to CloudFront: the role's for AWS, else the keys of the settings. Nil:
// there are none, and the SDK looks where it always does.
func (a *app) credentials(ctx context.Context, s *settings, c *config.Storage) (aws.CredentialsProvider, error) {
	keys, err := s.keys(storageKeys)
	if err != nil {
		return nil, err
	}
	arn, origin := s.Setting(roleARN)
	switch {
	case arn == "":
		return keys, nil
	case isAWS(c) || keys == nil && a.Getenv(stsEndpoint) != "":
		return a.assume(ctx, s, arn, cmp.Or(regionOf(c), a.Getenv("AWS_REGION"), a.Getenv("AWS_DEFAULT_REGION")))
	case keys != nil: // of another service, beside CloudFront's
		return keys, nil
	}
	return nil, errors.Join(storage.ErrCredentials, &config.Error{
		Source: origin.String(), Msg: "its credentials are for AWS, and the storage is at another service",
		Hint: "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the inputs of the same names, to a key of that service.",
	})
}

// isAWS reports whether a storage is Amazon's S3. Nil stands for CloudFront.
func isAWS(c *config.Storage) bool {
	if c == nil || c.Provider == "s3" && c.Endpoint == "" {
		return true
	}
	u, err := url.Parse(c.Endpoint) // a private one of AWS has a name of its own
	return c.Provider == "s3" && err == nil && (strings.HasSuffix(u.Hostname(), ".amazonaws.com") || strings.HasSuffix(u.Hostname(), ".amazonaws.com.cn"))
}

func regionOf(c *config.Storage) string {
	if c == nil {
		return ""
	}
	return c.Region
}

// assume returns the credentials of the role. They are fetched here, once for
// the run, so that they are hidden before anything is said, and what is wrong
// with them is known before the build.
func (a *app) assume(ctx context.Context, s *settings, arn, region string) (aws.CredentialsProvider, error) {
	if a.role != nil {
		return a.role, nil
	}
	text, origin := s.Setting(roleDuration)
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds <= 0 {
		return nil, &config.Error{Source: origin.String(), Msg: fmt.Sprintf("%q is not a number of seconds", text), Hint: "Write a number from 900 to 43200, for example 3600."}
	}
	p, err := role.New(role.Options{
		ARN: arn, SessionName: a.sessionName(s), Duration: time.Duration(seconds) * time.Second,
		Region: region, Endpoint: a.Getenv(stsEndpoint), Secret: a.hide,
		Token: func(ctx context.Context) (string, error) { return ci.IdentityToken(ctx, a.Getenv, role.Audience) },
	})
	if err != nil {
		return nil, a.roleOption(s, err)
	}
	if _, err := p.Retrieve(ctx); err != nil {
		return nil, refusal(err)
	}
	if to := a.Getenv(stsEndpoint); to != "" {
		a.say(event.Warning, "GitHub's identity token was sent to "+to+", which "+stsEndpoint+" names, and not to AWS",
			"Unset "+stsEndpoint+" unless that server is yours.")
	}
	a.role = p
	return p, nil
}

// refusal takes off what the SDK says around its error.
func refusal(err error) error {
	var refused *role.Error
	if errors.As(err, &refused) {
		return refused
	}
	if errors.Is(err, ci.ErrNoIdentity) {
		return ci.ErrNoIdentity
	}
	var cached interface{ Unwrap() error }
	if errors.As(err, &cached) && cached.Unwrap() != nil {
		return errors.Join(storage.ErrCredentials, cached.Unwrap())
	}
	return errors.Join(storage.ErrCredentials, err)
}

// roleOption says which setting the role's option came from.
func (a *app) roleOption(s *settings, err error) error {
	var option *role.OptionError
	if !errors.As(err, &option) {
		return err
	}
	hint := map[string]string{
		roleARN:      "Write it as AWS shows it: arn:aws:iam::111122223333:role/deploy-www.",
		roleSession:  "Write a shorter name without spaces, or leave it out.",
		roleDuration: "Write a number from 900 to 43200, for example 3600.",
	}
	source := stsEndpoint
	if _, ok := config.SettingNamed(option.Option); ok {
		_, origin := s.Setting(option.Option)
		source = origin.String()
	}
	return &config.Error{Source: source, Msg: option.Reason, Hint: cmp.Or(hint[option.Option], "Unset it, or write a URL that begins with https://.")}
}

// sessionName returns the name of the role's session.
func (a *app) sessionName(s *settings) string {
	name, _ := s.Setting(roleSession)
	if name == "" && a.run.RunID != "" {
		name = "pandastack-" + a.run.RunID
	}
	return name
}
