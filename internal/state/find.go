package state

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrNoRelease reports a release that does not exist or is not kept.
var ErrNoRelease = errors.New("no such release")

// ErrNothing reports a site that has no release. It is an ErrNoRelease.
var ErrNothing error = nothing{}

type nothing struct{}

// Error says so.
func (nothing) Error() string { return "nothing was deployed here yet" }

// Is makes it an ErrNoRelease, too.
func (nothing) Is(target error) bool { return target == ErrNoRelease }

// The names of releases that are no ids.
const (
	nameLive     = "live"
	namePrevious = "previous"
)

// Find returns the id that a person means by name: "live", "previous" for the
// one before it, "live~2" for the second before it, an id, or the beginning of
// one id. r is the live release; only it and its History are found. All other
// names are ErrNoRelease.
func (r *Release) Find(name string) (string, error) {
	if name == namePrevious {
		name = nameLive + "~1"
	}
	if back, ok := strings.CutPrefix(name, nameLive); ok && (back == "" || back[0] == '~') {
		return r.back(name, strings.TrimPrefix(back, "~"))
	}
	id := strings.ToLower(name)
	matches := slices.DeleteFunc(append(slices.Clone(r.History), r.ID), func(k string) bool { return !strings.HasPrefix(k, id) })
	switch {
	case len(matches) == 0 || id == "":
		return "", fmt.Errorf("%w: %s is not kept", ErrNoRelease, name)
	case len(matches) > 1 && !slices.Contains(matches, id):
		return "", fmt.Errorf("%w: %s is the beginning of %d ids", ErrNoRelease, name, len(matches))
	case len(matches) > 1:
		return id, nil
	}
	return matches[0], nil
}

// back returns the id of the release so many before the live one.
func (r *Release) back(name, steps string) (string, error) {
	n := 0
	if name != nameLive {
		var err error
		if n, err = strconv.Atoi(steps); err != nil || n < 0 {
			return "", fmt.Errorf("%w: after %s~ comes a number, not %q", ErrNoRelease, nameLive, steps)
		}
	}
	switch kept := len(r.History); {
	case n == 0:
		return r.ID, nil
	case n <= kept:
		return r.History[kept-n], nil
	case kept == 0:
		return "", fmt.Errorf("%w: no release before the live one is kept", ErrNoRelease)
	default:
		return "", fmt.Errorf("%w: %s is not kept, only %d before the live one", ErrNoRelease, name, kept)
	}
}
