package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pandastack-io/pandastack/internal/ci"
	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/secret"
)

// Which settings that are not part of the file a command has flags for. Those
// that are part of it are flags of all commands that read it.
var (
	deployFlags   = []string{"build", "install", "dry-run", "adopt", "force", "lock-timeout", "report"}
	planFlags     = []string{"build", "install", "adopt", "report"}
	buildFlags    = []string{"install", "report"}
	rollbackFlags = []string{"dry-run", "lock-timeout", "report"}
	promoteFlags  = []string{"dry-run", "adopt", "force", "lock-timeout", "report"}
	verifyFlags   = []string{"lock-timeout", "report"}
	collectFlags  = []string{"dry-run", "lock-timeout", "report"}
	purgeFlags    = []string{"dry-run", "lock-timeout", "report"}
)

// everywhere are those of all commands that read the configuration.
var everywhere = []string{"config", "working-directory", "environment", "json"}

// addFlags gives a command the flags of the settings of the file, of those that
// are everywhere, and of the named others.
func (a *app) addFlags(cmd *cobra.Command, others []string) {
	for _, s := range config.Settings() {
		if s.NoFlag || s.Path == "" && !slices.Contains(others, s.Name) && !slices.Contains(everywhere, s.Name) {
			continue
		}
		help := s.Help + " ($" + s.Variable + ")"
		if s.Switch {
			cmd.Flags().Bool(s.Name, s.Default == "true", help)
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
	a.json = wantsJSON(cmd, a.Getenv)
	a.listen(flags, vars)
	if err := a.prepareReport(cmd); err != nil {
		return nil, err
	}
	if err := together(err1, err2, err3); err != nil {
		return nil, err
	}
	path, file, err := a.read(flags, inputs, vars)
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
	a.noteSettings(cmd, s)
	return s, cmp.Or(s.checkRoot(), a.checkReport(s))
}

// read reads the file that the layers name, and returns its absolute name. A
// file that nothing names need not exist: then the layer is nil.
func (a *app) read(layers ...*config.Layer) (string, *config.Layer, error) {
	name, origin, given := config.Find("config", layers...)
	if dir, origin, ok := config.Find("working-directory", layers...); ok {
		if info, err := os.Stat(a.abs(dir)); err != nil || !info.IsDir() {
			return "", nil, &config.Error{Source: origin.String(), Msg: fmt.Sprintf("there is no directory %s", dir), Hint: "Check the path: it is relative to where pandastack was started."}
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
	}
	path := a.abs(name)
	if path == a.reportFile {
		return "", nil, a.refuseReport("the report would take the place of the configuration, "+name, "Name another file.")
	}
	file, err := a.parse(name, path, origin, given)
	return path, file, err
}

// together joins the problems of several layers, which are config.Errors.
func together(errs ...error) error {
	var all config.Errors
	for _, err := range errs {
		var some config.Errors
		if errors.As(err, &some) {
			all = append(all, some...)
		} else if err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// checkRoot refuses a root in which nothing could be built.
func (s *settings) checkRoot() error {
	switch info, err := os.Stat(s.root); {
	case errors.Is(err, fs.ErrNotExist):
		return s.Error("rootDir", "the root directory "+s.root+" does not exist", "Write a path relative to the configuration file.")
	case err != nil:
		return err
	case !info.IsDir():
		return s.Error("rootDir", "the root directory "+s.root+" is not a directory", "Write a path relative to the configuration file.")
	}
	return nil
}

// wantsJSON reports whether JSON is asked for, also where another flag or
// variable is wrong.
func wantsJSON(cmd *cobra.Command, getenv func(string) string) bool {
	if on, err := cmd.Flags().GetBool("json"); err == nil && cmd.Flags().Changed("json") {
		return on
	}
	set, _ := config.SettingNamed("json")
	on, err := strconv.ParseBool(strings.TrimSpace(getenv(set.Variable)))
	return err == nil && on
}

// listen does what must be done before anything is said: it hides the secrets
// from the log, and chooses the form of what follows.
func (a *app) listen(layers ...*config.Layer) {
	json, _, _ := config.Find("json", layers...)
	a.json = a.json || json == "true"
	a.sink = a.newSink()
	a.mask()
}

// parse reads the file. Only where its name was given must it exist.
func (a *app) parse(name, path string, origin config.Origin, given bool) (*config.Layer, error) {
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		return config.Parse(filepath.ToSlash(name), data)
	case !errors.Is(err, fs.ErrNotExist):
		problem := &config.Error{Msg: err.Error(), Hint: "Check the path and its permissions."}
		if given {
			problem.Source = origin.String()
		}
		return nil, problem
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

// mask hides the secrets of a run from the log of GitHub Actions: those of the
// settings and the runner's own.
func (a *app) mask() { a.hide(append(a.secrets(), a.runnerTokens()...)...) }

// hide keeps values out of the log from now on. The runner reads both streams:
// where standard output is for a program, the masks go to the other one.
func (a *app) hide(values ...string) {
	a.hidden.add(values)
	if a.actions == nil {
		return
	}
	runner := a.actions
	if a.json {
		runner = ci.NewActions(a.Stderr.W, a.Getenv)
	}
	if err := runner.AddMask(values...); err != nil {
		a.say(event.Warning, "the secrets could not be masked in the log: "+err.Error(), "")
	}
}

// hidden are the values that a run hides, which renewed credentials add to
// while it goes on.
type hidden struct {
	mu     sync.Mutex
	values []string
}

func (h *hidden) add(values []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range values {
		if !slices.Contains(h.values, v) {
			h.values = append(h.values, v)
		}
	}
}

// all returns the values.
func (h *hidden) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.values)
}

// hiddenFromBuild returns the values, in all forms, that the build does not see,
// and that what it prints does not show. The longest come first: one may begin
// with another.
func (a *app) hiddenFromBuild() []string {
	var forms []string
	for _, v := range a.hidden.all() {
		forms = append(forms, secret.Forms(v)...)
	}
	slices.SortStableFunc(forms, func(v, w string) int { return len(w) - len(v) })
	return forms
}

// runnerTokens returns the values of the runner's own tokens, which the build
// does not see under another name either.
func (a *app) runnerTokens() []string {
	var values []string
	for _, name := range []string{"GITHUB_TOKEN", "GH_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} {
		if v := a.Getenv(name); v != "" {
			values = append(values, v)
		}
	}
	return values
}

// secrets returns the values of all secret settings, also those over which
// another one wins.
func (a *app) secrets() []string {
	var values []string
	for _, s := range config.Settings() {
		if !s.Secret {
			continue
		}
		for _, name := range []string{s.InputVariable(), s.Variable} {
			if v := strings.TrimSpace(a.Getenv(name)); v != "" {
				values = append(values, v)
			}
		}
	}
	return values
}
