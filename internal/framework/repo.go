package framework

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxConfig bounds what is read of a configuration file.
const maxConfig = 1 << 20

// repo answers questions about a repository. The first error to read a file is
// kept.
type repo struct {
	fsys    fs.FS
	pkg     *packageJSON // nil: there is none
	manager string
	err     error
}

// packageJSON is what we read of package.json.
type packageJSON struct {
	PackageManager  string            `json:"packageManager"`
	Scripts         map[string]string `json:"scripts"`
	Dependencies    map[string]string `json:"dependencies"`
	DevDependencies map[string]string `json:"devDependencies"`
}

func open(fsys fs.FS) (*repo, error) {
	r := &repo{fsys: fsys}
	b, err := fs.ReadFile(fsys, "package.json")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r, nil
	case err != nil:
		return nil, err
	}
	r.pkg = new(packageJSON)
	if err := json.Unmarshal([]byte(strings.TrimPrefix(string(b), "\ufeff")), r.pkg); err != nil {
		return nil, fmt.Errorf("package.json: %w", err)
	}
	r.manager = r.findManager()
	return r, nil
}

// findManager is packageManager's, else that of the lock file, else npm. Of
// several lock files npm's counts last: it is the one left by mistake.
func (r *repo) findManager() string {
	name, _, _ := strings.Cut(r.pkg.PackageManager, "@")
	if slices.Contains([]string{"npm", "pnpm", "yarn", "bun"}, name) {
		return name
	}
	for _, l := range []struct{ lock, manager string }{
		{"bun.lock", "bun"}, {"bun.lockb", "bun"}, {"pnpm-lock.yaml", "pnpm"}, {"yarn.lock", "yarn"},
	} {
		if r.has(l.lock) {
			return l.manager
		}
	}
	return "npm"
}

// has reports whether the file or directory is there.
func (r *repo) has(name string) bool {
	_, err := fs.Stat(r.fsys, name)
	return err == nil
}

// dependsOn reports whether package.json asks for the package.
func (r *repo) dependsOn(name string) bool {
	if r.pkg == nil {
		return false
	}
	_, dep := r.pkg.Dependencies[name]
	_, dev := r.pkg.DevDependencies[name]
	return dep || dev
}

// config returns the first of the files NAME.EXT that is there, and its text
// without comments. Both are empty where none is.
func (r *repo) config(name string, exts ...string) (file, text string) {
	for _, ext := range exts {
		if file = name + "." + ext; r.has(file) {
			return file, uncomment(r.text(file), ext)
		}
	}
	return "", ""
}

// text returns the file's text; empty where it is not there or no text of a
// size that people write.
func (r *repo) text(file string) string {
	b, err := fs.ReadFile(r.fsys, file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && r.err == nil {
		r.err = err
	}
	if err != nil || len(b) > maxConfig {
		return ""
	}
	return string(b)
}

// scriptExts are the languages of configuration files that Node.js runs.
var scriptExts = []string{"js", "mjs", "cjs", "ts", "mts", "cts"}

// Comments: a mark inside a string is taken for one where white space stands
// before it, which only ever makes us less certain.
var (
	scriptComment = regexp.MustCompile(`(?s:/\*.*?\*/)|(?m:(^|\s)//.*$)`)
	hashComment   = regexp.MustCompile(`(?m)(^|\s)#.*$`)
)

func uncomment(text, ext string) string {
	if ext == "toml" || ext == "yml" || ext == "yaml" {
		return hashComment.ReplaceAllString(text, "$1")
	}
	return scriptComment.ReplaceAllString(text, "$1")
}

// setting returns what the pattern's only match in text gives as its last
// group, when it is a relative path inside the repository. It is empty where
// seen does not occur. certain is false where the setting is made, but not
// plainly: twice, by an expression, or to a path outside.
func setting(text string, pattern, seen *regexp.Regexp) (value string, certain bool) {
	found := pattern.FindAllStringSubmatch(text, -1)
	occurs := len(seen.FindAllStringIndex(text, -1))
	if occurs == 0 {
		return "", true
	}
	if len(found) != 1 || occurs != 1 {
		return "", false
	}
	value = cleanDir(found[0][len(found[0])-1])
	return value, value != ""
}

// cleanDir returns a directory inside the repository in its shortest form, or
// "" where dir is none: the repository itself, a path outside, an expression.
func cleanDir(dir string) string {
	if strings.ContainsAny(dir, "$`{}&|;<>*\\") {
		return ""
	}
	dir = path.Clean(dir)
	if !fs.ValidPath(dir) || dir == "." {
		return ""
	}
	return dir
}

// property matches NAME: 'value' of a script or of JSON.
func property(name string) *regexp.Regexp {
	return regexp.MustCompile(`\b` + name + `["']?\s*:\s*["']([^"'\n]+)["']`)
}

// mention matches the name as a word.
func mention(name string) *regexp.Regexp { return regexp.MustCompile(`\b` + name + `\b`) }

// build returns the command that builds with the tool: the package.json script
// that calls it, "build" before others, else the tool itself. script is the
// script's text, where there is one.
func (r *repo) build(tool, args string) (command, script string) {
	name := "build"
	if _, ok := r.pkg.Scripts[name]; !ok {
		name = r.scriptOf(tool, args)
	}
	if name == "" {
		return r.exec(strings.TrimSpace(tool + " " + args)), ""
	}
	return r.run(name), r.pkg.Scripts[name]
}

// scriptOf returns the name of the script that calls the tool with the
// argument, or "". "build" comes before others; those follow by name.
func (r *repo) scriptOf(tool, arg string) string {
	if r.pkg == nil {
		return ""
	}
	call := regexp.MustCompile(`(^|[\s/&;])` + regexp.QuoteMeta(tool) + `(\s|$)`)
	names := append([]string{"build"}, slices.Sorted(maps.Keys(r.pkg.Scripts))...)
	for _, name := range names {
		s := r.pkg.Scripts[name]
		if call.MatchString(s) && (arg == "" || slices.Contains(strings.Fields(s), arg)) && !isServing(s) {
			return name
		}
	}
	return ""
}

// isServing reports whether a script starts a server and would not end.
func isServing(script string) bool {
	for _, w := range strings.Fields(script) {
		switch strings.TrimLeft(w, "-") {
		case "dev", "serve", "start", "preview", "watch":
			return true
		}
	}
	return false
}

// run is how the package manager runs a script.
func (r *repo) run(script string) string {
	return r.manager + " run " + script
}

// exec is how the package manager runs a program of the site's packages.
func (r *repo) exec(line string) string {
	switch r.manager {
	case "pnpm":
		return "pnpm exec " + line
	case "yarn":
		return "yarn " + line
	case "bun":
		return "bunx " + line
	default:
		return "npx " + line
	}
}

// option returns the value of --name in a script, given as "--name value" or
// "--name=value", when it is a plain relative path.
func option(script string, names ...string) string {
	words := strings.Fields(script)
	for i, w := range words {
		for _, name := range names {
			value, ok := strings.CutPrefix(w, name+"=")
			if !ok && w == name && i+1 < len(words) {
				value, ok = words[i+1], true
			}
			if dir := cleanDir(strings.Trim(value, `"'`)); ok && dir != "" {
				return dir
			}
		}
	}
	return ""
}
