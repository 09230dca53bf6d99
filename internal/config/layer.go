package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Layer is the values that one place gives, each with its origin. A nil Layer
// gives none.
type Layer struct {
	root         *node            // values of the file
	environments map[string]*node // blocks of the file
	order        []string         // names of the blocks, as they stand in the file
	given        map[string]given // values of settings, by name
}

type given struct {
	value  string
	origin Origin
}

// FromFlags returns the layer of the flags that the user gave, by the name of
// their setting. Unlike inputs and variables, an empty value overrides.
func FromFlags(values map[string]string) (*Layer, error) {
	var problems Errors
	layer := &Layer{given: map[string]given{}}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		s, ok := SettingNamed(name)
		if !ok || s.NoFlag {
			problems = append(problems, &Error{Source: "flag --" + name, Msg: "unknown flag", Hint: flagHint(s)})
			continue
		}
		problems = append(problems, layer.add(s, values[name], Origin{Source: "flag --" + name, rank: fromFlag})...)
	}
	return layer.orErrors(problems)
}

func flagHint(s Setting) string {
	if s.Variable == "" {
		return "See --help."
	}
	return "Give it as the variable " + s.Variable + ", which other programs cannot read from the command line."
}

// FromInputs returns the layer of the Action's inputs, which getenv finds
// under Setting.InputVariable. White space around them is dropped, and an
// empty one is unset.
func FromInputs(getenv func(string) string) (*Layer, error) {
	return fromGetenv(getenv, Setting.InputVariable, func(s Setting) Origin {
		return Origin{Source: "input " + s.Name, rank: fromInput}
	})
}

// FromVariables returns the layer of the environment variables, which getenv
// finds under Setting.Variable. White space around them is dropped, and an
// empty one is unset.
func FromVariables(getenv func(string) string) (*Layer, error) {
	return fromGetenv(getenv, func(s Setting) string { return s.Variable }, func(s Setting) Origin {
		return Origin{Source: s.Variable, rank: fromVariable}
	})
}

func fromGetenv(getenv func(string) string, variable func(Setting) string, origin func(Setting) Origin) (*Layer, error) {
	var problems Errors
	layer := &Layer{given: map[string]given{}}
	for _, s := range settings {
		name := variable(s)
		if name == "" {
			continue
		}
		if value := strings.TrimSpace(getenv(name)); value != "" {
			problems = append(problems, layer.add(s, value, origin(s))...)
		}
	}
	return layer.orErrors(problems)
}

func (l *Layer) orErrors(problems Errors) (*Layer, error) {
	if err := problems.orNil(); err != nil {
		return nil, err
	}
	return l, nil
}

// add takes a value of a setting, or says what is wrong with it.
func (l *Layer) add(s Setting, value string, origin Origin) Errors {
	switch {
	case s.Switch:
		on, err := strconv.ParseBool(strings.ToLower(value))
		if err != nil {
			return Errors{errorAt(origin, fmt.Sprintf("%q is not true or false", value), "Write true or false.")}
		}
		value = strconv.FormatBool(on)
	case s.Duration:
		if d, err := time.ParseDuration(value); err != nil || d < 0 {
			return Errors{errorAt(origin, fmt.Sprintf("%q is not a time", value), "Write a number with a unit, for example 90s, 20m or 1h30m.")}
		}
	case s.Choices != nil && !slices.Contains(s.Choices, value):
		return Errors{errorAt(origin, fmt.Sprintf("unknown value %q", value), suggest(value, s.Choices, "values"))}
	case s.Path != "":
		if p := checkSetting(s, value, origin); len(p) > 0 {
			return p
		}
	}
	l.given[s.Name] = given{value, origin}
	return nil
}

// Find returns the value of a setting from the first layer that gives one,
// where it comes from, and whether any does. Otherwise the value is the
// setting's default.
func Find(name string, layers ...*Layer) (value string, origin Origin, ok bool) {
	for _, l := range layers {
		if l == nil {
			continue
		}
		if g, ok := l.given[name]; ok {
			return g.value, g.origin, true
		}
	}
	s, _ := SettingNamed(name)
	return s.Default, Origin{Source: "default"}, false
}
