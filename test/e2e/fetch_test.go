// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	modmodule "golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	modzip "golang.org/x/mod/zip"

	"github.com/apispan/apispan/test/harness"
)

// treeFile is a tracked file as golang.org/x/mod/zip takes it.
type treeFile struct{ name, path string }

func (f treeFile) Path() string                 { return f.name }
func (f treeFile) Lstat() (os.FileInfo, error)  { return os.Lstat(f.path) }
func (f treeFile) Open() (io.ReadCloser, error) { return os.Open(f.path) }

// moduleFiles are the tracked files of one module, without the modules below it.
func moduleFiles(t *testing.T, dir string) []modzip.File {
	t.Helper()
	tracked := trackedFiles(t)
	var nested []string
	for _, name := range tracked {
		if d := path.Dir(name); path.Base(name) == "go.mod" && d != dir {
			nested = append(nested, d+"/")
		}
	}
	prefix := dir + "/"
	if dir == "." {
		prefix = ""
	}
	var files []modzip.File
next:
	for _, name := range tracked {
		full := filepath.Join(repoRoot(t), filepath.FromSlash(name))
		if _, err := os.Lstat(full); err != nil || !strings.HasPrefix(name, prefix) {
			continue // of another module, or deleted and not yet committed
		}
		for _, n := range nested {
			if strings.HasPrefix(n, prefix) && strings.HasPrefix(name, n) {
				continue next
			}
		}
		files = append(files, treeFile{strings.TrimPrefix(name, prefix), full})
	}
	return files
}

// TestFetchArchives: every file of every released module has a name and a size that
// the go command and Windows take.
func TestFetchArchives(t *testing.T) {
	t.Parallel()
	modules, _ := released(t)
	for _, p := range modules {
		checked, err := modzip.CheckFiles(moduleFiles(t, moduleDir(p)))
		if err != nil && len(checked.Invalid) == 0 {
			t.Errorf("%s: %v", p, err)
		}
		for _, f := range checked.Invalid {
			t.Errorf("%s: %v: rename the file, or nobody can fetch %s", path.Join(moduleDir(p), f.Path), f.Err, p)
		}
	}
}

// TestFetchVersions: the modules require each other at the version of versions.yaml,
// replace each other by this checkout, and require nothing of it that is not released.
func TestFetchVersions(t *testing.T) {
	t.Parallel()
	modules, version := released(t)
	isReleased := map[string]bool{}
	for _, p := range modules {
		isReleased[p] = true
	}
	for _, p := range modules {
		dir := moduleDir(p)
		f := goMod(t, dir)
		for other, v := range f.required {
			switch {
			case !under(other, module):
			case !isReleased[other]:
				t.Errorf("%s/go.mod requires %s, which is not released, so that nobody could fetch it: list it under modules in versions.yaml, or do without", dir, other)
			case v != version:
				t.Errorf("%s/go.mod requires %s %s, versions.yaml says %s: run make prerelease (RELEASE.md)", dir, other, v, version)
			case f.replaced[other] == "":
				t.Errorf("%s/go.mod does not replace %s: work in the checkout would use the published one; add \"replace %s => …\" to it", dir, other, other)
			}
		}
	}
	if f := goMod(t, "."); len(f.replaced) != 0 {
		t.Errorf("go.mod replaces %v: go install %s/cmd/apispan@%s refuses that, remove it", f.replaced, module, version)
	}
}

// TestVersionsTags: the tags of one version stand on one commit, and of the version of
// versions.yaml every released module has one, or none. Where tags were not fetched there
// is nothing to see.
func TestVersionsTags(t *testing.T) {
	t.Parallel()
	modules, version := released(t)
	cmd := exec.CommandContext(t.Context(), "git", "for-each-ref", "--format=%(refname:strip=2) %(objectname) %(*objectname)", "refs/tags")
	cmd.Dir = repoRoot(t)
	out, err := cmd.Output()
	if err != nil {
		t.Skip("not a git checkout")
	}
	tags := map[string]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line) // the second object is what an annotated tag stands on
		tags[f[0]] = f[len(f)-1]
	}
	for _, problem := range tagProblems(tags, modules, version) {
		t.Error(problem)
	}
}

// tagProblems says what is wrong with tags, a commit by name.
func tagProblems(tags map[string]string, modules []string, version string) (problems []string) {
	prefixes := []string{""} // of tags: "", "exporter/apianalyticsexporter/"
	for _, m := range modules {
		if dir := moduleDir(m); dir != "." {
			prefixes = append(prefixes, dir+"/")
		}
	}
	versions := map[string]bool{}
	for tag := range tags {
		v := path.Base(tag)
		if semver.IsValid(v) && slices.Contains(prefixes, strings.TrimSuffix(tag, v)) {
			versions[v] = true
		}
	}
	for _, v := range slices.Sorted(maps.Keys(versions)) {
		first := ""
		for _, p := range prefixes {
			switch commit := tags[p+v]; {
			case commit == "" && v == version:
				problems = append(problems, fmt.Sprintf("the tag %s%s is missing, others of %s are there: run multimod tag on their commit, or, if the module is newer, raise the version in versions.yaml (RELEASE.md)", p, v, v))
			case commit == "":
			case first == "":
				first = p + v
			case commit != tags[first]:
				problems = append(problems, fmt.Sprintf("the tags %s and %s stand on different commits, %.12s and %.12s: delete them if they were not pushed, else raise the version in versions.yaml and tag again (RELEASE.md)",
					first, p+v, tags[first], commit))
			}
		}
	}
	return problems
}

func TestTagProblems(t *testing.T) {
	t.Parallel()
	modules := []string{module, module + "/redact/x", module + "/processor/y"}
	for name, tc := range map[string]struct {
		tags map[string]string
		want []string
	}{
		"no tags":        {nil, nil},
		"all on one":     {map[string]string{"v0.2.0": "a", "redact/x/v0.2.0": "a", "processor/y/v0.2.0": "a"}, nil},
		"an old release": {map[string]string{"v0.1.0": "a", "redact/x/v0.1.0": "a"}, nil}, // processor/y came later
		"other tags":     {map[string]string{"nightly": "a", "docs/v0.2.0": "b", "v0.2": "c"}, nil},
		"one is missing": {map[string]string{"v0.2.0": "a", "redact/x/v0.2.0": "a"}, []string{"the tag processor/y/v0.2.0 is missing"}},
		"root is missing": {
			map[string]string{"processor/y/v0.2.0": "a"},
			[]string{"the tag v0.2.0 is missing", "the tag redact/x/v0.2.0 is missing"},
		},
		"two commits": {
			map[string]string{"v0.1.0": "a", "redact/x/v0.1.0": "b"},
			[]string{"the tags v0.1.0 and redact/x/v0.1.0 stand on different commits, a and b: "},
		},
	} {
		got := tagProblems(tc.tags, modules, "v0.2.0")
		if !slices.EqualFunc(got, tc.want, strings.HasPrefix) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func moduleDir(modulePath string) string {
	if modulePath == module {
		return "."
	}
	return strings.TrimPrefix(modulePath, module+"/")
}

// proxy serves the modules of this tree as if they were tagged, from files.
func proxy(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	modules, version := released(t)
	for _, p := range modules {
		at := filepath.Join(dir, filepath.FromSlash(p), "@v")
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
		gomod, err := os.ReadFile(filepath.Join(repoRoot(t), moduleDir(p), "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		archive, err := os.Create(filepath.Join(at, version+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		if err := modzip.Create(archive, modmodule.Version{Path: p, Version: version}, moduleFiles(t, moduleDir(p))); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		if err := archive.Close(); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"list":            version + "\n",
			version + ".mod":  string(gomod),
			version + ".info": fmt.Sprintf(`{"Version":%q,"Time":"2026-01-01T00:00:00Z"}`, version),
		} {
			if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// moduleCache is a module cache with all that the usual one has, but for our own
// modules: a release of the same version, or an earlier run, must not be used.
func moduleCache(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	usual, own := strings.TrimSpace(string(out)), t.TempDir()
	mirror := func(below string, except ...string) {
		from, to := filepath.Join(usual, below), filepath.Join(own, below)
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(from)
		if err != nil {
			return // an empty cache
		}
	next:
		for _, e := range entries {
			for _, x := range except {
				if e.Name() == x {
					continue next
				}
			}
			if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	mirror(".", "github.com", "cache")
	mirror("github.com", "apispan")
	mirror("cache", "download", "lock")
	mirror("cache/download", "github.com")
	mirror("cache/download/github.com", "apispan")
	return own
}

// fetchEnv is the environment of a user's machine on which our release is out.
func fetchEnv(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOPROXY").Output()
	if err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(),
		"GOPROXY=file://"+filepath.ToSlash(proxy(t))+","+strings.TrimSpace(string(out)),
		"GONOSUMDB=github.com/apispan/*", "GOFLAGS=-mod=mod -trimpath -modcacherw", "GOWORK=off", "CGO_ENABLED=0",
		"GOMODCACHE="+moduleCache(t), "GOBIN="+t.TempDir())
}

// goTool runs the go command as a user does, away from the checkout.
func goTool(t *testing.T, env []string, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestFetchByUsers: programs of users build against the released modules, each from
// an empty go.mod, so that nothing but our own requirements chooses versions.
func TestFetchByUsers(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	_, version := released(t)
	env := fetchEnv(t)
	programs := map[string][]string{
		"service": {"instrumentation/httpcapture", "instrumentation/captureexport", "instrumentation/entities", "redact"},
		"gin":     {"instrumentation/gincapture"},
		"echo":    {"instrumentation/echocapture"},
		"fiber":   {"instrumentation/fibercapture"},
	}
	for name, imports := range programs {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			text := "package main\n\nimport (\n"
			for _, p := range imports {
				text += fmt.Sprintf("\t_ %q\n", module+"/"+p)
			}
			text += ")\n\nfunc main() {}\n"
			if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			goTool(t, env, dir, "mod", "init", "example.com/user")
			for _, p := range imports {
				goTool(t, env, dir, "get", module+"/"+p+"@"+version)
			}
			goTool(t, env, dir, "mod", "tidy")
			goTool(t, env, dir, "build", "./...")
			checkLight(t, env, dir)
		})
	}
	t.Run("apispan", func(t *testing.T) {
		goTool(t, env, t.TempDir(), "install", module+"/cmd/apispan@"+version)
	})
}

// checkLight: a service that imports us gets no Collector module, not even unused.
func checkLight(t *testing.T, env []string, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-json", "all")
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var m struct{ Path string }
		if err := dec.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(m.Path, "go.opentelemetry.io/collector") {
			t.Errorf("a service's module graph holds %s", m.Path)
		}
	}
}

// TestFetchByBuilder: a user's manifest, which is ours without replaces, builds.
func TestFetchByBuilder(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a Collector")
	}
	env := fetchEnv(t)
	text, err := os.ReadFile(filepath.Join(repoRoot(t), "collectorbuild", "manifest-demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(text), "\nreplaces:")
	if !ok {
		t.Fatal("manifest-demo.yaml has no replaces at its end: mend this test")
	}
	dir := t.TempDir()
	before = strings.Replace(before, "collectorbuild/_build_demo", filepath.ToSlash(filepath.Join(dir, "out")), 1)
	if err := os.WriteFile(filepath.Join(dir, "manifest.yaml"), []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	builder, err := (&harness.Builder{Root: repoRoot(t), Progress: t.Logf}).OCB(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), builder, "--config", "manifest.yaml")
	cmd.Dir, cmd.Env = dir, env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "out", "otelcol-apispan"), "components").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"http_redaction", "api_analytics"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the binary has no %s:\n%s", want, out)
		}
	}
}
