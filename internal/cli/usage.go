package cli

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pandastack-io/pandastack/internal/config"
)

// usageError is a command line that cannot be run.
type usageError struct{ msg, hint string }

// Error returns what is wrong.
func (e *usageError) Error() string { return e.msg }

// Hint says what to do instead.
func (e *usageError) Hint() string { return cmp.Or(e.hint, "See pandastack --help.") }

// noArgs refuses arguments, with the nearest command for a first one.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case !cmd.HasSubCommands():
		return &usageError{msg: fmt.Sprintf("unexpected argument %q", args[0]), hint: fmt.Sprintf("See pandastack %s --help.", cmd.Name())}
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return &usageError{msg: fmt.Sprintf("unknown command %q", args[0]), hint: didYouMean(config.Nearest(args[0], names))}
}

// flagError explains flags that the command cannot take.
func flagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &missing):
		return &usageError{msg: fmt.Sprintf("flag --%s needs a value", missing.GetFlag().Name)}
	case errors.As(err, &invalid) && invalid.GetFlag().Value.Type() == "bool":
		return &usageError{msg: fmt.Sprintf("flag --%s: %q is not true or false", invalid.GetFlag().Name, invalid.GetValue()), hint: "Write true or false."}
	case errors.As(err, &invalid): // a number: all others take any text
		return &usageError{msg: fmt.Sprintf("flag --%s: %q is not a whole number", invalid.GetFlag().Name, invalid.GetValue()), hint: "Write a number, for example 20."}
	case !errors.As(err, &unknown):
		return &usageError{msg: err.Error()}
	case unknown.GetSpecifiedShortnames() != "":
		return &usageError{msg: "unknown flag -" + unknown.GetSpecifiedName()}
	}
	return unknownFlag(cmd, unknown.GetSpecifiedName())
}

// unknownFlag names the flag that was meant, or the variable of a secret.
func unknownFlag(cmd *cobra.Command, name string) error {
	e := &usageError{msg: "unknown flag --" + name}
	if s, ok := config.SettingNamed(name); ok && s.Secret {
		e.hint = "Give it as the variable " + s.Variable + ": other programs can read the command line."
		return e
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := config.Nearest(name, names); near != "" {
		e.hint = didYouMean("--" + near)
	}
	return e
}

// didYouMean returns a hint, or "" for "".
func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("Did you mean %s?", name)
}
