//go:build unix

package build

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pandastack-io/pandastack/internal/event"
)

// fakeTool says what it was called with, from where, and how it found NODE_ENV.
const fakeTool = "#!/bin/sh\necho \"$(basename \"$0\") $* in $(basename \"$PWD\") ${NODE_ENV-}\"\n"

// world is a repository below the directory "repo", with fake package managers
// on the PATH and nothing else but the system's own tools.
func world(t *testing.T, tools []string, files map[string]string) (Options, *recorder) {
	t.Helper()
	o, rec := options(t, nil)
	for _, tool := range tools {
		write(t, o.Dir, map[string]string{"bin/" + tool: fakeTool})
	}
	o.Environ = append(o.Environ, "PATH="+filepath.Join(o.Dir, "bin")+string(filepath.ListSeparator)+"/usr/bin-without-node"+string(filepath.ListSeparator)+systemTools(t))
	o.RepoDir = filepath.Join(o.Dir, "repo")
	o.Dir = o.RepoDir
	write(t, o.RepoDir, map[string]string{"x": ""})
	write(t, o.RepoDir, files)
	o.BuildCommand = "echo built"
	return o, rec
}

// systemTools is a directory with the few programs that the fakes use, so that
// a real Node.js on the machine changes nothing.
func systemTools(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"sh", "basename", "git", "cat", "chmod", "mkdir"} {
		path := lookPath(os.Environ(), name)
		if path == "" {
			t.Fatalf("no %s on the PATH", name)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var all = []string{"npm", "pnpm", "yarn", "bun", "node"}

func TestInstall(t *testing.T) {
	const noLock = "there is no lock file: every build may get other versions of its packages"
	tests := []struct {
		name    string
		files   map[string]string
		dir     string // below repo
		env     string
		want    []string // output before "built"
		warning string
	}{
		{name: "no package.json", files: map[string]string{"package-lock.json": "{}"}},
		{name: "npm", files: map[string]string{"package.json": "{}", "package-lock.json": "{}"}, want: []string{"npm ci in repo "}},
		{name: "npm-shrinkwrap", files: map[string]string{"package.json": "{}", "npm-shrinkwrap.json": "{}"}, want: []string{"npm ci in repo "}},
		{name: "pnpm", files: map[string]string{"package.json": "{}", "pnpm-lock.yaml": ""}, want: []string{"pnpm install --frozen-lockfile in repo "}},
		{name: "yarn classic", files: map[string]string{"package.json": "{}", "yarn.lock": "# yarn lockfile v1\n"}, want: []string{"yarn install --frozen-lockfile in repo "}},
		{name: "yarn berry by the lock file", files: map[string]string{"package.json": "{}", "yarn.lock": "__metadata:\n  version: 8\n"}, want: []string{"yarn install --immutable in repo "}},
		{name: "yarn berry by .yarnrc.yml", files: map[string]string{"package.json": "{}", "yarn.lock": "", ".yarnrc.yml": "nodeLinker: node-modules\n"}, want: []string{"yarn install --immutable in repo "}},
		{name: "yarn berry by packageManager", files: map[string]string{"package.json": `{"packageManager":"yarn@4.9.2+sha512.00"}`, "yarn.lock": ""}, want: []string{"yarn install --immutable in repo "}},
		{name: "yarn classic by packageManager", files: map[string]string{"package.json": `{"packageManager":"yarn@1.22.22"}`, "yarn.lock": ""}, want: []string{"yarn install --frozen-lockfile in repo "}},
		{name: "bun", files: map[string]string{"package.json": "{}", "bun.lock": ""}, want: []string{"bun install --frozen-lockfile in repo "}},
		{name: "bun's older lock file", files: map[string]string{"package.json": "{}", "bun.lockb": ""}, want: []string{"bun install --frozen-lockfile in repo "}},
		{name: "no lock file", files: map[string]string{"package.json": "{}"}, want: []string{"npm install in repo "}, warning: noLock},
		{name: "no lock file, pnpm", files: map[string]string{"package.json": `{"packageManager":"pnpm@9.0.0"}`}, want: []string{"pnpm install --no-frozen-lockfile in repo "}, warning: noLock},
		{name: "no lock file, berry", files: map[string]string{"package.json": `{"packageManager":"yarn@4.0.0"}`}, want: []string{"yarn install --no-immutable in repo "}, warning: noLock},
		{
			name: "two lock files", files: map[string]string{"package.json": "{}", "package-lock.json": "{}", "yarn.lock": "# yarn lockfile v1\n"},
			want: []string{"yarn install --frozen-lockfile in repo "}, warning: "lock files of yarn and npm: yarn is used, because package.json has no packageManager",
		},
		{name: "two lock files and packageManager", files: map[string]string{"package.json": `{"packageManager":"npm@11.0.0"}`, "package-lock.json": "{}", "yarn.lock": ""}, want: []string{"npm ci in repo "}},
		{
			name: "packageManager against the lock file", files: map[string]string{"package.json": `{"packageManager":"pnpm@9.0.0"}`, "package-lock.json": "{}"},
			want: []string{"pnpm install --no-frozen-lockfile in repo "}, warning: "package.json names pnpm@9.0.0, but the lock file is npm's: it is not used",
		},
		{name: "an unknown packageManager", files: map[string]string{"package.json": `{"packageManager":"vlt@1.0.0"}`, "pnpm-lock.yaml": ""}, want: []string{"pnpm install --frozen-lockfile in repo "}},
		{
			name: "npm workspace", dir: "pk/site",
			files: map[string]string{"package.json": `{"workspaces":["pk/*"]}`, "package-lock.json": "{}", "pk/site/package.json": "{}"},
			want:  []string{"npm ci in repo "},
		},
		{
			name: "yarn workspace, object form", dir: "pk/site",
			files: map[string]string{"package.json": `{"workspaces":{"packages":["./pk/**/"]}}`, "yarn.lock": "# yarn lockfile v1\n", "pk/site/package.json": "{}"},
			want:  []string{"yarn install --frozen-lockfile in repo "},
		},
		{
			name: "pnpm workspace", dir: "pk/site",
			files: map[string]string{"package.json": `{"packageManager":"pnpm@9.0.0"}`, "pnpm-workspace.yaml": "packages:\n  - 'pk/*'\n", "pnpm-lock.yaml": "", "pk/site/package.json": "{}"},
			want:  []string{"pnpm install --frozen-lockfile in repo "},
		},
		{
			name: "not part of the workspace", dir: "pk/site",
			files: map[string]string{"package.json": `{"workspaces":["pk/*","!pk/site"]}`, "package-lock.json": "{}", "pk/site/package.json": "{}"},
			want:  []string{"npm install in site "}, warning: noLock,
		},
		{
			name: "a lock file of its own", dir: "pk/site",
			files: map[string]string{"package.json": `{"workspaces":["pk/*"]}`, "package-lock.json": "{}", "pk/site/package.json": "{}", "pk/site/bun.lock": ""},
			want:  []string{"bun install --frozen-lockfile in site "},
		},
		{
			name: "packages for development are installed in production, too", env: "NODE_ENV=production",
			files: map[string]string{"package.json": "{}", "package-lock.json": "{}"}, want: []string{"npm ci in repo "},
		},
		{name: "another NODE_ENV stays", env: "NODE_ENV=test", files: map[string]string{"package.json": "{}", "package-lock.json": "{}"}, want: []string{"npm ci in repo test"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, rec := world(t, all, tt.files)
			o.Dir = filepath.Join(o.RepoDir, tt.dir)
			if tt.env != "" {
				o.Environ = append(o.Environ, tt.env)
			}
			if err := Run(t.Context(), o); err != nil {
				t.Fatalf("%v: %q", err, rec.output())
			}
			if diff := cmp.Diff(append(tt.want, "built"), rec.output()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			var warnings []string
			if tt.warning != "" {
				warnings = []string{tt.warning}
			}
			if diff := cmp.Diff(warnings, rec.messages(event.Warning)); diff != "" {
				t.Errorf("warnings: %s", diff)
			}
		})
	}
}

func TestInstallModes(t *testing.T) {
	text := func(s string) *string { return &s }
	tests := []struct {
		name    string
		mode    Mode
		command *string
		build   string
		want    []string
	}{
		{"auto", Auto, nil, "echo built", []string{"npm ci in repo ", "built"}},
		{"empty is auto", "", nil, "echo built", []string{"npm ci in repo ", "built"}},
		{"auto, nothing to build", Auto, nil, "", nil},
		{"always, nothing to build", Always, nil, "", []string{"npm ci in repo "}},
		{"never", Never, nil, "echo built", []string{"built"}},
		{"none", Auto, text(""), "echo built", []string{"built"}},
		{"none, always", Always, text(""), "echo built", []string{"built"}},
		{"a command", Auto, text("npm ci --legacy-peer-deps"), "echo built", []string{"npm ci --legacy-peer-deps in repo ", "built"}},
		{"a command, nothing to build", Auto, text("npm ci"), "", []string{"npm ci in repo "}},
		{"a command, never", Never, text("npm ci"), "echo built", []string{"built"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, rec := world(t, all, map[string]string{"package.json": "{}", "package-lock.json": "{}"})
			o.Install, o.InstallCommand, o.BuildCommand = tt.mode, tt.command, tt.build
			if err := Run(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, rec.output()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestInstallFailureStopsTheBuild(t *testing.T) {
	o, rec := world(t, nil, map[string]string{"package.json": "{}", "package-lock.json": "{}", "../bin/npm": "#!/bin/sh\necho broken\nexit 7\n"})
	err := Run(t.Context(), o)
	var e *Error
	if !errors.As(err, &e) || e.Phase != event.Install || e.ExitCode != 7 {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff([]string{"broken"}, rec.output()); diff != "" {
		t.Errorf("output: %s", diff)
	}
}

func TestMissingManager(t *testing.T) {
	o, _ := world(t, nil, map[string]string{"package.json": "{}", "package-lock.json": "{}"})
	err := Run(t.Context(), o)
	var e *Error
	if !errors.As(err, &e) || e.Missing != "npm" || e.ExitCode != 127 {
		t.Fatalf("got %#v", err)
	}
	if want := `install command "npm ci": npm: not found (exit code 127)`; e.Error() != want {
		t.Errorf("got %q, want %q", e.Error(), want)
	}
}

func TestBrokenFiles(t *testing.T) {
	for _, tt := range []struct {
		dir, file string
		files     map[string]string
	}{
		{"", "package.json", map[string]string{"package.json": "{"}},
		{"a", "package.json", map[string]string{"a/package.json": "{}", "package.json": "{"}},
		{"a", "pnpm-workspace.yaml", map[string]string{"a/package.json": "{}", "pnpm-workspace.yaml": "\t"}},
	} {
		o, _ := world(t, all, tt.files)
		o.Dir = filepath.Join(o.RepoDir, tt.dir)
		want := filepath.Join(o.RepoDir, tt.file) + ": "
		if err := Run(t.Context(), o); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v", tt.file, err)
		}
	}
}

// fakeCorepack writes shims into the directory that it is told, as corepack
// does.
const fakeCorepack = `#!/bin/sh
echo "corepack $1 $2 for $4, asks: $COREPACK_ENABLE_DOWNLOAD_PROMPT"
[ "$1 $2" = "enable --install-directory" ] || exit 1
printf '#!/bin/sh\necho "shim of %s: $*"\n' "$4" > "$3/$4"
chmod +x "$3/$4"
`

func TestCorepack(t *testing.T) {
	enabled := func(tool string) string {
		return "corepack enable --install-directory for " + tool + ", asks: 0"
	}
	tests := []struct {
		name  string
		tools []string
		files map[string]string
		build string
		want  []string
	}{
		{
			"pnpm is missing", nil, map[string]string{"package.json": `{"packageManager":"pnpm@9.15.0"}`, "pnpm-lock.yaml": ""}, "pnpm run build",
			[]string{enabled("pnpm"), "shim of pnpm: install --frozen-lockfile", "shim of pnpm: run build"},
		},
		{
			"pnpm is there", []string{"pnpm"}, map[string]string{"package.json": `{"packageManager":"pnpm@9.15.0"}`, "pnpm-lock.yaml": ""}, "pnpm run build",
			[]string{"pnpm install --frozen-lockfile in repo ", "pnpm run build in repo "},
		},
		{
			"yarn 4 where there may be yarn 1", []string{"yarn"}, map[string]string{"package.json": `{"packageManager":"yarn@4.9.2"}`, "yarn.lock": ""}, "yarn build",
			[]string{enabled("yarn"), "shim of yarn: install --immutable", "shim of yarn: build"},
		},
		{
			"yarn 4 in the repository", []string{"yarn"}, map[string]string{"package.json": `{"packageManager":"yarn@4.9.2"}`, "yarn.lock": "", ".yarnrc.yml": "yarnPath: .yarn/releases/yarn-4.9.2.cjs\n"}, "yarn build",
			[]string{"yarn install --immutable in repo ", "yarn build in repo "},
		},
		{
			"yarn 1 is there", []string{"yarn"}, map[string]string{"package.json": `{"packageManager":"yarn@1.22.22"}`, "yarn.lock": ""}, "yarn build",
			[]string{"yarn install --frozen-lockfile in repo ", "yarn build in repo "},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, rec := world(t, tt.tools, tt.files)
			write(t, o.RepoDir, map[string]string{"../bin/corepack": fakeCorepack})
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			o.BuildCommand = tt.build
			if err := Run(t.Context(), o); err != nil {
				t.Fatalf("%v: %q", err, rec.output())
			}
			if diff := cmp.Diff(tt.want, rec.output()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestCorepackMustBeAsked(t *testing.T) {
	o, _ := world(t, nil, map[string]string{"package.json": "{}", "pnpm-lock.yaml": "", "../bin/corepack": fakeCorepack})
	err := Run(t.Context(), o)
	var e *Error
	if !errors.As(err, &e) || e.Missing != "pnpm" {
		t.Fatalf("got %v", err)
	}
}
