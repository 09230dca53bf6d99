package build

import (
	"os"
	"os/exec"
	"path/filepath"
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// upward returns the nearest directory, from dir up to top, that holds name,
// or "". Where dir is not below top only dir is looked at.
func upward(dir, top, name string) string {
	for {
		if exists(filepath.Join(dir, name)) {
			return dir
		}
		parent := filepath.Dir(dir)
		if dir == top || parent == dir || !within(dir, top) {
			return ""
		}
		dir = parent
	}
}

// within reports whether dir is top or lies below it.
func within(dir, top string) bool {
	rel, err := filepath.Rel(top, dir)
	return err == nil && filepath.IsLocal(rel)
}

// lookPath finds a program on the PATH of env, or returns "".
func lookPath(env []string, name string) string {
	for _, dir := range filepath.SplitList(lookupEnv(env, "PATH")) {
		if !filepath.IsAbs(dir) {
			continue // an empty or relative entry depends on where one stands
		}
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}
