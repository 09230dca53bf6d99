package build

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
)

// Error says how the install or the build command failed.
type Error struct {
	Phase   event.Phase // event.Install or event.Build
	Command string      // the line that the shell was given
	// ExitCode is the command's, or -1 where it has none: ended by a signal,
	// by us, or never started.
	ExitCode int
	Signal   string   // the signal's name, for example "SIGKILL"; else empty
	Tail     []string // the last lines that it printed, at most 20
	// Missing is the program that was not found, as far as the output tells.
	Missing  string
	TimedOut bool
	Limit    time.Duration // the time limit, where TimedOut
	// Err is the context's error after a cancellation or time-out, or why the
	// command could not be started. nil where the command failed by itself.
	Err error
}

// Error says what failed and how, in one line.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s command %q", e.Phase, e.Command)
	switch {
	case e.TimedOut:
		return fmt.Sprintf("%s did not end within %s", s, e.Limit)
	case e.Err != nil:
		return fmt.Sprintf("%s: %v", s, e.Err)
	case e.Missing != "":
		return fmt.Sprintf("%s: %s: not found (exit code %d)", s, e.Missing, e.ExitCode)
	case e.Signal != "":
		return fmt.Sprintf("%s was ended by %s", s, e.Signal)
	default:
		return fmt.Sprintf("%s failed with exit code %d", s, e.ExitCode)
	}
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Hint says in a sentence what to do. It is empty where the command's own
// output is all that is known.
func (e *Error) Hint() string {
	switch {
	case e.TimedOut:
		return "Raise buildTimeout, or look in the output for what it waits for."
	case e.Err != nil:
		return ""
	case e.Missing != "":
		return missingHint(e.Missing)
	case e.Signal == "SIGKILL" || e.ExitCode == 137:
		return "It was killed from outside, most often for want of memory: use a larger runner or give the build less to do at once."
	case e.ExitCode == 127:
		return "A program that the command calls was not found: the last lines may say which."
	case e.ExitCode == 126:
		return "The shell found the program but may not execute it: check its permissions (git keeps them: git update-index --chmod=+x FILE) and its first line."
	case e.Phase == event.Install && slices.ContainsFunc(e.Tail, lockMismatch):
		return "The lock file and package.json disagree: run the package manager on your machine and commit the lock file."
	default:
		return ""
	}
}

// lockMismatch finds what the package managers print when the lock file does
// not fit package.json: npm, pnpm, yarn classic and berry, bun.
func lockMismatch(line string) bool {
	return slices.ContainsFunc([]string{
		"can only install packages when your package.json and package-lock.json",
		"ERR_PNPM_OUTDATED_LOCKFILE",
		"Your lockfile needs to be updated",
		"The lockfile would have been modified by this install",
		"lockfile had changes, but lockfile is frozen",
	}, func(s string) bool { return strings.Contains(line, s) })
}

// nodeTools come with Node.js, or are switched on by its corepack.
var nodeTools = []string{"node", "npm", "npx", "corepack"}

// missingHint names the way to a program that was not found.
func missingHint(tool string) string {
	const elsewhere = "or run the build in an earlier step and leave buildCommand out"
	switch {
	case slices.Contains(nodeTools, tool):
		return fmt.Sprintf("%s comes with Node.js: install Node.js, use an image that has it, %s.", tool, elsewhere)
	case tool == "pnpm" || tool == "yarn":
		return fmt.Sprintf("Name %s with its version in package.json's packageManager and have corepack installed, use an image that has %s, %s.", tool, tool, elsewhere)
	case slices.Contains(packageTools, tool):
		return fmt.Sprintf("%s is a package of the site: list it in package.json and let the install run (--install always).", tool)
	default:
		return fmt.Sprintf("Install %s first, use an image that has it, %s.", tool, elsewhere)
	}
}

// packageTools are programs that sites get from node_modules/.bin.
var packageTools = []string{
	"astro", "docusaurus", "eleventy", "esbuild", "gatsby", "next", "nuxt", "parcel", "react-scripts",
	"rollup", "svelte-kit", "tsc", "vite", "vitepress", "vue-cli-service", "vue-tsc", "webpack",
}

// notFound matches what shells, env and cmd.exe print about a program that they
// do not find, with its name.
var notFound = []*regexp.Regexp{
	regexp.MustCompile(`(?:^|[\s:])([^\s:]+): (?:command )?not found$`),
	regexp.MustCompile(`^(?:/usr/bin/)?env: [‘'"]?([^\s‘’'":]+)[’'"]?: No such file or directory`),
	regexp.MustCompile(`^[^:]*sh: (?:line )?(?:\d+: )?([^\s:]+): No such file or directory$`),
	regexp.MustCompile(`^'([^']+)' is not recognized as an internal or external command`),
}

// missingTool returns the program that the command did not find, or "". Exit
// code 127 says that there is one, 9009 is what cmd.exe makes of it; the name
// is in the output.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02
func missingTool(e *Error) string {
	if e.ExitCode != 127 && e.ExitCode != 9009 {
		return ""
	}
	for _, line := range slices.Backward(e.Tail) {
		for _, re := range notFound {
			if m := re.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
				return m[1]
			}
		}
	}
	return ""
}
