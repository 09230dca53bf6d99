package build

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// manager is a package manager for Node.js.
type manager struct {
	name   string
	locks  []string // names of its lock file, the one that counts first
	frozen string   // installs what the lock file says, or fails
	loose  string   // installs without a lock file
	berry  bool     // yarn 2 and later
}

// The managers. Where a directory has the lock files of several and
// packageManager names none, the first of this list counts: an npm install in
// a project of another manager leaves a package-lock.json behind, rarely the
// other way round.
var (
	bun         = manager{"bun", []string{"bun.lock", "bun.lockb"}, "bun install --frozen-lockfile", "bun install", false}
	pnpm        = manager{"pnpm", []string{"pnpm-lock.yaml"}, "pnpm install --frozen-lockfile", "pnpm install --no-frozen-lockfile", false}
	yarnClassic = manager{"yarn", []string{"yarn.lock"}, "yarn install --frozen-lockfile", "yarn install", false}
	yarnBerry   = manager{"yarn", []string{"yarn.lock"}, "yarn install --immutable", "yarn install --no-immutable", true}
	npm         = manager{"npm", []string{"npm-shrinkwrap.json", "package-lock.json"}, "npm ci", "npm install", false}

	managers = []manager{bun, pnpm, yarnClassic, npm}
)

// packageJSON is what we read of package.json.
type packageJSON struct {
	PackageManager       string            `json:"packageManager"`
	Workspaces           workspaces        `json:"workspaces"`
	Engines              json.RawMessage   `json:"engines"` // an object; in old packages a list
	Dependencies         map[string]string `json:"dependencies"`
	DevDependencies      map[string]string `json:"devDependencies"`
	OptionalDependencies map[string]string `json:"optionalDependencies"`
	PeerDependencies     map[string]string `json:"peerDependencies"`
}

// workspaces is a list of patterns, or yarn classic's object that holds one.
type workspaces []string

// UnmarshalJSON accepts both forms.
func (w *workspaces) UnmarshalJSON(b []byte) error {
	var list []string
	if err := json.Unmarshal(b, &list); err == nil {
		*w = list
		return nil
	}
	var object struct {
		Packages []string `json:"packages"`
	}
	if err := json.Unmarshal(b, &object); err != nil {
		return err
	}
	*w = object.Packages
	return nil
}

// readPackage returns nil where dir has no package.json.
func readPackage(dir string) (*packageJSON, error) {
	path := filepath.Join(dir, "package.json")
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := new(packageJSON)
	if err := json.Unmarshal([]byte(strings.TrimPrefix(string(b), "\ufeff")), p); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// project is a directory with a package.json and what installs its packages.
type project struct {
	dir     string // of package.json
	pkg     *packageJSON
	root    string // of the workspace: where the lock file lies and the install runs
	rootPkg *packageJSON
	manager manager
	version string // of the manager, from packageManager; may be empty
	lock    string // name of the lock file in root; empty: none
	pinned  bool   // packageManager names the manager
	warning string // what a person should know about the choice
}

// command is the manager's own command to install.
func (p *project) command() string {
	if p.lock == "" {
		return p.manager.loose
	}
	return p.manager.frozen
}

// findProject returns nil where dir has no package.json: nothing is to be
// installed. Lock files are looked for in dir and, where dir is part of a
// workspace, in the workspace's root at or below top.
func findProject(dir, top string) (*project, error) {
	pkg, err := readPackage(dir)
	if pkg == nil || err != nil {
		return nil, err
	}
	p := &project{dir: dir, pkg: pkg, root: dir, rootPkg: pkg}
	if len(locksIn(dir)) == 0 {
		if err := p.findWorkspace(top); err != nil {
			return nil, err
		}
	}
	p.choose()
	return p, nil
}

// findWorkspace sets root to the nearest directory above dir whose workspace
// holds dir.
func (p *project) findWorkspace(top string) error {
	for dir := p.dir; dir != top && within(dir, top); {
		dir = filepath.Dir(dir)
		pkg, err := readPackage(dir)
		if err != nil {
			return err
		}
		member, err := isMember(dir, p.dir, pkg)
		if err != nil {
			return err
		}
		if member {
			p.root, p.rootPkg = dir, pkg
			return nil
		}
	}
	return nil
}

// choose decides on the manager and its lock file.
func (p *project) choose() {
	found := locksIn(p.root)
	field := first(p.pkg.PackageManager, p.rootPkg.PackageManager)
	name, version, _ := strings.Cut(field, "@")
	version, _, _ = strings.Cut(version, "+") // a hash may follow
	i := slices.IndexFunc(managers, func(m manager) bool { return m.name == name })
	switch {
	case i >= 0:
		p.manager, p.version, p.pinned = managers[i], version, true
		if !slices.ContainsFunc(found, func(m manager) bool { return m.name == name }) && len(found) > 0 {
			p.warning = fmt.Sprintf("package.json names %s, but the lock file is %s's: it is not used", field, found[0].name)
		}
	case len(found) > 0:
		p.manager = found[0]
		if len(found) > 1 {
			p.warning = fmt.Sprintf("lock files of %s: %s is used, because package.json has no packageManager", names(found), p.manager.name)
		}
	default:
		p.manager = npm
	}
	p.lock = lockOf(p.root, p.manager)
	if p.manager.name == "yarn" && p.isBerry() {
		p.manager = yarnBerry
	}
	if p.lock == "" && p.warning == "" {
		p.warning = "there is no lock file: every build may get other versions of its packages"
	}
}

func names(list []manager) string {
	var out []string
	for _, m := range list {
		out = append(out, m.name)
	}
	return strings.Join(out, " and ")
}

// locksIn returns the managers whose lock files lie in dir.
func locksIn(dir string) []manager {
	var out []manager
	for _, m := range managers {
		if lockOf(dir, m) != "" {
			out = append(out, m)
		}
	}
	return out
}

func lockOf(dir string, m manager) string {
	for _, name := range m.locks {
		if exists(filepath.Join(dir, name)) {
			return name
		}
	}
	return ""
}

// isBerry tells yarn 2 and later from yarn 1: by the version that is asked for,
// else by the lock file (only yarn 1 says "yarn lockfile v1"), else by the
// settings file that only the later ones have.
func (p *project) isBerry() bool {
	if p.version != "" {
		return !strings.HasPrefix(p.version, "1.") && !strings.HasPrefix(p.version, "0.") && p.version != "1"
	}
	b, err := os.ReadFile(filepath.Join(p.root, "yarn.lock"))
	if err == nil && len(b) > 0 {
		return !strings.Contains(string(b[:min(len(b), 512)]), "yarn lockfile v1")
	}
	return exists(filepath.Join(p.root, ".yarnrc.yml"))
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
