// Package ci says in which CI a run takes place and who and what the run is,
// and speaks the runner's language: inputs, outputs, masks, annotations and
// the job summary of GitHub Actions.
package ci

import (
	"strconv"
	"strings"
	"time"
)

// Provider is a CI service.
type Provider string

// The providers that are told apart.
const (
	None     Provider = ""         // no CI: a person's machine
	GitHub   Provider = "github"   // GitHub Actions, and what behaves like it
	GitLab   Provider = "gitlab"   // GitLab CI/CD
	CircleCI Provider = "circleci" // CircleCI
	Generic  Provider = "generic"  // only CI=true is known
)

// Run is who and what a run is, as far as it is known. The zero value of a
// field means unknown.
type Run struct {
	CI       bool
	Provider Provider
	// Repository is the repository's path at its host, for example
	// "octo/site".
	Repository string
	Commit     string    // full hash of what is checked out
	CommitTime time.Time // the committer's date of Commit
	Dirty      bool      // the work tree differs from Commit
	// Ref is the branch or tag by its short name, for example "main". Of a
	// pull request it is the branch that asks to be merged.
	Ref string
	// RunID is the run's id in its CI. Later runs of one repository have
	// greater ids.
	RunID string
	// RunNumber counts the runs of one workflow, pipeline or project.
	RunNumber int64
	// RunAttempt counts from 1 how often the run was started. 0 where the CI
	// does not say.
	RunAttempt  int
	RunURL      string // where people see the run
	Actor       string // who started it
	Host        string // the machine or runner
	PullRequest bool   // the run is for a pull or merge request
}

// Detect says which CI the environment belongs to and reads what its variables
// tell about the run. It does not look at the disk: Complete adds what git
// knows.
func Detect(getenv func(string) string) Run {
	switch {
	case truthy(getenv("GITHUB_ACTIONS")):
		return github(getenv)
	case truthy(getenv("GITLAB_CI")):
		return gitlab(getenv)
	case truthy(getenv("CIRCLECI")):
		return circleci(getenv)
	case truthy(getenv("CI")):
		return Run{CI: true, Provider: Generic}
	default:
		return Run{}
	}
}

// github reads GitHub's default environment variables.
// https://docs.github.com/en/actions/reference/workflows-and-actions/variables
func github(getenv func(string) string) Run {
	r := Run{
		CI:         true,
		Provider:   GitHub,
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
		CI:          true,
		Provider:    GitLab,
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

// circleci reads CircleCI's built-in variables. The build number orders the
// jobs of a project; the ids of pipelines and workflows are random.
// https://circleci.com/docs/reference/variables/
func circleci(getenv func(string) string) Run {
	r := Run{
		CI:          true,
		Provider:    CircleCI,
		Commit:      getenv("CIRCLE_SHA1"),
		Ref:         first(getenv("CIRCLE_BRANCH"), getenv("CIRCLE_TAG")),
		RunID:       getenv("CIRCLE_BUILD_NUM"),
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

// truthy reads a flag as CI services set them: CI=true, CI=1, CI=woodpecker.
func truthy(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "", "0", "false", "no", "off":
		return false
	}
	return true
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// integer returns 0 where s is not a whole number: what a CI says about itself
// is never worth a failed deploy.
func integer(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func shortRef(ref string) string {
	for _, p := range []string{"refs/heads/", "refs/tags/", "refs/"} {
		if s, ok := strings.CutPrefix(ref, p); ok {
			return s
		}
	}
	return ref
}
