package config

import (
	"encoding/json"
	"maps"
	"strings"
)

// node is a value of a layer. Nodes are shared between trees and are not
// changed once they are made.
type node struct {
	kind   kind // never amount, percent or size: as it is written, text or number
	text   string
	truth  bool
	number int64
	fields map[string]*node // object and dictionary
	items  []*node          // list

	origin Origin // in a file: where the name stands; of an element, the value
	line   int    // in a file: where the value stands
	column int
}

// at returns the place of the value itself, for problems with it.
func (n *node) at() Origin {
	o := n.origin
	if o.File != "" {
		o.Line, o.Column = n.line, n.column
	}
	return o
}

// isObject reports whether the node has fields.
func (n *node) isObject() bool { return n.kind == object || n.kind == dictionary }

// field returns the field at a path such as "storage.bucket", or nil.
func (n *node) field(path string) *node {
	for name := range strings.SplitSeq(path, ".") {
		if n == nil {
			return nil
		}
		n = n.fields[name]
	}
	return n
}

// with returns a copy that has the field at a path. Objects on the way that do
// not exist are made, with the origin of value.
func (n *node) with(path string, value *node) *node {
	c := *n
	c.fields = maps.Clone(n.fields)
	if c.fields == nil {
		c.fields = map[string]*node{}
	}
	name, rest, deeper := strings.Cut(path, ".")
	if deeper {
		child := n.fields[name]
		if child == nil {
			child = &node{kind: object, origin: value.origin, line: value.line, column: value.column}
		}
		value = child.with(rest, value)
	}
	c.fields[name] = value
	return &c
}

// without returns a copy that lacks the field at a path.
func (n *node) without(path string) *node {
	name, rest, deeper := strings.Cut(path, ".")
	child := n.fields[name]
	if child == nil {
		return n
	}
	if deeper {
		return n.with(name, child.without(rest))
	}
	c := *n
	c.fields = maps.Clone(n.fields)
	delete(c.fields, name)
	return &c
}

// merge lays over onto base: objects deep, everything else replaced. Either
// may be nil. A merged object keeps the origin of its base, unless that is a
// default.
func merge(base, over *node) *node {
	switch {
	case over == nil:
		return base
	case base == nil || !base.isObject() || !over.isObject():
		return over
	}
	m := *base
	if base.origin.rank == fromDefault {
		m = *over
	}
	m.fields = maps.Clone(base.fields)
	if m.fields == nil {
		m.fields = map[string]*node{}
	}
	for name, value := range over.fields {
		m.fields[name] = merge(base.fields[name], value)
	}
	return &m
}

// MarshalJSON returns the value without its origin.
func (n *node) MarshalJSON() ([]byte, error) {
	switch {
	case n.isObject():
		return json.Marshal(n.fields)
	case n.kind == list:
		return json.Marshal(n.items)
	case n.kind == truth:
		return json.Marshal(n.truth)
	case n.kind == number:
		return json.Marshal(n.number)
	default:
		return json.Marshal(n.text)
	}
}
