package config

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// kind is what a value of the file is.
type kind int

const (
	text       kind = iota // a string
	truth                  // true or false
	number                 // a whole number from 0
	amount                 // a number, or a percentage
	percent                // a percentage, as a string
	size                   // a number of bytes, or a size in words
	object                 // fields with known names
	dictionary             // fields with any names
	list
)

// String returns the kind in words, as messages have it.
func (k kind) String() string {
	return [...]string{"a string", "true or false", "a whole number", "a count or percentage", "a percentage", "a size", "an object", "an object", "a list"}[k]
}

// inWords reports whether a value may be a string, inDigits whether it may be
// a number.
func (k kind) inWords() bool  { return k == text || k == amount || k == percent || k == size }
func (k kind) inDigits() bool { return k == number || k == amount || k == size }

// shape is what the file may hold at one place. It comes from the Go types by
// reflection, so that the two cannot differ.
type shape struct {
	kind    kind
	choices []string // text: the only values; nil: any
	rule    rule     // in words: what a value must be
	most    int64    // in digits: the largest value
	pair    pairRule // dictionary of texts
	fields  []field  // object, in the order of the type
	elem    *shape   // list and dictionary
	least   int64    // in digits: the smallest value
	short   string   // object: the field that a text in its place stands for; "": none may
	single  bool     // list: one element may stand for a list of it
}

type field struct {
	name     string
	required bool
	shape    *shape
}

// fileShape is pandastack.json, environmentShape a block of environments:
// the same fields but for sameEverywhere.
var fileShape, environmentShape = configShapes()

// sameEverywhere are the fields that no environment can change.
var sameEverywhere = []string{"$schema", "type", "environments"}

func configShapes() (file, environment *shape) {
	environment = &shape{kind: object}
	file = objectShape(reflect.TypeFor[Config](), environment)
	for _, f := range file.fields {
		if !slices.Contains(sameEverywhere, f.name) {
			environment.fields = append(environment.fields, f)
		}
	}
	return file, environment
}

// objectShape returns the shape of a struct. A Config inside it is an
// environment.
func objectShape(t reflect.Type, environment *shape) *shape {
	s := &shape{kind: object}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		options := strings.Split(f.Tag.Get("jsonschema"), ",")
		value := valueShape(f.Type, environment)
		value.choices = choices(options)
		value.bound(options)
		value.bind(t.Name() + "." + f.Name)
		s.fields = append(s.fields, field{name, slices.Contains(options, "required"), value})
	}
	return s
}

func valueShape(t reflect.Type, environment *shape) *shape {
	switch t {
	case reflect.TypeFor[Amount]():
		return &shape{kind: amount, rule: rule{check: checkAmount}, most: math.MaxInt32}
	case reflect.TypeFor[Percent]():
		return &shape{kind: percent, rule: rule{check: checkPercent}}
	case reflect.TypeFor[Size]():
		return &shape{kind: size, rule: rule{check: checkSize}, most: math.MaxInt64}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return valueShape(t.Elem(), environment)
	case reflect.Bool:
		return &shape{kind: truth}
	case reflect.Int:
		return &shape{kind: number, most: math.MaxInt32} // what an int holds on every machine
	case reflect.Slice:
		return &shape{kind: list, elem: valueShape(t.Elem(), environment), single: t.Elem() == reflect.TypeFor[CDN]()}
	case reflect.Map:
		return &shape{kind: dictionary, elem: valueShape(t.Elem(), environment)}
	case reflect.Struct:
		if t == reflect.TypeFor[Config]() {
			return environment
		}
		s := objectShape(t, environment)
		if t == reflect.TypeFor[Proof]() {
			s.short = "mode"
		}
		return s
	default:
		return &shape{kind: text}
	}
}

// bind attaches the rules of the Go field, "Storage.Prefix", to its shape or
// to the elements of its list or dictionary.
func (s *shape) bind(goField string) {
	s.pair = pairRules[goField]
	if s.elem != nil {
		s = s.elem
	}
	if r, ok := rules[goField]; ok {
		s.rule = r
	}
}

// bound takes over what the schema says of a number.
func (s *shape) bound(options []string) {
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		switch {
		case err != nil:
		case name == "minimum":
			s.least = n
		case name == "maximum":
			s.most = n
		}
	}
}

func choices(options []string) (values []string) {
	for _, o := range options {
		if value, ok := strings.CutPrefix(o, "enum="); ok {
			values = append(values, value)
		}
	}
	return values
}

// field returns the shape of a field, and whether there is one.
func (s *shape) field(name string) (*shape, bool) {
	i := slices.IndexFunc(s.fields, func(f field) bool { return f.name == name })
	if i < 0 {
		return nil, false
	}
	return s.fields[i].shape, true
}

// names returns the names of the fields.
func (s *shape) names() []string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	return names
}

// at returns the shape at a path such as "storage.bucket". A list that one
// element may stand for is passed through. Nil: no such path.
func (s *shape) at(path string) *shape {
	for name := range strings.SplitSeq(path, ".") {
		if s.single {
			s = s.elem
		}
		var ok bool
		if s, ok = s.field(name); !ok {
			return nil
		}
	}
	return s
}

// StorageProviders returns the names that storage.provider may have.
func StorageProviders() []string { return slices.Clone(fileShape.at("storage.provider").choices) }

// CDNProviders returns the names that cdn.provider may have.
func CDNProviders() []string { return slices.Clone(fileShape.at("cdn.provider").choices) }
