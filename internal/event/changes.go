package event

import (
	"bytes"
	"encoding/json"
	"iter"
)

// Changes are the changes of a plan. Each is described only when somebody looks
// at it: the first deploy of a large site has one for each file, of which few are
// shown. The zero value has none.
type Changes struct {
	n  int
	at func(i int) Change
}

// NewChanges returns n changes, of which at describes the one at a place from 0
// on. It is called as long as the event is kept, and has to say the same every
// time.
func NewChanges(n int, at func(i int) Change) Changes { return Changes{n, at} }

// ChangesOf returns the changes of a list.
func ChangesOf(list ...Change) Changes {
	return NewChanges(len(list), func(i int) Change { return list[i] })
}

// Len returns how many they are.
func (c Changes) Len() int { return c.n }

// All describes one after the other, in the order of the plan.
func (c Changes) All() iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for i := range c.n {
			if !yield(c.at(i)) {
				return
			}
		}
	}
}

// MarshalJSON returns them as a list.
func (c Changes) MarshalJSON() ([]byte, error) {
	b := bytes.NewBufferString("[")
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false) // whoever encodes the event does so, or not
	for change := range c.All() {
		if b.Len() > len("[") {
			b.WriteByte(',')
		}
		if err := enc.Encode(change); err != nil {
			return nil, err
		}
	}
	b.WriteByte(']')
	return b.Bytes(), nil
}

// UnmarshalJSON reads them from a list.
func (c *Changes) UnmarshalJSON(b []byte) error {
	var list []Change
	err := json.Unmarshal(b, &list)
	*c = ChangesOf(list...)
	return err
}

// JSONSchemaAlias returns what they are in a JSON Schema.
func (Changes) JSONSchemaAlias() any { return []Change(nil) }
