package ci

import (
	"net/url"
	"strings"
)

// providers are the CI services that are told apart, by a variable that each of
// them sets. Those that also set another one's come before it.
var providers = []struct {
	name Provider
	mark string
	read func(getenv func(string) string) Run
}{
	{GitHub, "GITHUB_ACTIONS", github},
	{GitLab, "GITLAB_CI", gitlab},
	{CircleCI, "CIRCLECI", circleci},
	{Bitbucket, "BITBUCKET_BUILD_NUMBER", bitbucket},
	{Buildkite, "BUILDKITE", buildkite},
	{Azure, "TF_BUILD", azure},
	{Jenkins, "JENKINS_URL", jenkins},
	{Generic, "CI", func(func(string) string) Run { return Run{} }},
}

// github reads GitHub's default environment variables.
// https://docs.github.com/en/actions/reference/workflows-and-actions/variables
func github(getenv func(string) string) Run {
	r := Run{
		Repository: getenv("GITHUB_REPOSITORY"),
		Commit:     getenv("GITHUB_SHA"),
		Ref:        first(getenv("GITHUB_HEAD_REF"), getenv("GITHUB_REF_NAME"), shortRef(getenv("GITHUB_REF"))),
		RunID:      getenv("GITHUB_RUN_ID"),
		RunNumber:  integer(getenv("GITHUB_RUN_NUMBER")),
		RunAttempt: int(integer(getenv("GITHUB_RUN_ATTEMPT"))),
		// The actor stays the same when somebody else runs the job again.
		Actor: first(getenv("GITHUB_TRIGGERING_ACTOR"), getenv("GITHUB_ACTOR")),
		Host:  getenv("RUNNER_NAME"),
	}
	server := strings.TrimSuffix(getenv("GITHUB_SERVER_URL"), "/")
	if server != "" && r.Repository != "" && r.RunID != "" {
		r.RunURL = server + "/" + r.Repository + "/actions/runs/" + r.RunID
	}
	switch getenv("GITHUB_EVENT_NAME") {
	case "pull_request", "pull_request_target":
		r.PullRequest = true
	}
	return r
}

// gitlab reads GitLab's predefined variables. A job that is retried keeps its
// pipeline's id and gets no attempt number.
// https://docs.gitlab.com/ci/variables/predefined_variables/
func gitlab(getenv func(string) string) Run {
	return Run{
		Repository:  getenv("CI_PROJECT_PATH"),
		Commit:      getenv("CI_COMMIT_SHA"),
		Ref:         first(getenv("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"), getenv("CI_COMMIT_REF_NAME")),
		RunID:       getenv("CI_PIPELINE_ID"),
		RunNumber:   integer(getenv("CI_PIPELINE_IID")),
		RunURL:      first(getenv("CI_JOB_URL"), getenv("CI_PIPELINE_URL")),
		Actor:       getenv("GITLAB_USER_LOGIN"),
		Host:        getenv("CI_RUNNER_DESCRIPTION"),
		PullRequest: getenv("CI_MERGE_REQUEST_IID") != "",
	}
}

// circleci reads CircleCI's built-in variables. A workflow that is run again
// has new build numbers, which say nothing about the order of commits: the id
// of the workflow stands for the run.
// https://circleci.com/docs/reference/variables/
func circleci(getenv func(string) string) Run {
	r := Run{
		Commit:      getenv("CIRCLE_SHA1"),
		Ref:         first(getenv("CIRCLE_BRANCH"), getenv("CIRCLE_TAG")),
		RunID:       getenv("CIRCLE_WORKFLOW_ID"),
		RunNumber:   integer(getenv("CIRCLE_BUILD_NUM")),
		RunURL:      getenv("CIRCLE_BUILD_URL"),
		Actor:       getenv("CIRCLE_USERNAME"),
		PullRequest: getenv("CIRCLE_PULL_REQUEST") != "",
	}
	owner, name := getenv("CIRCLE_PROJECT_USERNAME"), getenv("CIRCLE_PROJECT_REPONAME")
	if owner != "" && name != "" {
		r.Repository = owner + "/" + name
	}
	return r
}

// bitbucket reads the default variables of Bitbucket Pipelines. A pipeline that
// is run again has a new number: its UUID stands for the run. Of who started
// it only the account's UUID is told.
// https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/
func bitbucket(getenv func(string) string) Run {
	r := Run{
		Repository:  getenv("BITBUCKET_REPO_FULL_NAME"),
		Commit:      getenv("BITBUCKET_COMMIT"),
		Ref:         first(getenv("BITBUCKET_BRANCH"), getenv("BITBUCKET_TAG")),
		RunID:       getenv("BITBUCKET_PIPELINE_UUID"),
		RunNumber:   integer(getenv("BITBUCKET_BUILD_NUMBER")),
		Actor:       getenv("BITBUCKET_STEP_TRIGGERER_UUID"),
		PullRequest: getenv("BITBUCKET_PR_ID") != "",
	}
	if r.Repository != "" {
		r.RunURL = "https://bitbucket.org/" + r.Repository + "/pipelines/results/" + getenv("BITBUCKET_BUILD_NUMBER")
	}
	return r
}

// buildkite reads Buildkite's environment variables. Builds are numbered within
// a pipeline, of which a repository may have several, and a build that is run
// again has a new number: its UUID stands for the run. The commit may be the
// word HEAD.
// https://buildkite.com/docs/pipelines/configure/environment-variables
func buildkite(getenv func(string) string) Run {
	r := Run{
		Repository: repositoryOf(getenv("BUILDKITE_REPO")),
		Ref:        first(getenv("BUILDKITE_TAG"), getenv("BUILDKITE_BRANCH")),
		RunID:      getenv("BUILDKITE_BUILD_ID"),
		RunNumber:  integer(getenv("BUILDKITE_BUILD_NUMBER")),
		RunURL:     getenv("BUILDKITE_BUILD_URL"),
		Actor:      getenv("BUILDKITE_BUILD_CREATOR"),
		Host:       getenv("BUILDKITE_AGENT_NAME"),
		// "false", or the number.
		PullRequest: truthy(getenv("BUILDKITE_PULL_REQUEST")),
	}
	if commit := getenv("BUILDKITE_COMMIT"); isHash(commit) {
		r.Commit = commit
	}
	if retries := getenv("BUILDKITE_RETRY_COUNT"); retries != "" {
		r.RunAttempt = 1 + int(integer(retries))
	}
	return r
}

// azure reads the predefined variables of Azure Pipelines. The ids of builds
// grow within an organization, and a build whose jobs are run again keeps its
// id.
// https://learn.microsoft.com/en-us/azure/devops/pipelines/build/variables
func azure(getenv func(string) string) Run {
	r := Run{
		Repository:  getenv("BUILD_REPOSITORY_NAME"),
		Commit:      getenv("BUILD_SOURCEVERSION"),
		Ref:         shortRef(first(getenv("SYSTEM_PULLREQUEST_SOURCEBRANCH"), getenv("BUILD_SOURCEBRANCH"))),
		RunID:       getenv("BUILD_BUILDID"),
		RunAttempt:  int(integer(getenv("SYSTEM_JOBATTEMPT"))),
		Actor:       getenv("BUILD_REQUESTEDFOR"),
		Host:        getenv("AGENT_NAME"),
		PullRequest: getenv("BUILD_REASON") == "PullRequest",
	}
	collection, project := strings.TrimSuffix(getenv("SYSTEM_COLLECTIONURI"), "/"), getenv("SYSTEM_TEAMPROJECT")
	if collection != "" && project != "" && r.RunID != "" {
		r.RunURL = collection + "/" + url.PathEscape(project) + "/_build/results?buildId=" + url.QueryEscape(r.RunID)
	}
	return r
}

// jenkins reads the variables of Jenkins and its git plugin. Builds are
// numbered within a job, and each branch of a multibranch project is one: the
// tag of the build, which holds the job's name, stands for the run.
// https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables
// https://plugins.jenkins.io/git/#plugin-content-environment-variables
func jenkins(getenv func(string) string) Run {
	return Run{
		Repository:  repositoryOf(getenv("GIT_URL")),
		Commit:      getenv("GIT_COMMIT"),
		Ref:         first(getenv("CHANGE_BRANCH"), getenv("TAG_NAME"), getenv("BRANCH_NAME"), getenv("GIT_LOCAL_BRANCH"), strings.TrimPrefix(getenv("GIT_BRANCH"), "origin/")),
		RunID:       getenv("BUILD_TAG"),
		RunNumber:   integer(getenv("BUILD_NUMBER")),
		RunURL:      getenv("BUILD_URL"),
		Actor:       first(getenv("BUILD_USER_ID"), getenv("CHANGE_AUTHOR")),
		Host:        getenv("NODE_NAME"),
		PullRequest: getenv("CHANGE_ID") != "",
	}
}
