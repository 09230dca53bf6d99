package site

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// ownSegment is where releases live in the bucket. No path of a site may have
// it: it would overwrite, or expose, the state.
const ownSegment = ".pandastack"

const (
	whyEnv     = "environment files hold secrets"
	whyToken   = "it may hold passwords or access tokens"
	whyKey     = "its name is that of a private key"
	whyRepo    = "it is the history of the source code"
	whyModules = "it holds the dependencies of the build"
	whyOwn     = "this name belongs to the deploy's own state"
	whyConfig  = "it is the configuration of the deploy"
	whyPEM     = "it holds a private key"
	whyLFS     = "it is a Git LFS pointer, not the file itself: fetch it first (git lfs pull, or lfs: true in actions/checkout)"
)

// secretNames are refused at any depth, in any case, as files and as
// directories.
var secretNames = map[string]string{
	".npmrc": whyToken, ".yarnrc": whyToken, ".yarnrc.yml": whyToken, ".pypirc": whyToken,
	".netrc": whyToken, "_netrc": whyToken, ".pgpass": whyToken, ".htpasswd": whyToken,
	".git-credentials": whyToken, ".dockercfg": whyToken,
	".aws": whyToken, ".azure": whyToken, ".docker": whyToken, ".kube": whyToken,

	"id_rsa": whyKey, "id_dsa": whyKey, "id_ecdsa": whyKey, "id_ed25519": whyKey,
	".ssh": whyKey, ".gnupg": whyKey,

	".git": whyRepo, ".hg": whyRepo, ".svn": whyRepo,
	"node_modules": whyModules,
}

// keyExtensions are those of key stores and private keys. A .key may also be a
// Keynote presentation and is judged by its content.
var keyExtensions = []string{".p12", ".pfx", ".jks", ".keystore", ".ppk"}

// refusedName returns why a segment of a path is refused, or nothing.
func refusedName(seg string) string {
	seg = strings.ToLower(seg)
	switch ext := path.Ext(seg); {
	case seg == ownSegment:
		return whyOwn
	case strings.HasPrefix(seg, ".env"): // .env.local, .envrc
		return whyEnv
	case slices.Contains(keyExtensions, ext):
		return whyKey
	}
	return secretNames[seg]
}

var privateKey = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY`)

// refusedContent returns why a file is refused for what it holds, judged by
// its first KiB, or nothing. A certificate, and a page that quotes a key, are
// published: outside of .pem and its like only a file that begins with a
// private key is refused.
func refusedContent(p string, head []byte, size int64) string {
	at := privateKey.FindIndex(head)
	switch ext := strings.ToLower(path.Ext(p)); {
	case ext == ".key" && !bytes.HasPrefix(head, []byte("PK\x03\x04")): // not Keynote, which is a ZIP
		return whyKey
	case at != nil && (at[0] == 0 || ext == ".pem" || ext == ".crt" || ext == ".cer"):
		return whyPEM
	// The size is the limit of git-lfs' docs/spec.md.
	case size < 1024 && bytes.HasPrefix(head, []byte("version https://git-lfs.github.com/spec/v1\n")):
		return whyLFS
	}
	return ""
}

// badName returns why no object can have this name, or nothing.
func badName(name string) string {
	switch {
	case !utf8.ValidString(name):
		return "its name is not valid UTF-8: rename it"
	case strings.ContainsRune(name, '\\'):
		return "a backslash in its name would be read as a slash: rename it"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "there is a control character in its name: rename it"
	}
	return ""
}

// refusals collects what a scan refuses. It is safe for concurrent use.
type refusals struct {
	mu   sync.Mutex
	list []Refusal
}

// add refuses rel; where allowed, a `!` pattern may publish it all the same.
func (r *refusals) add(rel, why string, isDir, allowed bool) {
	f := Refusal{Path: rel, Why: why, Ignore: exactly(rel, isDir)}
	if isDir {
		f.Path += "/"
	}
	if allowed {
		f.Include = "!" + f.Ignore
	}
	if !utf8.ValidString(rel) { // JSON cannot write it
		f.Ignore, f.Include = "", ""
	}
	r.put(f)
}

func (r *refusals) put(f Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, f)
}

// err returns nil where nothing was refused.
func (r *refusals) err() error {
	if len(r.list) == 0 {
		return nil
	}
	slices.SortFunc(r.list, func(a, b Refusal) int { return strings.Compare(a.Path, b.Path) })
	return &RefusedError{Refusals: r.list[:min(len(r.list), MaxRefusals)], Total: len(r.list)}
}
