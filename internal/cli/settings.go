package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/internal/event"
)

// Which settings that are not part of the file a command has flags for. Those
// that are part of it are flags of all commands that read it.
var (
	deployFlags = []string{"config", "environment", "install", "dry-run", "json"}
	planFlags   = []string{"config", "environment", "install", "json"}
	buildFlags  = []string{"config", "environment", "install", "json"}
	configFlags = []string{"config", "environment", "json"}
)

// addFlags gives a command the flags of the settings of the file and of the
// named others.
func (a *app) addFlags(cmd *cobra.Command, others []string) {
	for _, s := range config.Settings() {
		if s.NoFlag || s.Path == "" && !slices.Contains(others, s.Name) {
			continue
		}
		help := s.Help + " ($" + s.Variable + ")"
		if s.Switch {
			cmd.Flags().Bool(s.Name, false, help)
			continue
		}
		if s.Choices != nil {
			help = strings.Join(s.Choices, "|") + ": " + help
		}
		// The default is shown, but not set: an unset flag gives no value.
		cmd.Flags().String(s.Name, "", help)
		cmd.Flags().Lookup(s.Name).DefValue = s.Default
	}
}

// flagLayer returns what the user gave as flags.
func flagLayer(cmd *cobra.Command) (*config.Layer, error) {
	given := map[string]string{}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if _, ok := config.SettingNamed(f.Name); ok {
			given[f.Name] = f.Value.String()
		}
	})
	return config.FromFlags(given)
}

// settings is the configuration of a run, and where its paths lie.
type settings struct {
	*config.Resolved
	file string // absolute name of the file; "" where there is none
	root string // rootDir, absolute
}

// output returns the absolute name of the output directory.
func (s *settings) output() string {
	return filepath.Join(s.root, filepath.FromSlash(s.Config.OutputDir))
}

// on reports whether a switch is on.
func (s *settings) on(name string) bool { return s.Switch(name) }

// load reads and merges all layers of the configuration.
func (a *app) load(cmd *cobra.Command) (*settings, error) {
	flags, err1 := flagLayer(cmd)
	vars, err2 := config.FromVariables(a.Getenv)
	var inputs *config.Layer
	var err3 error
	if a.actions != nil {
		inputs, err3 = config.FromInputs(a.Getenv)
	}
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	name, origin, given := config.Find("config", flags, inputs, vars)
	path := a.abs(name)
	file, err := a.parse(name, path, origin, given)
	if err != nil {
		return nil, err
	}
	res, err := config.Resolve(config.Options{Flags: flags, Inputs: inputs, Variables: vars, File: file})
	if err != nil {
		return nil, err
	}
	s := &settings{Resolved: res, root: filepath.Join(filepath.Dir(path), filepath.FromSlash(res.Config.RootDir))}
	if file != nil {
		s.file = path
	}
	a.mask(s)
	a.json = s.on("json")
	a.sink = a.newSink()
	return s, nil
}

// parse reads the file. Only where its name was given must it exist.
func (a *app) parse(name, path string, origin config.Origin, given bool) (*config.Layer, error) {
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		return config.Parse(filepath.ToSlash(name), data)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, &usageError{err.Error()}
	case given:
		return nil, &config.Error{Source: origin.String(), Msg: fmt.Sprintf("there is no file %s", name), Hint: "Check the path: it is relative to the working directory."}
	default:
		return nil, nil
	}
}

func (a *app) abs(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(a.Dir, name)
}

// mask hides the secrets of a run from the log of GitHub Actions.
func (a *app) mask(s *settings) {
	if a.actions == nil {
		return
	}
	if err := a.actions.AddMask(s.secrets()...); err != nil {
		a.say(event.Warning, "the secrets could not be masked in the log: "+err.Error(), "")
	}
}

// secrets returns the values of all secret settings that are set.
func (s *settings) secrets() []string {
	var values []string
	for _, set := range config.Settings() {
		if v := s.Secret(set.Name).Reveal(); set.Secret && v != "" {
			values = append(values, v)
		}
	}
	return values
}

func quote(s string) string { return strconv.Quote(s) }
