// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/apispan/apispan/test/harness"
)

// documented is a command that a page names.
type documented struct {
	page string // below the root
	text string
	name string // make, go or apispan
	args []string
}

var (
	shellBlock     = regexp.MustCompile("(?ms)^```(?:sh|bash|console)\n(.*?)^```")
	indentedBlock  = regexp.MustCompile(`(?m)^    (?:make|go) .*$`)
	inlineCommand  = regexp.MustCompile("`((?:[A-Z_]+=\\S+ )*(?:make|go (?:run|test|build|generate)|apispan) [^`]+)`")
	beginsCommand  = regexp.MustCompile(`^(?:[A-Z_]+=\S+ )*(?:make|go|apispan) `)
	optionalPart   = regexp.MustCompile(`\[(-[^\]]*)\]`)
	needsARelease  = regexp.MustCompile(`^go (?:get|install) |@v|@latest`)
	proseGoTest    = regexp.MustCompile(`^go test$`)
	continuedLine  = regexp.MustCompile(`\\\n\s*`)
	lineEndInProse = regexp.MustCompile(`\s*\n\s*`)
)

// documentedCommands reads the commands of make, go and apispan from every page, as
// the shell understands them.
func documentedCommands(t *testing.T) (all []documented) {
	t.Helper()
	root := repoRoot(t)
	for _, page := range trackedFiles(t) {
		if !strings.HasSuffix(page, ".md") || strings.HasPrefix(filepath.Base(page), "CHANGELOG") {
			continue
		}
		text := pageText(t, filepath.Join(root, page))
		var lines []string
		for _, m := range shellBlock.FindAllStringSubmatch(text, -1) {
			for l := range strings.Lines(continuedLine.ReplaceAllString(m[1], " ")) {
				lines = append(lines, strings.TrimPrefix(strings.TrimSpace(l), "$ "))
			}
		}
		for _, l := range indentedBlock.FindAllString(fencedBlock.ReplaceAllString(text, ""), -1) {
			lines = append(lines, strings.TrimSpace(l))
		}
		for _, m := range inlineCommand.FindAllStringSubmatch(fencedBlock.ReplaceAllString(text, ""), -1) {
			lines = append(lines, lineEndInProse.ReplaceAllString(m[1], " "))
		}
		for _, l := range lines {
			l = optionalPart.ReplaceAllString(l, "$1")
			if !beginsCommand.MatchString(l) || needsARelease.MatchString(l) || proseGoTest.MatchString(l) || strings.Contains(l, "…") {
				continue
			}
			if c, ok := shellWords(t, l); ok {
				c.page, c.text = page, l
				all = append(all, c)
			}
		}
	}
	if len(all) < 40 {
		t.Fatalf("only %d commands are documented", len(all))
	}
	return all
}

// shellWords runs a line in a shell in which the programs only say what they were given.
func shellWords(t *testing.T, line string) (documented, bool) {
	t.Helper()
	const say = `() { { printf '%s\0' "$0_ARGS" "@" "$@"; env -0 | grep -z '^DEMO_SECONDS=\|^FUZZTIME='; } >&3; }; `
	script := ""
	for _, name := range []string{"make", "go", "apispan"} {
		script += name + strings.Replace(say, "$0_ARGS", name, 1)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script+line)
	cmd.Dir = t.TempDir()
	cmd.ExtraFiles = []*os.File{w}
	_ = cmd.Run() // the programs around it may not find their files
	_ = w.Close()
	out := make([]byte, 64<<10)
	n, _ := r.Read(out)
	_ = r.Close()
	words := strings.Split(strings.TrimSuffix(string(out[:n]), "\x00"), "\x00")
	if len(words) < 3 || words[1] != "@" {
		return documented{}, false
	}
	c := documented{name: words[0], args: words[2:]}
	return c, true
}

// freshClone is what git would check out: what it tracks and what is to be added.
func freshClone(t *testing.T) string {
	t.Helper()
	root, dir := repoRoot(t), t.TempDir()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Skip("no checkout: ", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		mode := fs.FileMode(0o644)
		if fi, err := os.Stat(filepath.Join(root, name)); err == nil {
			mode = fi.Mode().Perm()
		}
		to := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, mode)); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}} {
		if text, err := inDir(t, dir, "git", args...); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, text)
		}
	}
	return dir
}

func inDir(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	// With -trimpath a package of a fresh clone is compiled once, wherever it stands.
	cmd.Env = append(os.Environ(), "GOFLAGS=-trimpath -buildvcs=false", "GOWORK=off", "CGO_ENABLED=0", "MAKEFLAGS=", "MAKELEVEL=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestDocumentedCommands: every command that a page names is understood on a fresh
// clone: make has the target and hands the arguments on as they were written, go finds
// the packages, the tests and the flags, apispan the subcommand and its flags. What
// they do is what the other tests are about.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles the tests of many packages")
	}
	clone := freshClone(t)
	done := map[string]bool{}
	for _, c := range documentedCommands(t) {
		if key := c.page + "\x00" + strings.Join(c.args, "\x00"); done[key] {
			continue
		} else {
			done[key] = true
		}
		var problem string
		switch c.name {
		case "make":
			problem = tryMake(t, clone, c)
		case "go":
			problem = tryGo(t, clone, c)
		case "apispan":
			problem = tryProgram(t, filepath.Join(clone, ".bin"), clone, "./cmd/apispan", c.args)
		}
		if problem != "" {
			t.Errorf("%s: %s\n%s", c.page, c.text, problem)
		}
	}
}

// TestMakeOnAFreshClone: the loops over modules see those of git, not what a build left.
func TestMakeOnAFreshClone(t *testing.T) {
	t.Parallel()
	clone := freshClone(t)
	for _, dir := range []string{"collectorbuild/_build", "collectorbuild/_build_demo", "collectorbuild/_build_other", ".tmp/x", "dist"} {
		path := filepath.Join(clone, dir)
		if err := errors.Join(os.MkdirAll(path, 0o755), os.WriteFile(filepath.Join(path, "go.mod"), []byte("module left.example/behind\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range []string{"test-modules", "lint", "check", "vuln", "fuzz"} {
		out, err := inDir(t, clone, "make", "-n", target)
		if err != nil {
			t.Errorf("make %s: %v\n%s", target, err, out)
		}
		for _, left := range []string{"_build/go.mod", "_build_demo", "_build_other", ".tmp/x", "dist/go.mod"} {
			if strings.Contains(strings.ReplaceAll(out, "internal/dist/go.mod", ""), left) {
				t.Errorf("make %s goes into %s", target, left)
			}
		}
	}
}

// TestManifestsOnAFreshClone: the builder finds room for each build where nothing was
// built before.
func TestManifestsOnAFreshClone(t *testing.T) {
	t.Parallel()
	clone := freshClone(t)
	b := &harness.Builder{Root: clone, Progress: t.Logf}
	for _, name := range []string{"manifest.yaml", "manifest-demo.yaml", harness.BenchManifest} {
		dir, err := b.Generate(t.Context(), name, "--skip-compilation", "--skip-get-modules")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "main.go")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// tryMake asks make what it would do.
func tryMake(t *testing.T, clone string, c documented) string {
	t.Helper()
	out, err := inDir(t, clone, "make", append([]string{"-n"}, c.args...)...)
	if err != nil {
		return out
	}
	for _, a := range c.args {
		if value, ok := strings.CutPrefix(a, "CHAOS="); ok {
			if !strings.Contains(out, "chaos "+value+"\n") {
				return "make changes the arguments:\n" + out
			}
		}
	}
	return ""
}

// goFlagsOfTests are those that only matter when tests run; true if a value follows.
var goFlagsOfTests = map[string]bool{
	"-run": true, "-bench": true, "-fuzz": true, "-benchtime": true, "-count": true, "-cpu": true, "-fuzztime": true,
	"-timeout": true, "-v": false, "-race": false, "-benchmem": false, "-short": false,
}

// tryGo lists the tests of go test, and builds the program of go run.
func tryGo(t *testing.T, clone string, c documented) string {
	t.Helper()
	args := c.args
	verb, args := args[0], args[1:]
	dirs := []string{clone, filepath.Join(clone, filepath.Dir(c.page))}
	if len(args) > 1 && args[0] == "-C" {
		dirs, args = []string{filepath.Join(clone, args[1])}, args[2:]
	}
	var pkgs, flags, patterns []string
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		takes, known := goFlagsOfTests[name]
		switch {
		case verb == "run" && len(pkgs) == 1:
			flags = append(flags, args[i])
		case known:
			if takes && !joined && i+1 < len(args) {
				i++
				value = args[i]
			}
			if name == "-run" || name == "-bench" || name == "-fuzz" {
				patterns = append(patterns, value)
			}
		case strings.HasPrefix(args[i], ".") && len(flags) == 0:
			pkgs = append(pkgs, args[i])
		default:
			flags = append(flags, args[i])
		}
	}
	if len(pkgs) == 0 {
		pkgs = []string{"."}
	}
	dir := ""
	problem := ""
	for _, d := range dirs {
		out, err := inDir(t, d, "go", append([]string{"list"}, pkgs...)...)
		if err == nil && !strings.Contains(out, "matched no packages") {
			dir = d
			break
		}
		problem += out
	}
	if dir == "" {
		return problem
	}
	switch verb {
	case "run":
		return tryProgram(t, filepath.Join(clone, ".bin"), dir, pkgs[0], flags)
	case "test":
		return tryTests(t, dir, pkgs, flags, patterns)
	}
	return ""
}

// tryTests compiles the tests and asks them for what the patterns name.
func tryTests(t *testing.T, dir string, pkgs, flags, patterns []string) string {
	t.Helper()
	patterns = slices.DeleteFunc(patterns, func(p string) bool { return p == "^$" || p == "." })
	if len(patterns) == 0 {
		return "" // all of them, which make test runs
	}
	for i, p := range patterns {
		patterns[i], _, _ = strings.Cut(p, "/")
	}
	args := append([]string{"test", "-vet=off", "-list", strings.Join(patterns, "|")}, pkgs...)
	out, err := inDir(t, dir, "go", append(args, flags...)...)
	if err != nil {
		return out
	}
	if !regexp.MustCompile(`(?m)^(Test|Benchmark|Fuzz|Example)`).MatchString(out) {
		return "no test has such a name:\n" + out
	}
	return ""
}

// tryProgram builds a program and looks for subcommands and flags in its help.
func tryProgram(t *testing.T, bin, dir, pkg string, args []string) string {
	t.Helper()
	program := filepath.Join(bin, strings.ReplaceAll(strings.TrimPrefix(pkg, "./"), "/", "-"))
	if out, err := inDir(t, dir, "go", "build", "-o", program, pkg); err != nil {
		return out
	}
	help := []string{}
	for _, a := range args {
		if strings.HasPrefix(a, "-") || strings.ContainsAny(a, "./ ") || a == strings.ToUpper(a) {
			break
		}
		help = append(help, a)
	}
	out, err := inDir(t, dir, program, append(help, "-h")...)
	if err != nil && strings.Contains(out, "unknown command") {
		return out
	}
	for _, a := range args {
		name, _, _ := strings.Cut(a, "=")
		if flag := strings.TrimLeft(name, "-"); flag != name && flag != "" &&
			!regexp.MustCompile(`(?m)^\s+(-\w, )?--?`+regexp.QuoteMeta(flag)+`\b`).MatchString(out) {
			return "it has no flag " + name + ":\n" + out
		}
	}
	return ""
}
