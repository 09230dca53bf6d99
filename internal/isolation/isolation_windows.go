package isolation

import "errors"

// ownerOf knows no owners that are numbers.
func ownerOf(string) (User, error) { return User{}, errors.ErrUnsupported }

// give does nothing where nobody is root.
func give(string, string, User, User) error { return nil }
