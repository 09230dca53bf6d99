//go:build unix

package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEnviron(t *testing.T) {
	tests := []struct {
		name            string
		env, secrets    []string
		buildEnv, extra map[string]string
		want            []string
	}{
		{name: "nothing", want: []string{}},
		{
			name: "what a build needs passes",
			env:  []string{"PATH=/bin", "HOME=/h", "CI=true", "NPM_TOKEN=n", "NODE_AUTH_TOKEN=a", "VITE_API=v", "NEXT_PUBLIC_X=p", "GITHUB_SHA=s", "GITHUB_ACTIONS=true", "AWS_REGION=eu", "CI_JOB_TOKEN=j", "EMPTY="},
			want: []string{"AWS_REGION=eu", "CI=true", "CI_JOB_TOKEN=j", "EMPTY=", "GITHUB_ACTIONS=true", "GITHUB_SHA=s", "HOME=/h", "NEXT_PUBLIC_X=p", "NODE_AUTH_TOKEN=a", "NPM_TOKEN=n", "PATH=/bin", "VITE_API=v"},
		},
		{
			name: "credentials of AWS do not",
			env:  []string{"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=a", "AWS_SESSION_TOKEN=a", "AWS_SECURITY_TOKEN=a", "AWS_WEB_IDENTITY_TOKEN_FILE=a", "AWS_ROLE_ARN=a", "AWS_ROLE_SESSION_NAME=a", "AWS_CONTAINER_CREDENTIALS_FULL_URI=a", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=a", "AWS_CONTAINER_AUTHORIZATION_TOKEN=a", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=a", "AWS_PROFILE=a", "AWS_DEFAULT_PROFILE=a", "AWS_SHARED_CREDENTIALS_FILE=a", "AWS_CONFIG_FILE=a", "CLOUDFRONT_ACCESS_KEY_ID=a", "CLOUDFRONT_SECRET_ACCESS_KEY=a", "CLOUDFRONT_SESSION_TOKEN=a", "CLOUDFRONT_PROFILE=a"},
			want: []string{},
		},
		{
			name: "nor Cloudflare's",
			env:  []string{"CLOUDFLARE_API_TOKEN=a", "CLOUDFLARE_API_KEY=a", "CLOUDFLARE_EMAIL=a", "CLOUDFLARE_API_USER_SERVICE_KEY=a", "CF_API_TOKEN=a", "CF_API_KEY=a", "CF_API_EMAIL=a", "CLOUDFLARE_ACCOUNT_ID=kept"},
			want: []string{"CLOUDFLARE_ACCOUNT_ID=kept"},
		},
		{
			name: "nor the runner's",
			env:  []string{"GITHUB_TOKEN=a", "GH_TOKEN=a", "GITHUB_OUTPUT=a", "GITHUB_ENV=a", "GITHUB_PATH=a", "GITHUB_STATE=a", "GITHUB_STEP_SUMMARY=a", "INPUT_BUCKET=a", "INPUT_AWS-SECRET-ACCESS-KEY=a", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=a", "ACTIONS_RUNTIME_TOKEN=a", "PANDASTACK_BUCKET=a", "INPUTS=kept", "ACTIONSX=kept"},
			want: []string{"ACTIONSX=kept", "INPUTS=kept"},
		},
		{
			name: "nor what proves to a cloud which run of another CI this is",
			env:  []string{"CIRCLE_OIDC_TOKEN=a", "CIRCLE_OIDC_TOKEN_V2=a", "BITBUCKET_STEP_OIDC_TOKEN=a", "BUILDKITE_AGENT_ACCESS_TOKEN=a", "SYSTEM_ACCESSTOKEN=a", "CI_JOB_JWT=a", "CI_JOB_JWT_V1=a", "CI_JOB_JWT_V2=a", "CIRCLE_SHA1=kept"},
			want: []string{"CIRCLE_SHA1=kept"},
		},
		{
			name:    "nor a secret by another name",
			env:     []string{"MY_KEY=s3cret", "PADDED= s3cret\n", "LONGER=s3cret2", "EMPTY=", "BLANK= "},
			secrets: []string{"s3cret\n", "", "  "},
			want:    []string{"BLANK= ", "EMPTY=", "LONGER=s3cret2"},
		},
		{
			name:     "buildEnv adds, overrides and may give what is withheld, but no secret",
			env:      []string{"A=1", "GITHUB_TOKEN=job"},
			secrets:  []string{"s3cret"},
			buildEnv: map[string]string{"A": "2", "B": "3", "GITHUB_TOKEN": "mine", "LEAK": "s3cret"},
			want:     []string{"A=2", "B=3", "GITHUB_TOKEN=mine"},
		},
		{
			name:     "extra fills gaps only, below buildEnv",
			env:      []string{"SET=1", "EMPTY="},
			buildEnv: map[string]string{"BOTH": "build"},
			extra:    map[string]string{"SET": "x", "EMPTY": "x", "NEW": "x", "BOTH": "x"},
			want:     []string{"BOTH=build", "EMPTY=x", "NEW=x", "SET=1"},
		},
		{
			name: "the last of a name counts, values keep their =, what is no variable goes",
			env:  []string{"A=1", "A=2=3", "nonsense", "", "=C:=C:\\x"},
			want: []string{"=C:=C:\\x", "A=2=3"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := slices.Clone(tt.env)
			got := Environ(tt.env, tt.secrets, tt.buildEnv, tt.extra)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !slices.Equal(before, tt.env) {
				t.Error("the argument was changed")
			}
		})
	}
}

// No secret's value comes through, by whatever name, and nothing that is not
// withheld is lost.
func TestEnvironProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[A-Z]{1,3}(_[A-Z]{1,3})?`)
		values := rapid.StringMatching(`[ab ]{0,3}`)
		env := rapid.SliceOf(rapid.Map(rapid.Custom(func(t *rapid.T) [2]string {
			return [2]string{rapid.OneOf(word, rapid.SampledFrom(withheld)).Draw(t, "name"), values.Draw(t, "value")}
		}), func(p [2]string) string { return p[0] + "=" + p[1] })).Draw(t, "env")
		secrets := rapid.SliceOf(values).Draw(t, "secrets")
		got := Environ(env, secrets, nil, nil)
		isSecret := func(v string) bool {
			return strings.TrimSpace(v) != "" && slices.ContainsFunc(secrets, func(s string) bool { return strings.TrimSpace(s) == strings.TrimSpace(v) })
		}
		last := map[string]string{}
		for _, kv := range env {
			name, value, _ := strings.Cut(kv, "=")
			last[name] = value
		}
		for name, value := range last {
			want := !slices.Contains(withheld, name) && !isSecret(value)
			if has := slices.Contains(got, name+"="+value); has != want {
				t.Fatalf("%s=%q passed: %v, want %v", name, value, has, want)
			}
		}
		if len(got) > len(last) {
			t.Fatalf("%q of %q", got, env)
		}
	})
}

// git runs git in dir with a clean configuration.
func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
		"GIT_COMMITTER_DATE=1700000000 +0100", "GIT_AUTHOR_DATE=1600000000 +0000")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

func TestSourceDateEpoch(t *testing.T) {
	o, rec := options(t, map[string]string{"a.txt": "a"})
	o.BuildCommand = `echo "${SOURCE_DATE_EPOCH-unset}"`
	run := func(want string) {
		t.Helper()
		rec.all = nil
		if err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if got := rec.output(); len(got) != 1 || got[0] != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	run("unset") // no repository
	git(t, o.Dir, "init", "-q")
	run("unset") // no commit
	git(t, o.Dir, "add", ".")
	git(t, o.Dir, "commit", "-q", "-m", "one")
	run("1700000000")
	write(t, o.Dir, map[string]string{"sub/x": ""})
	o.Dir = filepath.Join(o.Dir, "sub")
	run("1700000000")
	o.Environ = append(o.Environ, "SOURCE_DATE_EPOCH=5")
	run("5")
	o.BuildEnv = map[string]string{"SOURCE_DATE_EPOCH": "6"}
	run("6")
}

// git refuses a work tree of another user, which GIT_TEST_ASSUME_DIFFERENT_OWNER
// makes of every work tree.
func TestForeignWorkTree(t *testing.T) {
	o, rec := options(t, map[string]string{"a.txt": "a"})
	git(t, o.Dir, "init", "-q")
	git(t, o.Dir, "add", ".")
	git(t, o.Dir, "commit", "-q", "-m", "one")
	o.Environ = append(o.Environ, "GIT_TEST_ASSUME_DIFFERENT_OWNER=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=user.name", "GIT_CONFIG_VALUE_0=Kept")
	write(t, o.Dir, map[string]string{"site/x": ""})
	o.Dir = filepath.Join(o.Dir, "site")
	o.BuildCommand = `git log -1 --format=%s && git config user.name && echo $SOURCE_DATE_EPOCH`
	if err := Run(t.Context(), o); err != nil {
		t.Fatalf("%v: %q", err, rec.output())
	}
	if diff := cmp.Diff([]string{"one", "Kept", "1700000000"}, rec.output()); diff != "" {
		t.Error(diff)
	}
}

func TestBuildPath(t *testing.T) {
	o, rec := options(t, map[string]string{
		"node_modules/.bin/tool":         "#!/bin/sh\necho root\n",
		"node_modules/.bin/other":        "#!/bin/sh\necho other\n",
		"pk/site/node_modules/.bin/tool": "#!/bin/sh\necho site\n",
	})
	o.Dir = filepath.Join(o.RepoDir, "pk", "site")
	o.BuildCommand = "tool && other"
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"site", "other"}, rec.output()); diff != "" {
		t.Error(diff)
	}
}

func TestBuildSeesNoCredentials(t *testing.T) {
	o, rec := options(t, nil)
	o.Environ = append(o.Environ, "AWS_SECRET_ACCESS_KEY=aaaa1111", "INPUT_TOKEN=bbbb2222", "HARMLESS_NAME=cccc3333", "NPM_TOKEN=dddd4444")
	o.Secrets = []string{"cccc3333"}
	o.BuildEnv = map[string]string{"VITE_X": "eeee5555"}
	o.BuildCommand = "env; echo echoed cccc3333"
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(rec.output(), "\n")
	for _, gone := range []string{"aaaa1111", "bbbb2222", "cccc3333"} {
		if strings.Contains(text, gone) {
			t.Errorf("%s came through", gone)
		}
	}
	for _, kept := range []string{"NPM_TOKEN=dddd4444", "VITE_X=eeee5555", "echoed ***"} {
		if !strings.Contains(text, kept) {
			t.Errorf("%s did not come through in %s", kept, text)
		}
	}
}
