package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/pandastack-io/pandastack/internal/build"
	"github.com/pandastack-io/pandastack/internal/ci"
	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/internal/deploy"
	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/plan"
	"github.com/pandastack-io/pandastack/internal/report"
	"github.com/pandastack-io/pandastack/internal/site"
	"github.com/pandastack-io/pandastack/internal/state"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// errChanges makes `plan --exit-code` end with its own exit code.
var errChanges = errors.New("there are changes")

func (a *app) deployCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "deploy", Short: "Build the site and publish what changed (the default command)", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.load(cmd)
			if err != nil {
				return err
			}
			if s.on("dry-run") {
				return a.preview(cmd.Context(), s, false)
			}
			return a.deploy(cmd.Context(), s)
		},
	}
	a.addFlags(cmd, deployFlags)
	return cmd
}

func (a *app) planCommand() *cobra.Command {
	var exitCode bool
	cmd := &cobra.Command{
		Use: "plan", Short: "Build the site and show what a deploy would change; write nothing", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.preview(cmd.Context(), s, exitCode)
		},
	}
	a.addFlags(cmd, planFlags)
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, fmt.Sprintf("exit with %d where there are changes", exitChanges))
	cmd.Flags().BoolVar(&a.full, "full", false, "list every change")
	return cmd
}

func (a *app) buildCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "build", Short: "Install dependencies and run the build, as a deploy would; publish nothing", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.load(cmd)
			if err != nil {
				return err
			}
			if s.Config.BuildCommand == "" && s.Config.InstallCommand == nil {
				a.say(event.Notice, "there is no buildCommand: the output is taken as it is", "")
			}
			a.enter(s, true)
			return a.build(cmd.Context(), s)
		},
	}
	a.addFlags(cmd, buildFlags)
	return cmd
}

// preview shows what a deploy would do.
func (a *app) preview(ctx context.Context, s *settings, exitCode bool) error {
	r, desired, _, err := a.prepare(ctx, s, true)
	if err != nil {
		return err
	}
	p, err := r.Preview(ctx, desired)
	if err != nil {
		return err
	}
	a.sink.Emit(p)
	if exitCode && (p.Changes.Len() > 0 || len(p.Owed) > 0) {
		return errChanges
	}
	return nil
}

// deploy publishes the site.
func (a *app) deploy(ctx context.Context, s *settings) error {
	r, desired, t, err := a.prepare(ctx, s, false)
	if err != nil {
		return err
	}
	defer r.Close()
	if t.dir != "" && !a.world.Within(t.dir) {
		return s.Error("storage.path", "a link leads from "+t.dir+" out of the workspace", "Remove the link, or name the directory itself.")
	}
	if err := t.keepOutOfGit(s.root); err != nil {
		return err
	}
	fin, err := r.Deploy(ctx, desired)
	return a.finish(ctx, s, t, r, fin, err, true)
}

// prepare builds and scans the site. What is live is read meanwhile.
func (a *app) prepare(ctx context.Context, s *settings, preview bool) (*deploy.Run, deploy.Desired, *target, error) {
	a.enter(s, true)
	r, t, err := a.connect(ctx, s, preview)
	if err != nil {
		return nil, deploy.Desired{}, nil, err
	}
	if !preview {
		r.Anticipate(ctx)
	}
	files, err := a.output(ctx, s, t, r)
	if err != nil {
		r.Close()
		return nil, deploy.Desired{}, nil, err
	}
	return r, deploy.FromFiles(s.output(), files), t, nil
}

// connect begins a run: what is live is read from here on.
func (a *app) connect(ctx context.Context, s *settings, preview bool) (*deploy.Run, *target, error) {
	t, err := a.open(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	r, err := a.begin(ctx, s, t, preview)
	return r, t, err
}

// begin begins a run on a target.
func (a *app) begin(ctx context.Context, s *settings, t *target, preview bool) (*deploy.Run, error) {
	purgers, err := a.cdns(ctx, s, preview)
	if err != nil {
		return nil, err
	}
	base, err := s.baseURL()
	if err != nil {
		return nil, err
	}
	who := ci.Complete(ctx, a.run, s.root)
	a.noteSource(who)
	return deploy.Open(ctx, deploy.Options{
		Site: t.site, Target: t.name, Live: t.live, State: t.state, Aside: t.aside, MixedPaths: t.mixedPaths, Usage: t.usage,
		BaseURL: base, Variants: purgeVariants(s), Purgers: purgers, Tool: "pandastack " + Version(), Sink: a.sink,
		Guards: guards(s), Keep: *s.Config.Releases.Keep, KeepFor: s.KeepFor(), Retain: s.RetainAssets(), Force: s.on("force"), Adopt: s.on("adopt"), LockTimeout: s.LockTimeout(), Order: order(who, s, a.ask(s)),
		Owner: state.Owner{
			Repository: who.Repository, RunID: who.RunID, RunAttempt: who.RunAttempt, RunURL: who.RunURL, Actor: who.Actor, Host: who.Host,
		},
		Source: state.Source{
			Repository: who.Repository, Commit: who.Commit, Dirty: who.Dirty, Ref: who.Ref,
			RunID: who.RunID, RunAttempt: who.RunAttempt, RunURL: who.RunURL, Actor: who.Actor,
		},
	}), nil
}

// guards returns the limits that stop a deploy before its first write.
func guards(s *settings) plan.Guards {
	g := s.Config.Guards
	return plan.Guards{
		MaxDelete: (*plan.Amount)(g.MaxDelete), MinFiles: g.MinFiles, MaxShrink: (*int)(g.MaxShrink),
		MaxFileSize: int64(g.MaxFileSize), MaxTotalSize: int64(g.MaxTotalSize),
	}
}

// ask returns who is asked about commits that the clone does not know, or nil.
func (a *app) ask(s *settings) ci.Ask {
	return ci.AskGitHub(a.run, s.Secret("github-token").Reveal(), a.Getenv)
}

// order compares this run with the newest one that the site has seen.
func order(who ci.Run, s *settings, ask ci.Ask) func(context.Context, state.Mark) deploy.Order {
	return func(ctx context.Context, m state.Mark) deploy.Order {
		earlier := ci.Run{Repository: m.Repository, Commit: m.Commit, RunID: m.RunID, RunAttempt: m.RunAttempt}
		switch ci.Compare(ctx, who, earlier, s.root, ask) {
		case ci.Newer:
			return deploy.Newer
		case ci.Same:
			return deploy.Same
		case ci.Older:
			return deploy.Older
		default:
			return deploy.Unknown
		}
	}
}

// output builds and scans the site. It stops as soon as it is known that the
// storage cannot be read: nobody should wait for a build that cannot be
// published.
func (a *app) output(ctx context.Context, s *settings, t *target, r *deploy.Run) ([]site.File, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	unreadable := make(chan error, 1)
	go func() {
		err := r.Ready(ctx)
		unreadable <- err
		if err != nil {
			cancel(err)
		}
	}()
	var err error
	if s.on("build") {
		err = a.build(ctx, s)
	}
	var files []site.File
	if err == nil {
		files, err = a.scan(ctx, s, t)
	}
	if err == nil {
		return files, nil
	}
	if context.Cause(ctx) != nil { // by the user, or because of the storage
		if reason := <-unreadable; reason != nil {
			return nil, reason
		}
	}
	return nil, err
}

// build installs dependencies and runs the build command.
func (a *app) build(ctx context.Context, s *settings) error {
	install, _ := s.Setting("install")
	mode, err := build.ParseMode(install)
	if err != nil {
		return err
	}
	a.introduce(ctx, s)
	return build.Run(ctx, build.Options{
		Dir: s.root, RepoDir: repository(s.root), InstallCommand: s.Config.InstallCommand, BuildCommand: s.Config.BuildCommand,
		Install: mode, Environ: a.world.Environ(a.Environ), As: a.world.User, Secrets: a.hiddenFromBuild(), BuildEnv: s.Config.BuildEnv, Timeout: s.BuildTimeout(), CI: a.run.CI, Sink: a.sink,
	})
}

// scan reads the output.
func (a *app) scan(ctx context.Context, s *settings, t *target) ([]site.File, error) {
	if !a.world.Within(s.output()) {
		return nil, &site.OutputError{Dir: s.output(), Err: site.ErrOutside}
	}
	started := time.Now()
	a.sink.Emit(event.PhaseStarted{Phase: event.Scan, Detail: s.Config.OutputDir})
	var total int64
	files, err := site.Scan(ctx, site.Options{
		Dir: s.output(), ConfigFile: s.file, Ignore: s.Config.Ignore, Headers: headerRules(s), MixedPaths: t.mixedPaths,
		Exclude: a.own(s, t),
		Progress: func(n int, bytes int64) {
			total = bytes
			a.sink.Emit(event.Progress{Phase: event.Scan, Done: n, Bytes: bytes})
		},
	})
	if err != nil {
		return nil, err
	}
	a.sink.Emit(event.PhaseDone{Phase: event.Scan, Elapsed: time.Since(started), Detail: english.Plural(len(files), "file", "") + ", " + humanize.Bytes(uint64(total))})
	return files, nil
}

// own lists what may lie in the output and is ours: where outputDir is the
// project itself, a local target lies inside it.
func (a *app) own(s *settings, t *target) []string {
	own := []string{filepath.Join(s.root, state.Dir)}
	if t.dir != "" {
		own = append(own, t.dir)
	}
	return own
}

func headerRules(s *settings) []site.HeaderRule {
	rules := make([]site.HeaderRule, len(s.Config.Headers))
	for i, r := range s.Config.Headers {
		rules[i] = site.HeaderRule{Source: r.Source, Headers: storage.Headers(r.Headers)}
	}
	return rules
}

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema [report]", Short: "Print the JSON Schema of pandastack.json, or of what --report writes", Args: atMost(1), ValidArgs: []string{"report"},
		RunE: func(_ *cobra.Command, args []string) error {
			schema := config.Schema()
			switch first(args) {
			case "":
			case "report":
				schema = report.RecordSchema()
			default:
				return &usageError{msg: fmt.Sprintf("there is no schema %q", args[0]), hint: "Write pandastack schema, or pandastack schema report."}
			}
			_, err := a.Stdout.W.Write(schema)
			return err
		},
	}
}

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Print the configuration and where each value comes from", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.load(cmd)
			if err != nil {
				return err
			}
			var text bytes.Buffer // all values are JSON
			write := s.WriteText
			if a.json {
				write = s.WriteJSON
			}
			if err := write(&text); err != nil {
				return err
			}
			_, err = a.Stdout.W.Write(report.Inert(text.Bytes()))
			return err
		},
	}
	a.addFlags(cmd, nil)
	return cmd
}
