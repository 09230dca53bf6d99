package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"
)

// FuzzParse checks that Parse never panics, that every problem lies inside the
// file and in order, and that what it takes can be resolved without a panic.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.json")
	if err != nil || len(files) < 10 {
		f.Fatalf("%d seeds: %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	for _, seed := range []string{"", "\xef\xbb\xbf{}", "\xff\xfe", "{\"é\":\r\n\t'", "{\"type\":\"static\",\"type\":1,}", "/* \u2028", "{\"a\":\"\\ud800\"}", "[[[[[[", "nul"} {
		f.Add([]byte(seed))
	}
	for _, data := range bombs() {
		f.Add(data[:min(len(data), 8<<10)])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		layer, err := Parse(FileName, bytes.Clone(data))
		if err != nil {
			checkPlaces(t, data, err)
			return
		}
		checkPlaces(t, data, nil)
		for _, name := range append(layer.Environments(), "") {
			flags, err := FromFlags(map[string]string{"environment": name})
			if err != nil {
				t.Fatal(err)
			}
			r, err := Resolve(Options{File: layer, Flags: flags})
			if err != nil {
				checkPlaces(t, data, err)
				continue
			}
			if err := r.WriteText(&bytes.Buffer{}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// checkPlaces fails where a problem is not in the file, or out of order.
func checkPlaces(t *testing.T, data []byte, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var problems Errors
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("not Errors: %v", err)
	}
	lines := bytes.Split(data, []byte("\n"))
	var last *Error
	for _, p := range problems {
		if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > utf8.RuneCount(lines[p.Line-1])+1 {
			t.Fatalf("%v is not in the file", p)
		}
		if last != nil && (p.Line < last.Line || p.Line == last.Line && p.Column < last.Column) {
			t.Fatalf("%v after %v", p, last)
		}
		if p.Msg == "" || p.Hint == "" || !utf8.ValidString(p.Msg) {
			t.Fatalf("%#v", p)
		}
		last = p
	}
}
