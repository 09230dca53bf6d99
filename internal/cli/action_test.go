package cli

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pandastack-io/pandastack/internal/ci"
)

// stepOf is a step of the Action with these inputs.
func stepOf(inputs map[string]string) *app {
	return &app{actions: ci.NewActions(&strings.Builder{}, func(name string) string {
		return inputs[strings.ToLower(strings.TrimPrefix(name, "INPUT_"))]
	})}
}

func TestStepArgs(t *testing.T) {
	for _, tt := range []struct {
		inputs map[string]string
		want   string // joined by |; an error begins with !
	}{
		{map[string]string{"command": "deploy"}, "deploy|--"},
		{map[string]string{"command": "deploy", "dry-run": "true"}, "deploy|--"},
		{map[string]string{"command": "rollback", "release": "--force"}, "rollback|--|--force"},
		{map[string]string{"command": "promote", "from": "--staging x", "release": "live~2"}, "promote|--release=live~2|--from=--staging x|--"},
		{map[string]string{"command": "purge", "paths": "\r\n a b.html \n\n--all\n"}, "purge|--|a b.html|--all"},
		{map[string]string{"command": "gc", "forget": "a\nb", "keep": "3", "keep-for": "30d"}, "gc|--keep=3|--keep-for=30d|--forget=a|--forget=b|--"},
		{map[string]string{"command": "verify", "deep": "TRUE", "repair": "0"}, "verify|--deep=true|--repair=false|--"},
		{map[string]string{"command": "unlock"}, `!input command: unknown command "unlock"`},
		{map[string]string{"command": "verify", "keep": "1"}, "!input keep: verify does not take it"},
		{map[string]string{"command": "verify", "deep": "y es"}, `!input deep: "y es" is not true or false`},
		{map[string]string{"command": "verify", "repair": "true", "dry-run": "true"}, "!input dry-run: verify has none with repair"},
	} {
		args, err := stepOf(tt.inputs).stepArgs()
		got := strings.Join(args, "|")
		if err != nil {
			var usage *usageError
			if !errors.As(err, &usage) || usage.hint == "" {
				t.Errorf("%v: %v", tt.inputs, err)
			}
			got = "!" + err.Error()
		}
		if got != tt.want {
			t.Errorf("%v: %q, want %q", tt.inputs, got, tt.want)
		}
	}
}

// TestStepCommands holds the commands of the Action, and the inputs that they
// take, to the commands and flags that there are.
func TestStepCommands(t *testing.T) {
	root := (&app{}).root()
	for _, in := range actionInputs[1:] {
		for command, flag := range in.takes {
			cmd, _, err := root.Find([]string{command})
			if err != nil || cmd == root || !slices.Contains(actionCommands, command) {
				t.Errorf("input %s is for %s, which is no command of the Action", in.name, command)
			} else if name, ok := strings.CutPrefix(flag, "--"); ok && cmd.Flags().Lookup(name) == nil {
				t.Errorf("input %s: %s has no flag %s", in.name, command, flag)
			}
		}
	}
	for _, command := range actionCommands {
		if cmd, _, err := root.Find([]string{command}); err != nil || cmd == root {
			t.Errorf("there is no command %s", command)
		}
	}
}
