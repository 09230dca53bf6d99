package cli

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/internal/report"
	"github.com/pandastack-io/pandastack/internal/site"
)

// writeSummary adds the run to the summary of the job.
func (a *app) writeSummary(rec report.Record) error {
	if a.actions == nil {
		return nil
	}
	return a.actions.Summary(func(room int) string {
		o := report.SummaryOptions{Limit: room, Link: a.pageLink()}
		if rec.Finished != nil {
			o.RollbackStep, o.RollbackCommand = a.howToRollBack(rec.Finished.Parent)
		}
		return report.Summary(rec, o)
	})
}

// pageLink returns what gives a file of the site its URL, or nil.
func (a *app) pageLink() func(string) string {
	if a.settings == nil {
		return nil
	}
	base, err := a.settings.baseURL()
	if err != nil || base == nil {
		return nil
	}
	return func(path string) string { return site.URL(base, path) }
}

// buildSettings are of no use to a rollback, which builds nothing.
var buildSettings = []string{"install-command", "build-command", "build-timeout"}

// howToRollBack returns a step of a workflow and a command that bring a
// release back, with the settings that this run was given beside the file.
// Credentials are not among them.
func (a *app) howToRollBack(release string) (step, command string) {
	if a.settings == nil {
		return "", ""
	}
	lines := []string{"- uses: " + a.actionName(), "  with:", "    command: rollback", "    release: " + release}
	words := []string{"pandastack", "rollback", release}
	for _, s := range config.Settings() {
		value, origin := a.settings.Setting(s.Name)
		place := s.Path != "" || s.Name == "config" || s.Name == "environment" || s.Name == "working-directory"
		if s.Secret || !place || origin.Source == "default" || slices.Contains(buildSettings, s.Name) {
			continue
		}
		lines = append(lines, "    "+s.Name+": "+yamlScalar(value))
		words = append(words, "--"+s.Name, shellWord(value))
	}
	lines = append(lines, "    # and the credentials, as in the step that deployed")
	return strings.Join(lines, "\n") + "\n", strings.Join(words, " ") + "\n"
}

// actionRef is what a workflow can name.
var actionRef = regexp.MustCompile(`^[\w.-]+(/[\w.-]+)+@[\w./-]+$`)

// actionName is how the workflow names the Action, where the runner says so.
// https://docs.github.com/en/actions/reference/workflows-and-actions/variables
func (a *app) actionName() string {
	if name := a.Getenv("GITHUB_ACTION_REPOSITORY") + "@" + a.Getenv("GITHUB_ACTION_REF"); a.step && actionRef.MatchString(name) {
		return name
	}
	return "pandastack-io/pandastack@v1"
}

// plainScalar is text that YAML takes for text, without quotes.
var plainScalar = regexp.MustCompile(`^[A-Za-z./][\w./-]*$`)

// yamlScalar writes a value so that YAML reads it as text. A JSON string is one
// in YAML, too.
func yamlScalar(value string) string {
	if plainScalar.MatchString(value) && !slices.Contains([]string{"true", "false", "yes", "no", "on", "off", "null"}, strings.ToLower(value)) {
		return value
	}
	b, err := json.Marshal(value)
	if err != nil { // a string always can be
		return `""`
	}
	return string(b)
}
