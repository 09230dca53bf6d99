package config

import (
	"encoding/json"
	"maps"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestPrecedence sets fields in any of the six places, and checks that the
// strongest place that sets a field gives both its value and its origin.
func TestPrecedence(t *testing.T) {
	fields := []string{"root-dir", "build-command", "output-dir", "site-url", "bucket", "region", "prefix"}
	rapid.Check(t, func(rt *rapid.T) {
		places := make([]map[string]string, fromFlag+1) // by rank
		winner := map[string]rank{}
		for at := fromFile; at <= fromFlag; at++ {
			places[at] = map[string]string{"storage-provider": "s3"}
			for _, name := range fields {
				if name == "output-dir" && at == fromFile || name == "bucket" && at == fromFile || rapid.Bool().Draw(rt, name) {
					places[at][name] = valueFor(name, at)
					winner[name] = at
				}
			}
		}
		r, err := resolvePlaces(t, places)
		if err != nil {
			rt.Fatal(err)
		}
		for name, at := range winner {
			s, _ := SettingNamed(name)
			if got := r.find(s.Path).text; got != fileShape.at(s.Path).normal(valueFor(name, at)) || r.Origin(s.Path).rank != at {
				rt.Fatalf("%s is %q from %v, and should be from place %d", name, got, r.Origin(s.Path), at)
			}
		}
	})
}

// valueFor returns a value that only this place gives.
func valueFor(name string, at rank) string {
	digit := string('0' + rune(at))
	switch name {
	case "site-url":
		return "https://example.com/" + digit
	default:
		return "value-" + digit
	}
}

func resolvePlaces(t *testing.T, places []map[string]string) (*Resolved, error) {
	block, _ := json.Marshal(nested(places[fromEnvironment]))
	file := nested(places[fromFile])
	file["type"] = "static"
	file["environments"] = map[string]any{"e": json.RawMessage(block)}
	data, _ := json.Marshal(file)
	flags := maps.Clone(places[fromFlag])
	flags["environment"] = "e"
	return sources{file: string(data), flags: flags, inputs: places[fromInput], variables: places[fromVariable]}.resolve(t)
}

// nested returns values by name of setting as the file has them.
func nested(values map[string]string) map[string]any {
	out, storage := map[string]any{}, map[string]any{}
	for name, value := range values {
		s, _ := SettingNamed(name)
		if inside, ok := cutStorage(s.Path); ok {
			storage[inside] = value
		} else {
			out[s.Path] = value
		}
	}
	out["storage"] = storage
	return out
}

func cutStorage(path string) (string, bool) {
	const start = "storage."
	if len(path) > len(start) && path[:len(start)] == start {
		return path[len(start):], true
	}
	return "", false
}

// TestMergeLaws checks merge against a model on plain JSON values, and that
// nothing that went in was changed.
func TestMergeLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawNode(t, 3), drawNode(t, 3), drawNode(t, 3)
		before := []any{value(t, a), value(t, b), value(t, c)}
		if diff := cmp.Diff(mergeModel(value(t, a), value(t, b)), value(t, merge(a, b))); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(value(t, merge(merge(a, b), c)), value(t, merge(merge(a, b), merge(b, c)))); diff != "" {
			t.Fatalf("a layer laid on twice: %s", diff)
		}
		if diff := cmp.Diff(before, []any{value(t, a), value(t, b), value(t, c)}); diff != "" {
			t.Fatalf("the layers changed: %s", diff)
		}
		if merge(a, nil) != a || merge(nil, b) != b {
			t.Fatal("no layer is no change")
		}
	})
}

func drawNode(t *rapid.T, depth int) *node {
	kinds := []kind{object, dictionary, list, text, truth, number}
	if depth == 0 {
		kinds = kinds[2:]
	}
	n := &node{kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
	switch n.kind {
	case object, dictionary:
		n.fields = map[string]*node{}
		for _, name := range rapid.SliceOfDistinct(rapid.StringMatching(`[a-c]`), rapid.ID).Draw(t, "names") {
			n.fields[name] = drawNode(t, depth-1)
		}
	case list:
		n.items = []*node{}
		for range rapid.IntRange(0, 2).Draw(t, "length") {
			n.items = append(n.items, &node{kind: text, text: "item"})
		}
	case text:
		n.text = rapid.StringMatching(`[xyz]`).Draw(t, "text")
	case truth:
		n.truth = rapid.Bool().Draw(t, "truth")
	case number:
		n.number = rapid.Int64Range(0, 3).Draw(t, "number")
	}
	return n
}

func value(t *rapid.T, n *node) (v any) {
	data, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func mergeModel(base, over any) any {
	b, isObject := base.(map[string]any)
	o, both := over.(map[string]any)
	if !isObject || !both {
		return over
	}
	out := maps.Clone(b)
	for name, v := range o {
		if old, ok := b[name]; ok {
			v = mergeModel(old, v)
		}
		out[name] = v
	}
	return out
}

// TestSettings checks that every setting of the file leads to a text there,
// that names and variables are unique, and that every text of storage that a
// run may want to change has one.
func TestSettings(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Settings() {
		for _, id := range []string{s.Name, s.Variable} {
			if id == "" || seen[id] {
				t.Errorf("%q of %s is empty or not unique", id, s.Name)
			}
			seen[id] = true
		}
		if s.Help == "" || s.Secret && !s.NoFlag {
			t.Errorf("%s has no help, or is a secret with a flag", s.Name)
		}
		if s.Path == "" {
			continue
		}
		if shape := fileShape.at(s.Path); shape == nil || shape.kind != text || s.Choices != nil || s.Default != "" {
			t.Errorf("%s does not fit the file's %s", s.Name, s.Path)
		}
	}
	if s, ok := SettingNamed("dry-run"); !ok || s.InputVariable() != "INPUT_DRY-RUN" {
		t.Errorf("dry-run is read from %s", s.InputVariable())
	}
	if s, ok := SettingNamed("json"); !ok || s.InputVariable() != "" {
		t.Error("json is an input")
	}
	if reflect.DeepEqual(StorageProviders(), CDNProviders()) || len(CDNProviders()) == 0 {
		t.Errorf("providers: %v and %v", StorageProviders(), CDNProviders())
	}
}
