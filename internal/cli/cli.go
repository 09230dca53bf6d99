// Package cli is the command line: commands and flags, the layers of
// configuration, the wiring of all other rooms, and the one place that maps
// errors to words, hints and exit codes.
package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/pandastack-io/pandastack/internal/ci"
	"github.com/pandastack-io/pandastack/internal/isolation"
	"github.com/pandastack-io/pandastack/internal/report"
)

// IO is the world of a run.
type IO struct {
	Stdout, Stderr report.Console
	Environ        []string // as os.Environ gives it
	Getenv         func(string) string
	Dir            string // the working directory, absolute
}

// System returns the world of this process.
func System() IO {
	dir, err := filepath.Abs(".")
	if err != nil {
		dir = "." // it was removed: paths that are needed will say so
	}
	return IO{
		Stdout: report.Inspect(os.Stdout, os.Getenv), Stderr: report.Inspect(os.Stderr, os.Getenv),
		Environ: os.Environ(), Getenv: os.Getenv, Dir: dir,
	}
}

// version is set by the linker for a release.
var version = ""

// Version returns the version of this program: what the linker set, else the
// module's version, else its commit, else "dev".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}

// app is one run of the program.
type app struct {
	IO
	run     ci.Run
	actions *ci.Actions // nil outside GitHub Actions
	sink    report.Sink
	json    bool
	full    bool // plans list every change
	facts
	hidden  hidden
	world   *isolation.World        // where the site's commands run; nil: not entered
	exposed error                   // why they run as root; nil: they do not
	role    aws.CredentialsProvider // of the role that is assumed; nil: none yet

	profiles profiles
}

// Main runs the program and returns its exit code.
func Main(ctx context.Context, args []string, world IO) int {
	isolation.Conceal()
	a := &app{IO: world, run: ci.Detect(world.Getenv), facts: facts{record: report.NewRecorder(time.Now)}}
	if a.run.Provider == ci.GitHub {
		a.actions = ci.NewActions(world.Stdout.W, world.Getenv)
	}
	a.hidden.add(a.secrets()) // masks follow where the form of the log is known
	a.sink = a.newSink()
	cmd := a.root()
	if a.isStep(args) {
		a.step = true
		var err error
		if args, err = a.stepArgs(); err != nil {
			a.listen()
			return a.report(ctx, cmd, err)
		}
	}
	cmd.SetArgs(args)
	cmd.SetOut(world.Stdout.W)
	cmd.SetErr(world.Stderr.W)
	ran, err := cmd.ExecuteContextC(ctx)
	if stopErr := a.profiles.stop(); err == nil {
		err = stopErr
	}
	return a.report(ctx, ran, err)
}

// root returns the command tree. Without a command, it deploys.
func (a *app) root() *cobra.Command {
	deploy, version := a.deployCommand(), false
	root := &cobra.Command{
		Use:   "pandastack",
		Short: "Publish a static site to storage that you own",
		Long: "pandastack builds a static site, compares the output with what is live, uploads only\n" +
			"what changed to S3-compatible storage, and purges the CDN. Without a command it deploys.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if version {
				return a.printVersion()
			}
			return deploy.RunE(cmd, args)
		},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	// Not by cobra's own Version, whose line needs a template to be ours:
	// package text/template would make the program a third larger.
	root.Flags().BoolVarP(&version, "version", "v", false, "version for pandastack")
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.HiddenDefaultCmd = true
	a.addFlags(root, deployFlags)
	a.profiles.addFlags(root)
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.profiles.start() }
	root.AddCommand(deploy, a.planCommand(), a.buildCommand(), a.configCommand(), a.schemaCommand(), a.rollbackCommand(), a.promoteCommand(), a.unlockCommand(), a.purgeCommand(), a.initCommand(), a.versionCommand())
	root.SetHelpCommand(helpCommand())
	root.AddCommand(a.releasesCommand(), a.showCommand(), a.diffCommand(), a.blameCommand(), a.verifyCommand(), a.gcCommand())
	return root
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.printVersion() },
	}
}

func (a *app) printVersion() error {
	_, err := io.WriteString(a.Stdout.W, "pandastack "+Version()+"\n")
	return err
}
