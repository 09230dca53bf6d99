package ci

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vars is an environment.
type vars map[string]string

func (v vars) get(name string) string { return v[name] }

func TestDetect(t *testing.T) {
	hash := strings.Repeat("0a", 20)
	github := vars{
		"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "octo/site", "GITHUB_SHA": "abc",
		"GITHUB_REF": "refs/heads/feat/x", "GITHUB_REF_NAME": "feat/x", "GITHUB_EVENT_NAME": "push",
		"GITHUB_RUN_ID": "1658821493", "GITHUB_RUN_NUMBER": "7", "GITHUB_RUN_ATTEMPT": "2",
		"GITHUB_SERVER_URL": "https://github.example/", "GITHUB_ACTOR": "mona", "GITHUB_TRIGGERING_ACTOR": "hubot", "RUNNER_NAME": "r1",
	}
	with := func(base vars, changes vars) vars {
		out := vars{}
		for _, m := range []vars{base, changes} {
			for k, v := range m {
				out[k] = v
			}
		}
		return out
	}
	push := Run{
		CI: true, Provider: GitHub, Repository: "octo/site", Commit: "abc", Ref: "feat/x", RunID: "1658821493", RunNumber: 7, RunAttempt: 2,
		RunURL: "https://github.example/octo/site/actions/runs/1658821493", Actor: "hubot", Host: "r1",
	}
	pull := push
	pull.PullRequest, pull.Ref = true, "topic"
	bare := Run{CI: true, Provider: GitHub, Ref: "v1"}
	tests := []struct {
		name string
		env  vars
		want Run
	}{
		{"a person's machine", vars{"HOME": "/h"}, Run{}},
		{"CI=false", vars{"CI": "false", "GITHUB_ACTIONS": "0"}, Run{}},
		{"some CI", vars{"CI": "woodpecker"}, Run{CI: true, Provider: Generic}},
		{"GitHub, push", github, push},
		{"GitHub, pull request", with(github, vars{"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF_NAME": "5/merge", "GITHUB_HEAD_REF": "topic"}), pull},
		{"GitHub, pull request of a fork", with(github, vars{"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_HEAD_REF": "topic"}), pull},
		{"GitHub, little known and odd", vars{"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/tags/v1", "GITHUB_RUN_NUMBER": "x", "GITHUB_RUN_ATTEMPT": "-1"}, bare},
		{
			"GitLab", vars{
				"CI": "true", "GITLAB_CI": "true", "CI_PROJECT_PATH": "group/sub/site", "CI_COMMIT_SHA": "abc", "CI_COMMIT_REF_NAME": "main",
				"CI_PIPELINE_ID": "900", "CI_PIPELINE_IID": "12", "CI_JOB_URL": "https://gitlab.example/j/1", "CI_PIPELINE_URL": "https://gitlab.example/p/1",
				"GITLAB_USER_LOGIN": "mona", "CI_RUNNER_DESCRIPTION": "shared",
			},
			Run{CI: true, Provider: GitLab, Repository: "group/sub/site", Commit: "abc", Ref: "main", RunID: "900", RunNumber: 12, RunURL: "https://gitlab.example/j/1", Actor: "mona", Host: "shared"},
		},
		{
			"GitLab, merge request", vars{"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "3", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "topic", "CI_COMMIT_REF_NAME": "refs/merge", "CI_PIPELINE_URL": "https://gitlab.example/p/1"},
			Run{CI: true, Provider: GitLab, Ref: "topic", RunURL: "https://gitlab.example/p/1", PullRequest: true},
		},
		{
			"CircleCI", vars{
				"CI": "true", "CIRCLECI": "true", "CIRCLE_SHA1": "abc", "CIRCLE_TAG": "v1", "CIRCLE_BUILD_NUM": "55", "CIRCLE_WORKFLOW_ID": "f2-1", "CIRCLE_BUILD_URL": "https://circleci.example/55",
				"CIRCLE_USERNAME": "mona", "CIRCLE_PROJECT_USERNAME": "octo", "CIRCLE_PROJECT_REPONAME": "site", "CIRCLE_PULL_REQUEST": "https://github.com/octo/site/pull/1",
			},
			Run{CI: true, Provider: CircleCI, Repository: "octo/site", Commit: "abc", Ref: "v1", RunID: "f2-1", RunNumber: 55, RunURL: "https://circleci.example/55", Actor: "mona", PullRequest: true},
		},
		{
			"Bitbucket", vars{
				"CI": "true", "BITBUCKET_BUILD_NUMBER": "12", "BITBUCKET_PIPELINE_UUID": "{1e}", "BITBUCKET_REPO_FULL_NAME": "octo/site", "BITBUCKET_COMMIT": "abc",
				"BITBUCKET_BRANCH": "main", "BITBUCKET_STEP_TRIGGERER_UUID": "{7f}",
			},
			Run{CI: true, Provider: Bitbucket, Repository: "octo/site", Commit: "abc", Ref: "main", RunID: "{1e}", RunNumber: 12, RunURL: "https://bitbucket.org/octo/site/pipelines/results/12", Actor: "{7f}"},
		},
		{
			"Bitbucket, pull request", vars{"BITBUCKET_BUILD_NUMBER": "12", "BITBUCKET_TAG": "v1", "BITBUCKET_PR_ID": "3"},
			Run{CI: true, Provider: Bitbucket, Ref: "v1", RunNumber: 12, PullRequest: true},
		},
		{
			"Buildkite", vars{
				"CI": "true", "BUILDKITE": "true", "BUILDKITE_REPO": "git@github.com:octo/site.git", "BUILDKITE_COMMIT": hash, "BUILDKITE_BRANCH": "main", "BUILDKITE_BUILD_ID": "b8-1",
				"BUILDKITE_BUILD_NUMBER": "59", "BUILDKITE_BUILD_URL": "https://buildkite.example/59", "BUILDKITE_BUILD_CREATOR": "mona", "BUILDKITE_AGENT_NAME": "a1",
				"BUILDKITE_PULL_REQUEST": "false", "BUILDKITE_RETRY_COUNT": "2",
			},
			Run{CI: true, Provider: Buildkite, Repository: "octo/site", Commit: hash, Ref: "main", RunID: "b8-1", RunNumber: 59, RunAttempt: 3, RunURL: "https://buildkite.example/59", Actor: "mona", Host: "a1"},
		},
		{
			"Buildkite, pull request of what is newest", vars{"BUILDKITE": "true", "BUILDKITE_COMMIT": "HEAD", "BUILDKITE_PULL_REQUEST": "123"},
			Run{CI: true, Provider: Buildkite, PullRequest: true},
		},
		{
			"Azure", vars{
				"TF_BUILD": "True", "BUILD_REPOSITORY_NAME": "octo/site", "BUILD_SOURCEVERSION": "abc", "BUILD_SOURCEBRANCH": "refs/heads/feat/x", "BUILD_BUILDID": "900",
				"SYSTEM_JOBATTEMPT": "2", "BUILD_REQUESTEDFOR": "Mona Lisa", "AGENT_NAME": "a1", "BUILD_REASON": "IndividualCI",
				"SYSTEM_COLLECTIONURI": "https://dev.azure.com/octo/", "SYSTEM_TEAMPROJECT": "My Site",
			},
			Run{CI: true, Provider: Azure, Repository: "octo/site", Commit: "abc", Ref: "feat/x", RunID: "900", RunAttempt: 2, RunURL: "https://dev.azure.com/octo/My%20Site/_build/results?buildId=900", Actor: "Mona Lisa", Host: "a1"},
		},
		{
			"Azure, pull request", vars{"TF_BUILD": "True", "BUILD_REASON": "PullRequest", "BUILD_SOURCEBRANCH": "refs/pull/1/merge", "SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/topic"},
			Run{CI: true, Provider: Azure, Ref: "topic", PullRequest: true},
		},
		{
			"Jenkins", vars{
				"JENKINS_URL": "https://ci.example/", "GIT_URL": "https://user:hunter2@git.example/octo/site.git", "GIT_COMMIT": "abc", "GIT_BRANCH": "origin/main", "BUILD_TAG": "jenkins-site-main-7",
				"BUILD_NUMBER": "7", "BUILD_URL": "https://ci.example/job/site/7/", "BUILD_USER_ID": "mona", "NODE_NAME": "n1",
			},
			Run{CI: true, Provider: Jenkins, Repository: "octo/site", Commit: "abc", Ref: "main", RunID: "jenkins-site-main-7", RunNumber: 7, RunURL: "https://ci.example/job/site/7/", Actor: "mona", Host: "n1"},
		},
		{
			"Jenkins, change request", vars{"JENKINS_URL": "https://ci.example/", "CHANGE_ID": "3", "CHANGE_BRANCH": "topic", "CHANGE_AUTHOR": "mona", "BRANCH_NAME": "PR-3"},
			Run{CI: true, Provider: Jenkins, Ref: "topic", Actor: "mona", PullRequest: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Detect(tt.env.get)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestRepositoryOf(t *testing.T) {
	for remote, want := range map[string]string{
		"https://github.com/octo/site.git":                   "octo/site",
		"https://user:hunter2@github.com/octo/site":          "octo/site",
		"https://x-access-token:t0ken@github.com/octo/s.git": "octo/s",
		"ssh://git@example.com:22/group/sub/site.git":        "group/sub/site",
		"git@github.com:octo/site.git":                       "octo/site",
		"github.com:octo/site":                               "octo/site",
		"/srv/git/site.git":                                  "",
		"../site":                                            "",
		"file:///srv/git/site.git":                           "",
		`C:\git\site`:                                        "",
		"C:/git/site":                                        "",
		"":                                                   "",
	} {
		if got := repositoryOf(remote); got != want {
			t.Errorf("%q: got %q, want %q", remote, got, want)
		}
	}
}
