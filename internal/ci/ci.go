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
	None      Provider = ""          // no CI: a person's machine
	GitHub    Provider = "github"    // GitHub Actions, and what behaves like it
	GitLab    Provider = "gitlab"    // GitLab CI/CD
	CircleCI  Provider = "circleci"  // CircleCI
	Bitbucket Provider = "bitbucket" // Bitbucket Pipelines
	Buildkite Provider = "buildkite" // Buildkite
	Azure     Provider = "azure"     // Azure Pipelines
	Jenkins   Provider = "jenkins"   // Jenkins
	Generic   Provider = "generic"   // only CI=true is known
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
	// RunID is the run's id in its CI. It is a number only where later runs
	// of one repository have greater ones, and a run that is started again
	// keeps its own: then it tells the order of two runs.
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
	for _, p := range providers {
		if truthy(getenv(p.mark)) {
			r := p.read(getenv)
			r.CI, r.Provider = true, p.name
			return r
		}
	}
	return Run{}
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
