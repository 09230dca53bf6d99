package build

import (
	"context"
	"maps"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// withheld are the variables that the commands do not see: what the deploy
// reads its credentials from, and the runner's ways to change the job. Tokens
// that a build needs itself (NPM_TOKEN, NODE_AUTH_TOKEN, VITE_…) are not ours.
var withheld = []string{
	// The AWS SDK's credential chain. The profile and the files are named by
	// these where the deploy has an identity of its own.
	// https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
	"CLOUDFRONT_ACCESS_KEY_ID", "CLOUDFRONT_SECRET_ACCESS_KEY", "CLOUDFRONT_SESSION_TOKEN", "CLOUDFRONT_PROFILE",
	// What the Cloudflare SDK reads, and the older names that wrangler takes.
	"FASTLY_API_TOKEN", "FASTLY_API_KEY", "BUNNY_API_KEY",
	"CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL", "CLOUDFLARE_API_USER_SERVICE_KEY",
	"CF_API_TOKEN", "CF_API_KEY", "CF_API_EMAIL",
	// With which other CIs prove to a cloud who the run is, or with which a job
	// gets such a proof. GitLab's CI_JOB_TOKEN is not among them: it gets none,
	// and .npmrc files name it for GitLab's own package registry.
	// https://circleci.com/docs/openid-connect-tokens/
	// https://support.atlassian.com/bitbucket-cloud/docs/integrate-pipelines-with-resource-servers-using-oidc/
	// https://buildkite.com/docs/agent/v3/cli-oidc
	// https://learn.microsoft.com/azure/devops/pipelines/build/variables#system-variables
	// https://docs.gitlab.com/ci/secrets/id_token_authentication/ (CI_JOB_JWT: before GitLab 17)
	"CIRCLE_OIDC_TOKEN", "CIRCLE_OIDC_TOKEN_V2", "BITBUCKET_STEP_OIDC_TOKEN", "BUILDKITE_AGENT_ACCESS_TOKEN",
	"SYSTEM_ACCESSTOKEN", "CI_JOB_JWT", "CI_JOB_JWT_V1", "CI_JOB_JWT_V2",
	// The job's token, and the files through which a step changes the job.
	"GITHUB_TOKEN", "GH_TOKEN",
	"GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY",
}

// withheldPrefixes are withheld as a whole: the deploy's own settings, the
// action's inputs, and the runner's internals (its OIDC and cache tokens).
var withheldPrefixes = []string{"PANDASTACK_", "INPUT_", "ACTIONS_"}

// Environ returns the environment that the install and build commands see: env
// less what is withheld by name, less every variable whose value is one of the
// secrets (white space around it aside), with extra set where env leaves it
// unset or empty, and buildEnv over all. A value of buildEnv that is a secret is
// left out, too; a withheld name in buildEnv is not: the user gave it to the
// build. The result is sorted by name; of a name that env holds twice, the last
// counts. None of the arguments is changed.
func Environ(env, secrets []string, buildEnv, extra map[string]string) []string {
	secret := map[string]bool{}
	for _, s := range secrets {
		if s = strings.TrimSpace(s); s != "" {
			secret[s] = true
		}
	}
	vars := map[string]string{}
	for _, kv := range env {
		if name, value, ok := cutEnv(kv); ok {
			vars[envName(name)] = value
		}
	}
	for name, value := range vars {
		if isWithheld(name) || secret[strings.TrimSpace(value)] {
			delete(vars, name)
		}
	}
	for name, value := range extra {
		if vars[envName(name)] == "" {
			vars[envName(name)] = value
		}
	}
	for name, value := range buildEnv {
		if !secret[strings.TrimSpace(value)] {
			vars[envName(name)] = value
		}
	}
	out := make([]string, 0, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		out = append(out, name+"="+vars[name])
	}
	return out
}

// cutEnv splits "name=value". On Windows names such as "=C:" begin with the
// separator.
func cutEnv(kv string) (name, value string, ok bool) {
	if kv == "" {
		return "", "", false
	}
	i := strings.IndexByte(kv[1:], '=') + 1
	if i == 0 {
		return "", "", false
	}
	return kv[:i], kv[i+1:], true
}

// envName is the form in which names are compared: Windows knows no case.
func envName(name string) string {
	if runtime.GOOS == "windows" {
		return strings.ToUpper(name)
	}
	return name
}

func isWithheld(name string) bool {
	if slices.Contains(withheld, name) {
		return true
	}
	return slices.ContainsFunc(withheldPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// lookupEnv returns the value of name in env, or "".
func lookupEnv(env []string, name string) string {
	for _, kv := range slices.Backward(env) {
		if n, v, ok := cutEnv(kv); ok && envName(n) == envName(name) {
			return v
		}
	}
	return ""
}

// withEnv returns a copy of env in which name is set; an empty value removes
// it.
func withEnv(env []string, name, value string) []string {
	out := slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		n, _, ok := cutEnv(kv)
		return ok && envName(n) == envName(name)
	})
	if value == "" {
		return out
	}
	return append(out, name+"="+value)
}

// environ is the environment of the commands of this run.
func (r *run) environ(ctx context.Context) []string {
	git := safeDirectories(r.Environ, r.Dir, r.RepoDir)
	env := Environ(slices.Concat(r.Environ, git), r.Secrets, r.BuildEnv, nil)
	if lookupEnv(env, "SOURCE_DATE_EPOCH") != "" {
		return env
	}
	return withEnv(env, "SOURCE_DATE_EPOCH", r.commitTime(ctx, env))
}

// safeDirectories lets git work in directories that another user owns, as the
// workspace of a container action is, without a word in anybody's gitconfig:
// git takes these variables for protected configuration. Settings that env
// passes in the same way are kept.
// https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory
func safeDirectories(env []string, dirs ...string) []string {
	n, err := strconv.Atoi(lookupEnv(env, "GIT_CONFIG_COUNT"))
	if err != nil || n < 0 {
		n = 0
	}
	var out []string
	for _, dir := range ownedDirs(dirs) {
		i := strconv.Itoa(n)
		out = append(out, "GIT_CONFIG_KEY_"+i+"=safe.directory", "GIT_CONFIG_VALUE_"+i+"="+filepath.ToSlash(dir))
		n++
	}
	return append(out, "GIT_CONFIG_COUNT="+strconv.Itoa(n))
}

// ownedDirs returns dirs and the tops of the work trees that hold them, each
// once, also as git sees them: with symbolic links resolved.
func ownedDirs(dirs []string) []string {
	var out []string
	add := func(dir string) {
		if dir != "" && !slices.Contains(out, dir) {
			out = append(out, dir)
		}
	}
	for _, dir := range dirs {
		add(dir)
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			continue
		}
		add(real)
		add(upward(real, filepath.VolumeName(real)+string(filepath.Separator), ".git"))
	}
	return out
}

// commitTime returns the time of the HEAD commit in Unix seconds, or "" where
// there is no git, no work tree or no commit.
func (r *run) commitTime(ctx context.Context, env []string) string {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", "log", "-1", "--no-show-signature", "--format=%ct")
	cmd.Dir = r.Dir
	cmd.Env = env
	out, err := r.As.Output(cmd)
	if err != nil {
		return ""
	}
	epoch := strings.TrimSpace(string(out))
	if _, err := strconv.ParseInt(epoch, 10, 64); err != nil {
		return ""
	}
	return epoch
}

// buildEnviron is the build command's environment: as npm does for its
// scripts, the tools that the site's packages bring come first on the PATH.
func (r *run) buildEnviron() []string {
	var dirs []string
	for dir := r.Dir; ; dir = filepath.Dir(dir) {
		if bin := filepath.Join(dir, "node_modules", ".bin"); exists(bin) {
			dirs = append(dirs, bin)
		}
		if dir == r.RepoDir || dir == filepath.Dir(dir) {
			break
		}
	}
	return prependPath(r.env, dirs...)
}

// prependPath returns a copy of env whose PATH begins with dirs.
func prependPath(env []string, dirs ...string) []string {
	if len(dirs) == 0 {
		return slices.Clone(env)
	}
	if old := lookupEnv(env, "PATH"); old != "" {
		dirs = append(slices.Clone(dirs), old)
	}
	return withEnv(env, "PATH", strings.Join(dirs, string(filepath.ListSeparator)))
}
