package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pandastack-io/pandastack/internal/config"
)

// input is an input of the Action that is not a setting: an argument or a flag
// of some commands.
type input struct {
	name string
	help string // a phrase without a full stop
	// takes says as what each command takes it: "--flag", or "" for arguments.
	takes map[string]string
	kind  inputKind
}

type inputKind int

const (
	oneValue inputKind = iota
	lineByLine
	trueOrFalse
)

// commandInput names the command. It alone has a default, so that a program
// that finds it set is a step of the Action, and no other run in a workflow.
const commandInput = "command"

// actionCommands are those that a step can run.
var actionCommands = []string{"deploy", "plan", "build", "rollback", "promote", "purge", "gc", "verify", "releases", "config"}

// actionInputs are the inputs that are no settings.
var actionInputs = []input{
	{commandInput, "the command to run, " + listing(actionCommands), nil, oneValue},
	{"release", "the release that rollback brings back or promote publishes, by its id, the beginning of its id, previous, or live~2", map[string]string{"rollback": "", "promote": "--release"}, oneValue},
	{"from", "the environment whose release promote publishes", map[string]string{"promote": "--from"}, oneValue},
	{"paths", "what purge drops from the CDN, one path in each line", map[string]string{"purge": ""}, lineByLine},
	{"all", "whether purge drops the whole site from the CDN", map[string]string{"purge": "--all"}, trueOrFalse},
	{"keep", "how many former releases gc keeps", map[string]string{"gc": "--keep"}, oneValue},
	{"keep-for", "how long gc keeps former releases, for example 30d or 12h", map[string]string{"gc": "--keep-for"}, oneValue},
	{"forget", "what gc erases from all history, one path or glob in each line", map[string]string{"gc": "--forget"}, lineByLine},
	{"deep", "whether verify reads every byte", map[string]string{"verify": "--deep"}, trueOrFalse},
	{"repair", "whether verify mends what can be mended", map[string]string{"verify": "--repair"}, trueOrFalse},
}

// listing renders names as a person would list them.
func listing(names []string) string {
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// isStep reports whether this run is a step of the Action: in a workflow,
// without arguments, and with the input that is always set. Where an expression
// left that one empty, it is still there.
func (a *app) isStep(args []string) bool {
	set := func(kv string) bool { return strings.HasPrefix(kv, "INPUT_COMMAND=") }
	return a.actions != nil && len(args) == 0 && slices.ContainsFunc(a.Environ, set)
}

// stepArgs returns the command line that the inputs ask for. The error is a
// *usageError.
func (a *app) stepArgs() ([]string, error) {
	command := cmp.Or(a.actions.Input(commandInput), "deploy")
	if !slices.Contains(actionCommands, command) {
		hint := didYouMean(config.Nearest(command, actionCommands))
		if hint == "" {
			hint = "Write " + listing(actionCommands) + "."
		}
		return nil, &usageError{msg: fmt.Sprintf("input command: unknown command %q", command), hint: hint}
	}
	args, rest := []string{command}, []string(nil)
	for _, in := range actionInputs[1:] {
		value := a.actions.Input(in.name)
		if value == "" {
			continue
		}
		flag, taken := in.takes[command]
		if !taken {
			return nil, &usageError{msg: fmt.Sprintf("input %s: %s does not take it", in.name, command), hint: "It is for " + strings.Join(slices.Sorted(maps.Keys(in.takes)), " and ") + "."}
		}
		values, err := in.values(value)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			if flag == "" {
				rest = append(rest, v)
			} else {
				args = append(args, flag+"="+v)
			}
		}
	}
	if err := a.checkDryRun(command); err != nil {
		return nil, err
	}
	return append(append(args, "--"), rest...), nil
}

// values returns what an input gives: lines that are not empty, or one value.
func (in input) values(value string) ([]string, error) {
	switch in.kind {
	case trueOrFalse:
		on, err := strconv.ParseBool(strings.ToLower(value))
		if err != nil {
			return nil, &usageError{msg: fmt.Sprintf("input %s: %q is not true or false", in.name, value), hint: "Write true or false."}
		}
		return []string{strconv.FormatBool(on)}, nil
	case lineByLine:
		var lines []string
		for line := range strings.Lines(value) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
		return lines, nil
	}
	return []string{value}, nil
}

// checkDryRun refuses a dry run of what has none and writes.
func (a *app) checkDryRun(command string) error {
	dry, err1 := strconv.ParseBool(strings.ToLower(a.actions.Input("dry-run")))
	repair, err2 := strconv.ParseBool(strings.ToLower(a.actions.Input("repair")))
	if command == "verify" && err1 == nil && dry && err2 == nil && repair {
		return &usageError{msg: "input dry-run: verify has none with repair", hint: "Leave out repair: verify alone says what it would mend, and writes nothing."}
	}
	return nil
}
