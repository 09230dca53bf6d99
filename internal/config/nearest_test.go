package config

import (
	"testing"

	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	known := fileShape.names()
	for name, want := range map[string]string{
		"outputdir":     "outputDir",
		"output_dir":    "outputDir",
		"output-dir":    "outputDir",
		"output":        "outputDir",
		"ouptutDir":     "outputDir",
		"buildComand":   "buildCommand",
		"build":         "",
		"header":        "headers",
		"enviroments":   "environments",
		"siteURL":       "siteUrl",
		"cnd":           "cdn",
		"schema":        "$schema",
		"":              "",
		"x":             "",
		"somethingElse": "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("nearest to %q is %q, not %q", name, got, want)
		}
	}
}

// TestDistance checks what any distance keeps, and that one edit is 1.
func TestDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[abcé]{0,6}`)
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		d := distance(a, b)
		if (d == 0) != (a == b) {
			t.Fatalf("distance %d", d)
		}
		if back := distance(b, a); back != d {
			t.Fatalf("%d there, %d back", d, back)
		}
		if longer := max(len([]rune(a)), len([]rune(b))); d > longer {
			t.Fatalf("%d edits of %d characters", d, longer)
		}
		s := []rune(a + "xy")
		i := rapid.IntRange(0, len(s)-2).Draw(t, "i")
		swapped := append([]rune(nil), s...)
		swapped[i], swapped[i+1] = s[i+1], s[i]
		for _, edited := range []string{string(s[:i]) + string(s[i+1:]), string(s[:i]) + "z" + string(s[i:]), string(s[:i]) + "z" + string(s[i+1:]), string(swapped)} {
			if got := distance(string(s), edited); edited != string(s) && got != 1 {
				t.Fatalf("%q to %q is %d", string(s), edited, got)
			}
		}
	})
}
