package isolation

import (
	"errors"
	"os/exec"
)

// ownerOf knows no owners that are numbers.
func ownerOf(string) (User, error) { return User{}, errors.ErrUnsupported }

// give does nothing where nobody is root.
func give(string, string, User, User) error { return nil }

// detach does nothing where a command has no session.
func detach(*exec.Cmd) {}

// endGroup does nothing where processes are in no group.
func endGroup(*exec.Cmd) {}
