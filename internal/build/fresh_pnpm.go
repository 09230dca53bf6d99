package build

import (
	"bytes"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// pnpmImporter is what pnpm-lock.yaml says of one package.json.
type pnpmImporter struct {
	Dependencies         map[string]pnpmDependency `yaml:"dependencies"`
	DevDependencies      map[string]pnpmDependency `yaml:"devDependencies"`
	OptionalDependencies map[string]pnpmDependency `yaml:"optionalDependencies"`
}

type pnpmDependency struct {
	Specifier string `yaml:"specifier"`
}

// pnpmFresh compares the lock file with the copy that pnpm keeps of the last
// one that it installed in full, and package.json with what the lock file says
// of it.
func (p *project) pnpmFresh() error {
	want, err := os.ReadFile(filepath.Join(p.root, p.lock))
	if err != nil {
		return err
	}
	have, err := os.ReadFile(filepath.Join(p.root, "node_modules", ".pnpm", "lock.yaml"))
	if err != nil {
		return err
	}
	if !bytes.Equal(want, have) {
		return errNotFresh
	}
	var lock struct {
		Importers map[string]pnpmImporter `yaml:"importers"`
	}
	if err := yaml.Unmarshal(want, &lock); err != nil {
		return err
	}
	packages, err := p.packages()
	if err != nil {
		return err
	}
	for dir, pkg := range packages {
		if dir == "" {
			dir = "."
		}
		importer, ok := lock.Importers[dir]
		if !ok || !importer.asksFor(pkg) {
			return errNotFresh
		}
		if len(pkg.Dependencies)+len(pkg.DevDependencies) > 0 && !exists(filepath.Join(p.root, filepath.FromSlash(dir), "node_modules")) {
			return errNotFresh
		}
	}
	return nil
}

func (i pnpmImporter) asksFor(pkg *packageJSON) bool {
	return specifiersEqual(i.Dependencies, withoutOptional(pkg)) &&
		specifiersEqual(i.DevDependencies, pkg.DevDependencies) &&
		specifiersEqual(i.OptionalDependencies, pkg.OptionalDependencies)
}

func specifiersEqual(lock map[string]pnpmDependency, pkg map[string]string) bool {
	if len(lock) != len(pkg) {
		return false
	}
	for name, spec := range pkg {
		if lock[name].Specifier != spec {
			return false
		}
	}
	return true
}
