package build

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
)

// errNotFresh says that node_modules is not, or not surely, what package.json
// and the lock file ask for.
var errNotFresh = errors.New("node_modules is not up to date")

// upToDate reports whether node_modules holds what package.json and the lock
// file ask for, as the manager's own record of its last install tells. Whatever
// is not certain counts as no: then the manager itself looks.
func (p *project) upToDate() bool {
	if p.lock == "" || !exists(filepath.Join(p.root, "node_modules")) {
		return false
	}
	switch {
	case p.manager.berry, p.manager.name == "bun":
		// Their records do not tell which packages another platform would get,
		// and with everything in place they are done in a second.
		return false
	case p.manager.name == "npm":
		return p.npmFresh() == nil
	case p.manager.name == "pnpm":
		return p.pnpmFresh() == nil
	default:
		return p.classicFresh() == nil
	}
}

// packages are all package.json files of the workspace, by their directory
// relative to root in the form of lock files: "" is root itself.
func (p *project) packages() (map[string]*packageJSON, error) {
	dirs, err := members(p.root, p.rootPkg)
	if err != nil {
		return nil, err
	}
	if rel, err := filepath.Rel(p.root, p.dir); err == nil && rel != "." {
		dirs = append(dirs, filepath.ToSlash(rel))
	}
	all := map[string]*packageJSON{"": p.rootPkg}
	for _, dir := range dirs {
		pkg, err := readPackage(filepath.Join(p.root, filepath.FromSlash(dir)))
		if err != nil {
			return nil, err
		}
		if pkg != nil {
			all[dir] = pkg
		}
	}
	return all, nil
}

// npmPackage is an entry of package-lock.json.
// https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json
type npmPackage struct {
	Version              string            `json:"version"`
	Resolved             string            `json:"resolved"`
	Integrity            string            `json:"integrity"`
	Link                 bool              `json:"link"`
	Optional             bool              `json:"optional"`
	DevOptional          bool              `json:"devOptional"`
	Dependencies         map[string]string `json:"dependencies"`
	DevDependencies      map[string]string `json:"devDependencies"`
	OptionalDependencies map[string]string `json:"optionalDependencies"`
	PeerDependencies     map[string]string `json:"peerDependencies"`
}

// npmFresh compares the lock file with the hidden one that npm leaves in
// node_modules: each package must be there, in that version, and no other.
// Optional packages may be absent, since they depend on the platform.
func (p *project) npmFresh() error {
	want, err := readNpmLock(filepath.Join(p.root, p.lock))
	if err != nil {
		return err
	}
	have, err := readNpmLock(filepath.Join(p.root, "node_modules", ".package-lock.json"))
	if err != nil {
		return err
	}
	packages, err := p.packages()
	if err != nil {
		return err
	}
	for dir, pkg := range packages {
		entry, ok := want[dir]
		if !ok || !entry.asksFor(pkg) {
			return errNotFresh
		}
	}
	delete(want, "") // the hidden file has no entry for the root
	return p.npmSame(want, have)
}

// npmSame compares what the lock file lists with what was installed.
func (p *project) npmSame(want, have map[string]npmPackage) error {
	for key, w := range want {
		h, ok := have[key]
		switch {
		case !ok && (w.Optional || w.DevOptional):
		case !ok, h.Version != w.Version, h.Resolved != w.Resolved, h.Integrity != w.Integrity, h.Link != w.Link:
			return errNotFresh
		case !exists(filepath.Join(p.root, filepath.FromSlash(key))):
			return errNotFresh
		}
	}
	for key := range have {
		if _, ok := want[key]; !ok {
			return errNotFresh
		}
	}
	return nil
}

// asksFor reports whether a package's own entry in the lock file has the
// dependencies of its package.json.
func (e npmPackage) asksFor(pkg *packageJSON) bool {
	return maps.Equal(e.Dependencies, withoutOptional(pkg)) &&
		maps.Equal(e.DevDependencies, pkg.DevDependencies) &&
		maps.Equal(e.OptionalDependencies, pkg.OptionalDependencies) &&
		maps.Equal(e.PeerDependencies, pkg.PeerDependencies)
}

// withoutOptional returns the dependencies that are not listed as optional,
// too: the latter overrides.
func withoutOptional(pkg *packageJSON) map[string]string {
	out := maps.Clone(pkg.Dependencies)
	for name := range pkg.OptionalDependencies {
		delete(out, name)
	}
	return out
}

func readNpmLock(path string) (map[string]npmPackage, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var lock struct {
		Packages map[string]npmPackage `json:"packages"`
	}
	if err := json.Unmarshal(b, &lock); err != nil {
		return nil, err
	}
	if lock.Packages == nil {
		return nil, errNotFresh // the first lock file format has no such list
	}
	return lock.Packages, nil
}
