// Package framework guesses how a site is built from the files of its
// repository, for pandastack init. It reads and never writes.
package framework

import (
	"errors"
	"io/fs"
)

// Confidence says how sure a guess is.
type Confidence string

// The confidences.
const (
	High Confidence = "high" // files say so
	Low  Confidence = "low"  // by the look of it: ask
)

// ErrUnknown says that nothing that can be deployed was recognised.
var ErrUnknown = errors.New("no site was recognised: no package.json with a known generator, no Hugo or Jekyll configuration, no index.html")

// Guess is what a repository seems to be.
type Guess struct {
	// Framework is its name in lower case, for example "vite"; Title as its
	// makers write it.
	Framework string
	Title     string
	// PackageManager is npm, pnpm, yarn or bun; empty without package.json.
	PackageManager string
	// BuildCommand is for pandastack.json. Empty: nothing is to be built.
	BuildCommand string
	// OutputDir is where the build leaves the site, with forward slashes.
	OutputDir string
	// Evidence are the files that made us think so, most telling first.
	Evidence   []string
	Confidence Confidence
	// Notes are sentences for the user: what could not be read with
	// certainty, and what the framework needs before it can be deployed.
	Notes []string
	// Submodules says that the repository has git submodules.
	Submodules bool
}

// detector recognises one framework. It returns false where it is not it.
type detector func(*repo) (Guess, bool)

// detectors are tried in this order, the more specific first: Hugo, whose
// configuration file nothing else has (its sites may well use Vite for their
// styles); what is built on Vite before Vite; what depends on a generator
// before Jekyll, whose _config.yml others have, too; and any generator before
// plain HTML.
var detectors = []detector{
	hugo, docusaurus, vitepress, astro, nuxt, sveltekit, next, gatsby, eleventy, hexo,
	createReactApp, vite, jekyll, plain,
}

// Detect guesses what the repository fsys holds, from its top directory. It
// returns ErrUnknown where it has no idea, and an error that names the file
// where one cannot be read or parsed.
func Detect(fsys fs.FS) (Guess, error) {
	r, err := open(fsys)
	if err != nil {
		return Guess{}, err
	}
	for _, d := range detectors {
		g, ok := d(r)
		if r.err != nil {
			return Guess{}, r.err
		}
		if ok {
			if r.pkg != nil {
				g.PackageManager = r.manager
			}
			g.Submodules = r.has(".gitmodules")
			return g, nil
		}
	}
	return Guess{}, ErrUnknown
}
