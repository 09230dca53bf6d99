package config

import (
	"strings"
	"time"
)

// Origin returns where the value at a path comes from, for example of
// "storage.bucket" or "headers[0].source". Of a path that is not set it is
// the origin of what would hold it.
func (r *Resolved) Origin(path string) Origin {
	if n := r.find(path); n != nil {
		return n.origin
	}
	return r.Origin(parent(path))
}

// Error returns a problem at the place of the value at a path, for what only
// later steps can tell. Hint may be empty.
func (r *Resolved) Error(path, msg, hint string) *Error {
	for r.find(path) == nil {
		path = parent(path)
	}
	return errorAt(r.find(path).at(), msg, hint)
}

// find returns the node at a path, or nil. The empty path is the whole.
func (r *Resolved) find(path string) *node {
	if path == "" {
		return r.tree
	}
	for _, v := range leaves(r.tree, fileShape, "", true) {
		if v.path == path {
			return v.node
		}
	}
	return nil
}

// parent drops the last step of a path.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// Setting returns the value of a setting that is not part of the file, or its
// default, and where it comes from. Of a secret it returns "(set)" or "".
func (r *Resolved) Setting(name string) (string, Origin) {
	value, origin, ok := Find(name, r.layers...)
	if s, _ := SettingNamed(name); s.Secret && ok {
		return hidden, origin
	}
	return value, origin
}

// Switch reports whether a setting that is true or false is true.
func (r *Resolved) Switch(name string) bool {
	value, _, _ := Find(name, r.layers...)
	return value == "true"
}

// Secret returns the value of a secret setting.
func (r *Resolved) Secret(name string) Secret {
	value, _, _ := Find(name, r.layers...)
	return Secret{value}
}

// BuildTimeout returns Config.BuildTimeout as a duration.
func (r *Resolved) BuildTimeout() time.Duration {
	d, _ := time.ParseDuration(r.Config.BuildTimeout) // Resolve checked it
	return d
}

// ProofTimeout returns Config.Proof.Timeout as a duration.
func (r *Resolved) ProofTimeout() time.Duration {
	d, _ := time.ParseDuration(r.Config.Proof.Timeout) // Resolve checked it
	return d
}

// KeepFor returns Config.Releases.KeepFor as a duration; 0: no release is kept
// for its age.
func (r *Resolved) KeepFor() time.Duration {
	d, _ := ParseAge(r.Config.Releases.KeepFor) // Resolve checked it; empty is 0
	return d
}

// RetainAssets returns Config.Releases.RetainAssets as a duration, 0 or more.
func (r *Resolved) RetainAssets() time.Duration {
	d, _ := ParseAge(r.Config.Releases.RetainAssets) // Resolve checked it
	return d
}

// LockTimeout returns the setting lock-timeout as a duration, 0 or more.
func (r *Resolved) LockTimeout() time.Duration {
	value, _, _ := Find("lock-timeout", r.layers...)
	d, _ := time.ParseDuration(value) // its layer checked it
	return d
}

// hidden is printed in place of a secret.
const hidden = "(set)"

// Secret is a value that does not print itself.
type Secret struct{ value string }

// Reveal returns the value, for the one place that needs it.
func (s Secret) Reveal() string { return s.value }

// Set reports whether there is a value.
func (s Secret) Set() bool { return s.value != "" }

// String returns "(set)", or "" where there is no value.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return hidden
}

// GoString returns the same as String.
func (s Secret) GoString() string { return s.String() }

// MarshalText returns the same as String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
