package config

import (
	"slices"
	"strings"
)

// Setting is a value that can be given outside the file: by a flag, an input
// of the Action, or a variable.
type Setting struct {
	// Name is lower case with hyphens. The flag is --Name, the input Name.
	Name string
	// Path is the place in the file, "storage.bucket". Empty: it is not part
	// of the file.
	Path string
	// Variable is the environment variable.
	Variable string
	// NoFlag and NoInput are set where there is no flag, or no input.
	NoFlag, NoInput bool
	// Switch is set where the value is true or false.
	Switch bool
	// Duration is set where the value is a time such as 90s, or 0.
	Duration bool
	// Choices are the only values allowed. Nil: any, or as the file says.
	Choices []string
	// Default is the value where nothing else gives one. The defaults of
	// what is part of the file are not repeated here.
	Default string
	// Secret is set where the value is never printed.
	Secret bool
	// Help says what it is, in a phrase without a full stop.
	Help string
}

// InputVariable returns the variable in which the runner hands over the
// input. A hyphen stays a hyphen. Empty: there is no input.
func (s Setting) InputVariable() string {
	if s.NoInput {
		return ""
	}
	return "INPUT_" + strings.ToUpper(s.Name)
}

// Settings returns all settings, in the order in which help and documentation
// list them.
func Settings() []Setting { return slices.Clone(settings) }

// SettingNamed returns the setting of that name, and whether there is one.
func SettingNamed(name string) (Setting, bool) {
	i := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		return Setting{}, false
	}
	return settings[i], true
}

var settings = []Setting{
	{Name: "config", Variable: "PANDASTACK_CONFIG", Default: FileName, Help: "the configuration file"},
	{Name: "working-directory", Variable: "PANDASTACK_WORKING_DIRECTORY", Default: ".", Help: "the directory in which to run; the configuration file is looked for there"},
	{Name: "environment", Variable: "PANDASTACK_ENVIRONMENT", Help: "the environment to deploy, a block of the file's environments"},
	{Name: "root-dir", Path: "rootDir", Variable: "PANDASTACK_ROOT_DIR", Help: "the directory that all other paths are relative to"},
	{Name: "build", Variable: "PANDASTACK_BUILD", Switch: true, Default: "true", Help: "whether the site is built first; false takes the output as it is"},
	{Name: "install", Variable: "PANDASTACK_INSTALL", Choices: []string{"auto", "always", "never"}, Default: "auto", Help: "whether dependencies are installed before the build"},
	{Name: "install-command", Path: "installCommand", Variable: "PANDASTACK_INSTALL_COMMAND", Help: "the command that installs dependencies"},
	{Name: "build-command", Path: "buildCommand", Variable: "PANDASTACK_BUILD_COMMAND", Help: "the command that builds the site"},
	{Name: "build-timeout", Path: "buildTimeout", Variable: "PANDASTACK_BUILD_TIMEOUT", Help: "how long the install and build commands may take together"},
	{Name: "output-dir", Path: "outputDir", Variable: "PANDASTACK_OUTPUT_DIR", Help: "the directory that the build leaves and that is published"},
	{Name: "site-url", Path: "siteUrl", Variable: "PANDASTACK_SITE_URL", Help: "the URL at which visitors see the site"},
	{Name: "storage-provider", Path: "storage.provider", Variable: "PANDASTACK_STORAGE_PROVIDER", Help: "the kind of storage"},
	{Name: "bucket", Path: "storage.bucket", Variable: "PANDASTACK_BUCKET", Help: "the bucket's name"},
	{Name: "prefix", Path: "storage.prefix", Variable: "PANDASTACK_PREFIX", Help: "the part of the bucket that is the site"},
	{Name: "region", Path: "storage.region", Variable: "PANDASTACK_REGION", Help: "the bucket's region"},
	{Name: "endpoint", Path: "storage.endpoint", Variable: "PANDASTACK_ENDPOINT", Help: "the URL of the S3 API"},
	{Name: "account-id", Path: "storage.accountId", Variable: "PANDASTACK_ACCOUNT_ID", Help: "the Cloudflare account that holds an R2 bucket"},
	{Name: "state-bucket", Path: "storage.stateBucket", Variable: "PANDASTACK_STATE_BUCKET", Help: "another bucket for the deploy's own records"},
	{Name: "state-prefix", Path: "storage.statePrefix", Variable: "PANDASTACK_STATE_PREFIX", Help: "where the deploy's own records lie"},
	{Name: zoneSetting, Path: "cdn.zoneId", Variable: "PANDASTACK_ZONE_ID", Help: "the id of the Cloudflare zone in front of the site"},
	{Name: "proof", Path: "proof.mode", Variable: "PANDASTACK_PROOF", Help: "what is done where visitors do not get the release, off, warn or strict"},
	{Name: "dry-run", Variable: "PANDASTACK_DRY_RUN", Switch: true, Default: "false", Help: "show what would be done and write nothing"},
	{Name: "adopt", Variable: "PANDASTACK_ADOPT", Switch: true, Default: "false", Help: "take over what something else put into the bucket at paths of the output"},
	{Name: "force", Variable: "PANDASTACK_FORCE", Switch: true, Default: "false", Help: "deploy although a newer commit or run was here, or a rollback took this one away"},
	{Name: "lock-timeout", Variable: "PANDASTACK_LOCK_TIMEOUT", Duration: true, Default: "5m", Help: "how long to wait for another deploy of the site to finish"},
	{Name: "report", Variable: "PANDASTACK_REPORT", Help: "a file to which the facts of the run are written as JSON"},
	{Name: "json", Variable: "PANDASTACK_JSON", NoInput: true, Switch: true, Default: "false", Help: "print JSON lines for programs"},
	{Name: "github-token", Variable: "GITHUB_TOKEN", NoFlag: true, Secret: true, Help: "the token with which GitHub is asked which of two commits is newer, where the clone is shallow"},
	{Name: "cloudflare-api-token", Variable: "CLOUDFLARE_API_TOKEN", NoFlag: true, Secret: true, Help: "the token that may purge the zone"},
	{Name: "fastly-api-token", Variable: "FASTLY_API_TOKEN", NoFlag: true, Secret: true, Help: "the token that may purge the Fastly service"},
	{Name: "bunny-api-key", Variable: "BUNNY_API_KEY", NoFlag: true, Secret: true, Help: "the API key that may purge the bunny.net pull zone"},
	{Name: "webhook-secret", Variable: "PANDASTACK_WEBHOOK_SECRET", NoFlag: true, Secret: true, Help: "the secret that signs the webhook"},
	{Name: "role-to-assume", Variable: "PANDASTACK_ROLE_TO_ASSUME", NoFlag: true, Help: "the ARN of the AWS role that GitHub's identity token is exchanged for"},
	{Name: "role-session-name", Variable: "PANDASTACK_ROLE_SESSION_NAME", NoFlag: true, Help: "the name that CloudTrail shows for the role's session, pandastack- and the run's id where empty"},
	{Name: "role-duration-seconds", Variable: "PANDASTACK_ROLE_DURATION_SECONDS", NoFlag: true, Default: "3600", Help: "how long the role's credentials last, from 900 to what the role allows; they are renewed in time"},
	{Name: "aws-access-key-id", Variable: "AWS_ACCESS_KEY_ID", NoFlag: true, Secret: true, Help: "the storage's access key id"},
	{Name: "aws-secret-access-key", Variable: "AWS_SECRET_ACCESS_KEY", NoFlag: true, Secret: true, Help: "the storage's secret access key"},
	{Name: "aws-session-token", Variable: "AWS_SESSION_TOKEN", NoFlag: true, Secret: true, Help: "the session token of temporary storage credentials"},
	{Name: "cloudfront-access-key-id", Variable: "CLOUDFRONT_ACCESS_KEY_ID", NoFlag: true, Secret: true, Help: "the access key id that may invalidate the CloudFront distribution, where it is not the storage's"},
	{Name: "cloudfront-secret-access-key", Variable: "CLOUDFRONT_SECRET_ACCESS_KEY", NoFlag: true, Secret: true, Help: "its secret access key"},
	{Name: "cloudfront-session-token", Variable: "CLOUDFRONT_SESSION_TOKEN", NoFlag: true, Secret: true, Help: "its session token, where it is temporary"},
	{Name: "cloudfront-profile", Variable: "CLOUDFRONT_PROFILE", NoFlag: true, Help: "the profile of the AWS files that may invalidate the CloudFront distribution, where no keys are given for it"},
}

// zoneSetting applies to the one CDN that is Cloudflare, wherever in the list
// it stands.
const zoneSetting = "zone-id"
