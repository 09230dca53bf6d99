package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/tailscale/hujson"
)

var update = flag.Bool("update", false, "write the schema and the tables of docs/configuration.md")

const (
	schemaFile = "pandastack.schema.json"
	thisModule = "github.com/pandastack-io/pandastack/internal/config"
)

// TestSchemaIsCurrent holds the committed schema to the types.
func TestSchemaIsCurrent(t *testing.T) {
	want := generateSchema(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(Schema())); diff != "" {
		t.Errorf("%s is not what the types say; run go test ./internal/config -update\n%s", schemaFile, diff)
	}
}

// generateSchema reflects Config, and states what Go types cannot: that cdn is
// one object or a list, and what an environment lacks.
func generateSchema(t *testing.T) []byte {
	t.Helper()
	r := &jsonschema.Reflector{RequiredFromJSONSchemaTags: true, ExpandedStruct: true, CommentMap: comments(t), Mapper: scalarSchema}
	s := r.Reflect(&Config{})
	s.ID, s.Title = SchemaURL, FileName
	delete(s.Definitions, "Config")

	cdn, _ := s.Properties.Get("cdn")
	s.Properties.Set("cdn", &jsonschema.Schema{
		Description: cdn.Description,
		OneOf:       []*jsonschema.Schema{cdn.Items, {Type: "array", Items: cdn.Items}},
	})
	// A string stands for the field of that name.
	proof, _ := s.Properties.Get("proof")
	mode, _ := s.Definitions["Proof"].Properties.Get("mode")
	s.Properties.Set("proof", &jsonschema.Schema{
		Description: proof.Description,
		OneOf:       []*jsonschema.Schema{{Type: "string", Enum: mode.Enum}, {Ref: proof.Ref}},
	})
	one := uint64(1)
	environments, _ := s.Properties.Get("environments")
	environments.AdditionalProperties = &jsonschema.Schema{Ref: "#/$defs/Environment"}
	environments.PropertyNames = &jsonschema.Schema{MinLength: &one}

	block := &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema,
		Description: "Environment is what differs in one environment."}
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		if !slices.Contains(sameEverywhere, p.Key) {
			block.Properties.Set(p.Key, p.Value)
		}
	}
	s.Definitions["Environment"] = block

	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// scalarSchema returns the schema of the types that are written as a number, a
// string of a certain form, or either; nil for all others.
func scalarSchema(t reflect.Type) *jsonschema.Schema {
	count := &jsonschema.Schema{Type: "integer", Minimum: "0"}
	words := func(form *regexp.Regexp) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "string", Pattern: form.String()}
	}
	switch t {
	case reflect.TypeFor[Amount]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{count, words(percentage)}}
	case reflect.TypeFor[Percent]():
		return words(percentage)
	case reflect.TypeFor[Size]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{count, words(sizeInWords)}}
	}
	return nil
}

// comments returns the doc comments of this package's types and fields, each
// in one line.
func comments(t *testing.T) map[string]string {
	t.Helper()
	r := new(jsonschema.Reflector)
	if err := r.AddGoComments(thisModule, "."); err != nil {
		t.Fatal(err)
	}
	for name, comment := range r.CommentMap {
		r.CommentMap[name] = strings.Join(strings.Fields(comment), " ")
	}
	return r.CommentMap
}

// TestFixtures checks that Parse and the schema agree on every file below
// testdata: both take the valid ones and refuse the invalid ones.
func TestFixtures(t *testing.T) {
	compiled := compileSchema(t)
	for _, kind := range []string{"valid", "invalid"} {
		files, err := filepath.Glob(filepath.Join("testdata", kind, "*.json"))
		if err != nil || len(files) < 5 {
			t.Fatalf("%d fixtures in %s: %v", len(files), kind, err)
		}
		for _, file := range files {
			t.Run(filepath.ToSlash(file), func(t *testing.T) {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				_, parseErr := Parse(FileName, data)
				schemaErr := validate(t, compiled, data)
				if ok := kind == "valid"; (parseErr == nil) != ok || (schemaErr == nil) != ok {
					t.Errorf("Parse says %v\nthe schema says %v", parseErr, schemaErr)
				}
			})
		}
	}
}

func compileSchema(t *testing.T) *validator.Schema {
	t.Helper()
	doc, err := validator.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource(SchemaURL, doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile(SchemaURL)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// validate returns what the schema says of a file. Comments and trailing
// commas are dropped first, as editors do.
func validate(t *testing.T, s *validator.Schema, data []byte) error {
	t.Helper()
	plain, err := hujson.Standardize(slices.Clone(data))
	if err != nil {
		t.Fatal(err)
	}
	value, err := validator.UnmarshalJSON(bytes.NewReader(plain))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(value)
}
