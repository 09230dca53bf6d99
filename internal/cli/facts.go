package cli

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pandastack-io/pandastack/internal/ci"
	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/isolation"
	"github.com/pandastack-io/pandastack/internal/report"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// facts is what a run keeps for its report, its outputs and its summary.
type facts struct {
	record     *report.Recorder
	step       bool      // this is a step of the Action
	settings   *settings // nil: they could not be read
	meters     []storage.Meter
	reportFile string // absolute; empty: none is asked for
	reportTop  string // the report, or the highest directory that is made for it
	noReport   bool   // one is asked for where it must not be
}

// recorded reports whether the command is one whose facts are told: it builds
// or publishes something, or looks at what is published.
func recorded(cmd *cobra.Command) bool { return cmd != nil && cmd.Flags().Lookup("report") != nil }

// noteSettings notes what the configuration says.
func (a *app) noteSettings(cmd *cobra.Command, s *settings) {
	a.settings = s
	preview := cmd.Name() == "plan" || cmd.Flags().Lookup("dry-run") != nil && s.on("dry-run")
	a.record.Note(func(r *report.Record) {
		r.Environment, r.URL, r.DryRun = s.Environment, s.Config.SiteURL, preview
	})
}

// noteTarget notes where the site is published: the first target is the
// run's own, others are what a promote reads from.
func (a *app) noteTarget(s *settings, t *target) {
	a.meters = append(a.meters, t.meters...)
	provider := "local"
	if c := s.Config.Storage; c != nil {
		provider = c.Provider
		// Others that speak S3 have prices of their own.
		if u, err := url.Parse(c.Endpoint); provider == "s3" && (err != nil || u.Host != "" && !strings.HasSuffix(u.Hostname(), ".amazonaws.com")) {
			provider = "s3-compatible"
		}
	}
	a.record.Note(func(r *report.Record) {
		if r.Target == "" {
			r.Target, r.Provider = t.name, provider
		}
	})
}

// noteSource notes who and what the run is.
func (a *app) noteSource(who ci.Run) {
	a.record.Note(func(r *report.Record) {
		r.Source = report.Source{
			CI: string(who.Provider), Repository: who.Repository, Commit: who.Commit, Dirty: who.Dirty, Ref: who.Ref,
			RunID: who.RunID, RunAttempt: who.RunAttempt, RunURL: who.RunURL, Actor: who.Actor,
		}
	})
}

// conclude tells the facts of a run: the report, the outputs of the step, and
// the summary of the job. What cannot be told is a warning: it changes nothing
// of what the run has done.
func (a *app) conclude(ran *cobra.Command, code int, result report.Result) {
	if !recorded(ran) {
		return
	}
	if err := a.prepareReport(ran); err != nil {
		a.reportFile = ""
	}
	if a.record.Record().Source == (report.Source{}) {
		a.noteSource(a.run)
	}
	a.record.Note(func(r *report.Record) {
		r.Tool, r.Command, r.ExitCode, r.Result = "pandastack "+Version(), commandName(ran), code, result
		r.Requests = (&target{meters: a.meters}).usage().Requests
	})
	rec := a.record.Record()
	for _, tell := range []struct {
		what string
		do   func(report.Record) error
	}{
		{"the report could not be written: ", a.writeReport},
		{"the outputs of the step could not be set: ", a.setOutputs},
		{"the summary of the job could not be written: ", a.writeSummary},
	} {
		if err := tell.do(rec); err != nil {
			a.say(event.Warning, tell.what+err.Error(), "")
		}
	}
	a.leave()
}

// commandName returns the name of a command; without one, it is deploy.
func commandName(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return "deploy"
	}
	return cmd.Name()
}

// prepareReport finds out where the report goes, and makes sure that it can. It
// is asked first, so that a report that cannot be written stops a run, not a
// release.
func (a *app) prepareReport(cmd *cobra.Command) error {
	name := a.reportName(cmd)
	if name == "" || a.reportFile != "" || a.noReport {
		return nil
	}
	file := a.abs(filepath.FromSlash(name))
	fail := func(err error) error {
		return &config.Error{Msg: "the report cannot be written: " + err.Error(), Hint: "Name a file with --report, the input report, or PANDASTACK_REPORT that can be."}
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return fail(fmt.Errorf("%s is a directory", name))
	}
	a.reportTop = file
	for dir := filepath.Dir(file); missing(dir); dir = filepath.Dir(dir) {
		a.reportTop = dir
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fail(err)
	}
	probe, err := os.CreateTemp(filepath.Dir(file), ".pandastack-*")
	if err != nil {
		return fail(err)
	}
	a.reportFile = file
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func missing(dir string) bool {
	_, err := os.Lstat(dir)
	return errors.Is(err, fs.ErrNotExist)
}

// checkReport refuses a report that a later deploy would publish. Of any other
// place it removes what is there: the report of an earlier run must not pass for
// this one's.
func (a *app) checkReport(s *settings) error {
	if a.reportFile == "" {
		return nil
	}
	if s.Config.OutputDir != "" && inside(s.output(), a.reportFile) {
		return a.refuseReport("the report would lie in the output, "+s.Config.OutputDir+", and be published", "Name a file outside of it.")
	}
	if err := os.Remove(a.reportFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// refuseReport says why the report must not be where it is asked for, and sees
// to it that it is not, also as what tells of this error.
func (a *app) refuseReport(msg, hint string) error {
	a.reportFile, a.noReport = "", true
	return &config.Error{Msg: msg, Hint: hint}
}

// inside reports whether a file lies below a directory; both are absolute.
func inside(dir, file string) bool {
	rel, err := filepath.Rel(dir, file)
	return err == nil && filepath.IsLocal(rel)
}

// reportName returns the name of the report also where another flag or
// variable is wrong.
func (a *app) reportName(cmd *cobra.Command) string {
	flag := cmd.Flags().Lookup("report")
	if flag == nil {
		return ""
	}
	if flag.Changed {
		return flag.Value.String()
	}
	set, _ := config.SettingNamed("report")
	input := ""
	if a.actions != nil {
		input = a.Getenv(set.InputVariable())
	}
	return cmp.Or(strings.TrimSpace(input), strings.TrimSpace(a.Getenv(set.Variable)))
}

// writeReport writes the report, whole or not at all. Where it cannot, no output
// names it, and no older one is left.
func (a *app) writeReport(rec report.Record) error {
	if a.reportFile == "" {
		return nil
	}
	if a.world == nil { // it failed before it knew the site
		a.world, a.exposed = isolation.Enter(isolation.Options{Dir: repository(a.Dir), Getenv: a.Getenv})
	}
	a.world.Made(a.reportTop)
	err := a.writeRecord(rec)
	if err != nil {
		a.reportFile = ""
	}
	return err
}

// writeRecord writes the report without following a link that the build may
// have put in its way.
func (a *app) writeRecord(rec report.Record) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(rec); err != nil {
		return err
	}
	dir := a.world.Above(a.reportFile)
	if err := os.MkdirAll(dir, 0o755); err != nil { // the build may have removed it
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	name, err := filepath.Rel(dir, a.reportFile)
	if err != nil {
		return err
	}
	err = replaceFile(root, name, b.Bytes())
	if err != nil {
		_ = root.Remove(name) // most often there is none
	}
	return err
}

// replaceFile writes a file below root, whole or not at all, and makes the
// directories that are missing.
func replaceFile(root *os.Root, name string, data []byte) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(name), ".pandastack-"+rand.Text())
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	// Later steps, under another user, read it.
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return nil
}
