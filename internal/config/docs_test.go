package config

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const docsFile = "../../docs/configuration.md"

// TestDocs holds the tables of docs/configuration.md to the types and to the
// table of settings.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	want := string(data)
	for name, table := range map[string]string{"fields": fieldTable(t), "settings": settingTable()} {
		want = replaceBetween(t, want, name, table)
	}
	if *update {
		if err := os.WriteFile(docsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("the tables of docs/configuration.md are not what the code says; run go test ./internal/config -update\n%s", diff)
	}
}

// replaceBetween replaces what stands between the two markers of a table.
func replaceBetween(t *testing.T, doc, name, table string) string {
	t.Helper()
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
	head, rest, ok1 := strings.Cut(doc, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("the markers of %s are missing", name)
	}
	return head + begin + table + end + tail
}

func fieldTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| field | type | what it is |\n|---|---|---|\n")
	fieldRows(t, &b, reflect.TypeFor[Config](), fileShape, "")
	return b.String()
}

// fieldRows writes a row for each field of the type, and for those inside it.
func fieldRows(t *testing.T, b *strings.Builder, typ reflect.Type, s *shape, path string) {
	described := comments(t)
	for i, f := range s.fields {
		goField := typ.Field(i)
		comment := described[thisModule+"."+typ.Name()+"."+goField.Name]
		if comment == "" {
			t.Errorf("%s has no comment", goField.Name)
		}
		full := join(path, f.name)
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", full, typeName(f.shape), comment+values(f.shape)+defaultOf(f, full))
		switch {
		case f.shape.kind == object:
			fieldRows(t, b, goField.Type.Elem(), f.shape, full)
		case f.shape.kind == list && f.shape.elem.kind == object:
			fieldRows(t, b, goField.Type.Elem(), f.shape.elem, full+"[]")
		}
	}
}

func typeName(s *shape) string {
	switch {
	case s.single:
		return "object or list"
	case s.short != "":
		return "string or object"
	case s.kind == list && s.elem.kind == text:
		return "list of strings"
	case s.kind == list:
		return "list of objects"
	case s.kind == dictionary && s.elem.kind == text:
		return "object of strings"
	case s.kind == dictionary:
		return "object of objects"
	case s.kind == truth:
		return "true or false"
	}
	_, name, _ := strings.Cut(s.kind.String(), " ")
	return name
}

func values(s *shape) string {
	if len(s.choices) == 0 {
		return ""
	}
	return " Values: `" + strings.Join(s.choices, "`, `") + "`."
}

func defaultOf(f field, path string) string {
	if f.required {
		return " Required."
	}
	value := defaults().field(path)
	if path == "storage.path" {
		value = defaultText(DefaultLocalPath)
	}
	if value == nil || value.isObject() {
		return ""
	}
	return " Default: `" + fmt.Sprint(leaf{path, value}.value()) + "`."
}

func settingTable() string {
	var b strings.Builder
	b.WriteString("| flag | input | variable | field | what it is |\n|---|---|---|---|---|\n")
	for _, s := range Settings() {
		flag, input := "`--"+s.Name+"`", "`"+s.Name+"`"
		if s.NoFlag {
			flag = ""
		}
		if s.NoInput {
			input = ""
		}
		field := ""
		if s.Path != "" {
			field = "`" + s.Path + "`"
		}
		help := strings.ToUpper(s.Help[:1]) + s.Help[1:]
		if s.Choices != nil {
			help += ": `" + strings.Join(s.Choices, "`, `") + "`"
		}
		if s.Default != "" {
			help += " (default `" + s.Default + "`)"
		}
		fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %s |\n", flag, input, s.Variable, field, help)
	}
	return b.String()
}

// TestDocsExamples checks that every example of the page is a whole file that
// can be deployed, in each of its environments.
func TestDocsExamples(t *testing.T) {
	data, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```jsonc?\n(.*?)```").FindAllSubmatch(data, -1)
	if len(examples) < 3 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, e := range examples {
		layer, err := Parse(FileName, e[1])
		if err != nil {
			t.Errorf("%v\n%s", described(err), e[1])
			continue
		}
		for _, name := range append(layer.Environments(), "") {
			flags, _ := FromFlags(map[string]string{"environment": name})
			if _, err := Resolve(Options{File: layer, Flags: flags}); err != nil {
				t.Errorf("%s in environment %q\n%s", described(err), name, e[1])
			}
		}
	}
}
