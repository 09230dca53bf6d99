package config

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Options are the layers that Resolve merges. Each may be nil.
type Options struct {
	Flags     *Layer // FromFlags
	Inputs    *Layer // FromInputs
	Variables *Layer // FromVariables
	File      *Layer // Parse
}

// given returns the layers that settings come from, strongest first.
func (o Options) given() []*Layer { return []*Layer{o.Flags, o.Inputs, o.Variables} }

// Defaults of the fields that have one.
const (
	defaultType         = "static"
	defaultRootDir      = "."
	defaultBuildTimeout = "1h"
	defaultKeep         = 10
	// A browser tab is seldom open for longer than a day without a new page.
	defaultRetainAssets = "24h"
	// Half a site is gone by mistake far more often than on purpose.
	defaultMaxDelete = "50%"
	defaultMaxShrink = "50%"
	// Enough to ask for a page of each kind; docs/proof.md says which.
	defaultProof        = "warn"
	defaultProofURLs    = 8
	defaultProofTimeout = "30s"
	// What docs/hosting.md sets up everywhere.
	defaultNotFound = "404.html"
)

// DefaultLocalPath is the directory of a local target that names none, and of
// a site without storage, relative to rootDir.
const DefaultLocalPath = ".pandastack/local"

// Resolved is the configuration of a run, and where each value comes from.
type Resolved struct {
	// Config is the result: merged, checked and in normal form. Prefixes
	// end in a slash, header names are canonical, and Environments and
	// Schema are empty. Releases, Purge, Proof, Guards.MaxDelete and
	// Guards.MaxShrink are set.
	Config Config
	// Environment is the environment block that was used. Empty: none.
	Environment string

	tree    *node
	layers  []*Layer
	options Options
}

// Resolve merges the layers and checks the result. Flags win over inputs,
// these over variables, these over the environment's block of the file, that
// over the rest of the file, and that over the defaults. Objects merge deep,
// lists replace.
func Resolve(o Options) (*Resolved, error) {
	name, origin, _ := Find("environment", o.given()...)
	return resolveIn(o, name, origin)
}

// In returns what the same layers give in another environment: what flags,
// inputs and variables say holds there, too. flag is the one that names it, for
// errors.
func (r *Resolved) In(environment, flag string) (*Resolved, error) {
	return resolveIn(r.options, environment, Origin{Source: "flag --" + flag, rank: fromFlag})
}

func resolveIn(o Options, environment string, origin Origin) (*Resolved, error) {
	r := &Resolved{layers: o.given(), options: o}
	tree, err := r.fileTree(o.File, environment, origin)
	if err != nil {
		return nil, err
	}
	for _, l := range []*Layer{o.Variables, o.Inputs, o.Flags} {
		tree = merge(tree, l.tree())
	}
	if o.File == nil { // what is missing is missing nowhere
		whole := *tree
		whole.origin = Origin{}
		tree = &whole
	}
	c := &checker{tree: tree}
	c.zone(o.given())
	c.storage()
	c.site()
	c.proof()
	if err := c.problems.orNil(); err != nil {
		return nil, err
	}
	r.tree = c.tree
	return r, r.decode()
}

// defaults returns the weakest layer.
func defaults() *node {
	root := &node{kind: object, origin: Origin{Source: "default"}}
	for path, value := range map[string]string{
		"type": defaultType, "rootDir": defaultRootDir, "buildTimeout": defaultBuildTimeout, "releases.retainAssets": defaultRetainAssets,
		"purge.notFound": defaultNotFound, "proof.mode": defaultProof, "proof.timeout": defaultProofTimeout,
		"guards.maxDelete": defaultMaxDelete, "guards.maxShrink": defaultMaxShrink,
	} {
		root = root.with(path, defaultText(value))
	}
	root = root.with("proof.urls", &node{kind: number, number: defaultProofURLs, origin: root.origin})
	return root.with("releases.keep", &node{kind: number, number: defaultKeep, origin: root.origin})
}

func defaultText(value string) *node {
	return &node{kind: text, text: value, origin: Origin{Source: "default"}}
}

// fileTree merges the defaults, the file and the environment's block of it.
func (r *Resolved) fileTree(file *Layer, name string, origin Origin) (*node, error) {
	if file == nil {
		file = &Layer{}
	}
	tree := merge(defaults(), file.root)
	if name == "" {
		return tree, nil
	}
	block, ok := file.environments[name]
	if !ok {
		return nil, Errors{unknownEnvironment(name, origin, file.order)}
	}
	r.Environment = name
	return merge(tree, block), nil
}

func unknownEnvironment(name string, origin Origin, known []string) *Error {
	if len(known) == 0 {
		return errorAt(origin, fmt.Sprintf("unknown environment %q: the file has none", name), `Add it to "environments".`)
	}
	hint := `Choose one of them, or add it to "environments".`
	if near := Nearest(name, known); near != "" {
		hint = fmt.Sprintf("Did you mean %q?", near)
	}
	return errorAt(origin, fmt.Sprintf("unknown environment %q: the file has %s", name, strings.Join(known, ", ")), hint)
}

// tree returns the values that are part of the file, but for the zone.
func (l *Layer) tree() *node {
	if l == nil {
		return nil
	}
	var root *node
	for _, s := range settings {
		g, ok := l.given[s.Name]
		if !ok || s.Path == "" || s.Name == zoneSetting {
			continue
		}
		if root == nil {
			root = &node{kind: object, origin: g.origin}
		}
		value := fileShape.at(s.Path).normal(g.value)
		root = root.with(s.Path, &node{kind: text, text: value, origin: g.origin})
	}
	return root
}

// decode fills Config from the tree, which has the types of Config.
func (r *Resolved) decode() error {
	tree := r.tree.without("$schema")
	if cdn := tree.fields["cdn"]; cdn != nil && cdn.kind == object {
		tree = tree.with("cdn", &node{kind: list, items: []*node{cdn}, origin: cdn.origin})
	}
	r.tree = tree
	data, err := json.Marshal(tree)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, &r.Config)
}
