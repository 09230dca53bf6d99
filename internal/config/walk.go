package config

import (
	"fmt"
	"slices"

	"github.com/tailscale/hujson"
)

// walker compares a syntax tree with its shape.
type walker struct {
	*positions
	environment  string   // the block that the walk is in
	environments []string // blocks seen, in order
	problems     Errors
}

func (w *walker) add(o Origin, msg, hint string) {
	w.problems = append(w.problems, errorAt(o, msg, hint))
}

// origin returns the place of an offset, inside the current environment.
func (w *walker) origin(offset int) Origin {
	o := w.positions.origin(offset)
	if w.environment != "" {
		o.Environment, o.rank = w.environment, fromEnvironment
	}
	return o
}

// value returns the node of v, or nil where v is not of that shape. Path is
// how messages name it, key where its name stands.
func (w *walker) value(v *hujson.Value, s *shape, path string, key Origin) *node {
	at := w.origin(v.StartOffset)
	n := &node{kind: s.kind, origin: key, line: at.Line, column: at.Column}
	switch value := v.Value.(type) {
	case *hujson.Object:
		if s.single {
			return w.value(v, s.elem, path, key)
		}
		if s.kind == object || s.kind == dictionary {
			n.fields = w.members(value, s, path, at)
			return n
		}
	case *hujson.Array:
		if s.kind == list {
			n.items = w.items(value, s, path)
			return n
		}
	case hujson.Literal:
		if s.short != "" && value.Kind() == '"' {
			f, _ := s.field(s.short)
			n.fields = map[string]*node{s.short: w.value(v, f, path, key)}
			return n
		}
		if s.kind.inWords() && value.Kind() == '"' {
			n.kind, n.text = text, w.text(value.String(), s, path, at)
			return n
		}
		if s.kind.inDigits() && value.Kind() == '0' {
			n.kind, n.number = number, w.number(string(value), s, path, at)
			return n
		}
		if s.kind == truth && (value.Kind() == 't' || value.Kind() == 'f') {
			n.truth = value.Bool()
			return n
		}
	}
	w.illTyped(v, s, path, at)
	return nil
}

func (w *walker) items(a *hujson.Array, s *shape, path string) []*node {
	items := []*node{}
	for i := range a.Elements {
		e := &a.Elements[i]
		if n := w.value(e, s.elem, fmt.Sprintf("%s[%d]", path, i), w.origin(e.StartOffset)); n != nil {
			items = append(items, n)
		}
	}
	return items
}

// text checks a string and returns it in its normal form.
func (w *walker) text(value string, s *shape, path string, at Origin) string {
	if p := s.check(path, value); p != nil {
		w.add(at, p.msg, p.hint)
	}
	return s.normal(value)
}

// number checks a number and returns it.
func (w *walker) number(literal string, s *shape, path string, at Origin) int64 {
	n, p := parseNumber(literal, s.most)
	if p == nil && n < s.least {
		p = &problem{msg: "is too small", hint: fmt.Sprintf("The least is %d.", s.least)}
	}
	if p != nil {
		w.add(at, fmt.Sprintf("%q %s", path, p.msg), p.hint)
	}
	return n
}

func (w *walker) members(o *hujson.Object, s *shape, path string, at Origin) map[string]*node {
	fields := map[string]*node{}
	first := map[string]Origin{}
	for i := range o.Members {
		m := &o.Members[i]
		key := w.origin(m.Name.StartOffset)
		name := s.pair.normalName(m.Name.Value.(hujson.Literal).String())
		if f, ok := first[name]; ok {
			w.add(key, fmt.Sprintf("%q is set twice", name), fmt.Sprintf("It was set at %d:%d already: keep one of them.", f.Line, f.Column))
			continue
		}
		first[name] = key
		if n := w.member(&m.Value, name, s, join(path, name), key); n != nil {
			fields[name] = n
		}
	}
	for _, f := range s.fields {
		if _, ok := first[f.name]; f.required && !ok {
			w.add(at, fmt.Sprintf("%q is missing", join(path, f.name)), missingHint(f))
		}
	}
	return fields
}

func missingHint(f field) string {
	if len(f.shape.choices) == 1 {
		return fmt.Sprintf("Add %q: %q.", f.name, f.shape.choices[0])
	}
	return fmt.Sprintf("Add %q here.", f.name)
}

// member returns the node of one field or entry.
func (w *walker) member(v *hujson.Value, name string, s *shape, path string, key Origin) *node {
	if s.kind == dictionary {
		return w.entry(v, name, s, path, key)
	}
	if f, ok := s.field(name); ok {
		return w.value(v, f, path, key)
	}
	if s == environmentShape && slices.Contains(sameEverywhere, name) {
		w.add(key, fmt.Sprintf("an environment cannot have %q", name), "It is the same in every environment: write it at the top of the file.")
		return nil
	}
	w.add(key, fmt.Sprintf("unknown field %q", path), unknownHint(name, s))
	return nil
}

// entry returns the node of one entry of a dictionary.
func (w *walker) entry(v *hujson.Value, name string, s *shape, path string, key Origin) *node {
	if s.elem == environmentShape {
		return w.block(v, name, path, key)
	}
	n := w.value(v, s.elem, path, key)
	if n == nil || s.pair.check == nil {
		return n
	}
	if p := s.pair.check(name, n.text); p != nil {
		if p.name {
			w.add(key, p.msg, p.hint)
		} else {
			w.add(n.at(), p.msg, p.hint)
		}
	}
	return n
}

// block returns the node of one environment.
func (w *walker) block(v *hujson.Value, name, path string, key Origin) *node {
	if name == "" {
		w.add(key, "an environment has no name", "Name it, for example staging.")
		return nil
	}
	w.environments = append(w.environments, name)
	w.environment = name
	defer func() { w.environment = "" }()
	return w.value(v, environmentShape, path, key)
}

// unknownHint names the nearest field here, or the place of the same field
// elsewhere, or all fields.
func unknownHint(name string, s *shape) string {
	if near := Nearest(name, s.names()); near != "" {
		return fmt.Sprintf("Did you mean %q?", near)
	}
	if near := Nearest(name, environmentShape.names()); near != "" {
		return fmt.Sprintf("Did you mean %q at the top of the file?", near)
	}
	for _, inside := range []string{"storage", "cdn", "purge", "proof", "releases", "guards"} {
		object := fileShape.at(inside)
		if object.single {
			object = object.elem
		}
		if near := Nearest(name, object.names()); near != "" {
			return fmt.Sprintf("Did you mean %q inside %q?", near, inside)
		}
	}
	return suggest(name, s.names(), "fields")
}

func (w *walker) illTyped(v *hujson.Value, s *shape, path string, at Origin) {
	got := map[hujson.Kind]string{'n': "null", 't': "true", 'f': "false", '"': "a string", '0': "a number", '{': "an object", '[': "a list"}[v.Value.Kind()]
	if path == "" {
		w.add(at, fmt.Sprintf("the file must hold an object, not %s", got), `Write at least {"type": "static", "outputDir": "dist"}.`)
		return
	}
	want := s.kind.String()
	if s.single {
		want = s.elem.kind.String() + " or " + want
	}
	if s.short != "" {
		want = text.String() + " or " + want
	}
	w.add(at, fmt.Sprintf("%q must be %s, not %s", path, want, got), typeHint(s.kind, s.single, got))
}

// typeHint says how a value of the wanted kind is written.
func typeHint(want kind, single bool, got string) string {
	switch {
	case got == "null":
		return "Leave the field out."
	case want == text && (got == "a list" || got == "an object"):
		return "Write one string in double quotes."
	case want == text:
		return "Write it in double quotes."
	case want == number:
		return "Write it in digits, without quotes."
	case want == amount:
		return `Write a count, for example 20, or a percentage in quotes, for example "50%".`
	case want == percent:
		return `Write it in quotes, for example "50%".`
	case want == size:
		return `Write it in quotes, for example "25MB", or as a number of bytes.`
	case want == truth:
		return "Write true or false, without quotes."
	case want == list && !single:
		return "Write it in square brackets."
	default:
		return "Write it in braces, with its fields."
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
