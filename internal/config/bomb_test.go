package config

import (
	"runtime"
	"strings"
	"testing"
)

// bombs are files that are as large as is allowed, or just larger, and made to
// cost more than their size.
func bombs() map[string][]byte {
	fill := func(first, part, last string, size int) []byte {
		return []byte(first + strings.Repeat(part, (size-len(first)-len(last))/len(part)) + last)
	}
	return map[string][]byte{
		"deep arrays":      fill("", "[", "", maxSize),
		"deep objects":     fill("", `{"a":`, "", maxSize),
		"deep comments":    fill("", "[/*", "", maxSize),
		"too large":        fill(`{"type":"static","outputDir":"`, "a", `"}`, maxSize+1),
		"empty arrays":     fill(`{"purge":[`, "[],", "]}", maxSize),
		"unknown fields":   fill("{", `"a":1,`, "}", maxSize),
		"environments":     fill(`{"environments":{`, `"a":{},`, "}}", maxSize),
		"no closing quote": fill(`{"type":"`, `\u0061`, "", maxSize),
		"blank lines":      fill("{", "\n", "", maxSize),
	}
}

// TestBombs measures what Parse allocates for files that try to cost a lot.
// All of them are refused.
func TestBombs(t *testing.T) {
	const most = 256 << 20
	for name, data := range bombs() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Parse(FileName, data)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		n := after.TotalAlloc - before.TotalAlloc
		if n > most {
			t.Errorf("%s: %d bytes were allocated for %d", name, n, len(data))
		}
		first, _, _ := strings.Cut(err.Error(), "\n")
		t.Logf("%s: %d kB, %.120s", name, n>>10, first)
	}
}
