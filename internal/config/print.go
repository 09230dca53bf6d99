package config

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Value is one value of the result, as `pandastack config` prints it.
type Value struct {
	// Path is the place in the file, or the name of a setting that is not
	// part of it.
	Path string `json:"path"`
	// Value is a string, a bool, an int64, or an empty list or map. Secrets are
	// "(set)".
	Value any `json:"value"`
	// Origin is where it comes from.
	Origin string `json:"origin"`
}

// Values returns all values that are set: first those of the file, in the
// order of its fields, then the settings that are not part of it.
func (r *Resolved) Values() []Value {
	var values []Value
	for _, l := range leaves(r.tree, fileShape, "", false) {
		values = append(values, Value{l.path, r.conceal(l.value()), l.node.origin.String()})
	}
	for _, s := range settings {
		if _, origin, ok := Find(s.Name, r.layers...); ok && s.Path == "" {
			value, _ := r.Setting(s.Name)
			values = append(values, Value{s.Name, settingValue(s, value), origin.String()})
		}
	}
	return values
}

// conceal hides the secrets of this run where a text, such as a build command
// that a workflow composed, repeats them.
func (r *Resolved) conceal(value any) any {
	shown, ok := value.(string)
	if !ok {
		return value
	}
	for _, s := range settings {
		if secret := r.Secret(s.Name).Reveal(); s.Secret && secret != "" {
			shown = strings.ReplaceAll(shown, secret, hidden)
		}
	}
	return shown
}

func settingValue(s Setting, value string) any {
	if s.Switch {
		return value == "true"
	}
	return value
}

// WriteText writes the values as aligned columns: path, value as JSON, origin.
func (r *Resolved) WriteText(w io.Writer) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, v := range r.Values() {
		fmt.Fprintf(columns, "%s\t%s\t%s\n", v.Path, inJSON(v.Value), v.Origin)
	}
	return columns.Flush()
}

// inJSON returns a value as JSON in one line, without HTML escapes.
func inJSON(value any) string {
	if value == hidden {
		return hidden
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil { // strings, bools, numbers, and what is empty: cannot be
		return fmt.Sprint(value)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// WriteJSON writes {"environment": …, "values": [{"path", "value", "origin"}]}.
func (r *Resolved) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Environment string  `json:"environment,omitempty"`
		Values      []Value `json:"values"`
	}{r.Environment, r.Values()})
}

// leaf is a node and its path.
type leaf struct {
	path string
	node *node
}

// leaves returns the values below n in a stable order: fields as the type has
// them, entries by name. With inner also the objects and lists themselves.
func leaves(n *node, s *shape, path string, inner bool) []leaf {
	var below []leaf
	switch {
	case n.kind == object:
		if s.single {
			s = s.elem
		}
		for _, f := range s.fields {
			if child := n.fields[f.name]; child != nil {
				below = append(below, leaves(child, f.shape, join(path, f.name), inner)...)
			}
		}
	case n.kind == dictionary:
		for _, name := range slices.Sorted(maps.Keys(n.fields)) {
			below = append(below, leaves(n.fields[name], s.elem, join(path, name), inner)...)
		}
	case n.kind == list:
		for i, item := range n.items {
			below = append(below, leaves(item, s.elem, fmt.Sprintf("%s[%d]", path, i), inner)...)
		}
	}
	if len(below) == 0 && path != "" || inner {
		return append([]leaf{{path, n}}, below...)
	}
	return below
}

// value returns what is printed for the node.
func (l leaf) value() any {
	switch l.node.kind {
	case object, dictionary:
		return map[string]string{}
	case list:
		return []string{}
	case truth:
		return l.node.truth
	case number:
		return l.node.number
	}
	if name, ok := strings.CutPrefix(l.path, "buildEnv."); ok && secretName(name) {
		return hidden
	}
	return l.node.text
}

// secretName reports whether a variable is likely to hold a secret, by the
// words in its name.
func secretName(name string) bool {
	name = strings.ToUpper(name)
	return slices.ContainsFunc([]string{"TOKEN", "SECRET", "PASSW", "CREDENTIAL", "KEY", "AUTH"}, func(word string) bool {
		return strings.Contains(name, word)
	})
}
