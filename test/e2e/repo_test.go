// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// repoRoot returns the directory that holds the root go.mod.
func repoRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(filepath.Dir(dir))
}

// trackedFiles lists what git tracks, or skips where there is no checkout (a
// module download).
func trackedFiles(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z")
	cmd.Dir = repoRoot(t)
	out, err := cmd.Output()
	if err != nil {
		t.Skip("not a git checkout")
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// released reads versions.yaml: the module paths that users fetch, and their version.
func released(t *testing.T) (modules []string, version string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repoRoot(t), "versions.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Sets map[string]struct {
			Version string
			Modules []string
		} `yaml:"module-sets"`
	}
	if err := yaml.Unmarshal(text, &list); err != nil {
		t.Fatalf("versions.yaml: %v", err)
	}
	set := list.Sets["apispan"]
	if len(set.Modules) < 2 || set.Version == "" {
		t.Fatal("versions.yaml: no set apispan with modules and a version")
	}
	return set.Modules, set.Version
}

// moduleDirs lists the directories, below the root, of the modules that users fetch
// and of those that hold our programs.
func moduleDirs(t *testing.T) []string {
	t.Helper()
	modules, _ := released(t)
	dirs := []string{"examples", "test"}
	for _, path := range modules {
		dirs = append(dirs, moduleDir(path))
	}
	return dirs
}

// TestArchitecture: the table of ARCHITECTURE.md names every module and every folder of
// a kind, and nothing that does not exist.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(repoRoot(t), "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n > 150 {
		t.Errorf("ARCHITECTURE.md has %d lines: at most 150", n)
	}
	named := map[string]bool{".": true} // the root module is the whole
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		for i, word := range strings.Split(strings.Split(line, "|")[1], "`") {
			if word = strings.ReplaceAll(word, "…", "exporter/apianalyticsexporter"); i%2 == 0 || strings.Contains(word, "<") {
				continue
			}
			dirs := []string{word}
			if before, rest, ok := strings.Cut(word, "{"); ok {
				list, after, _ := strings.Cut(rest, "}")
				dirs = nil
				for one := range strings.SplitSeq(list, ",") {
					dirs = append(dirs, before+one+after)
				}
			}
			for _, dir := range dirs {
				named[dir] = true
				if info, err := os.Stat(filepath.Join(repoRoot(t), dir)); err != nil || !info.IsDir() {
					t.Errorf("ARCHITECTURE.md has `%s`, which is no folder: correct the row", dir)
				}
			}
		}
	}
	seen := map[string]bool{}
	for _, name := range trackedFiles(t) {
		dir, base := filepath.ToSlash(filepath.Dir(name)), filepath.Base(name)
		if parts := strings.Split(dir, "/"); base != "go.mod" {
			if len(parts) < 2 || !slices.Contains([]string{"extension", "instrumentation", "internal", "test"}, parts[0]) || parts[1] == "testdata" {
				continue
			}
			dir = strings.Join(parts[:2], "/")
		} else if strings.Contains(dir, "testdata") {
			continue
		}
		if !seen[dir] && !named[dir] {
			t.Errorf("ARCHITECTURE.md does not name `%s`: add a row to the table that says what it is and what it may import", dir)
		}
		seen[dir] = true
	}
}

// TestGoFilesHaveHeader keeps the two-line licence header in every Go file, so
// that tooling need not guess.
func TestGoFilesHaveHeader(t *testing.T) {
	t.Parallel()
	for _, name := range trackedFiles(t) {
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		f, err := os.Open(filepath.Join(repoRoot(t), name))
		if os.IsNotExist(err) {
			continue // deleted in the work tree, not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(f)
		sc.Scan()
		first := sc.Text()
		if strings.HasPrefix(first, "// Code generated") {
			first = "// Copyright The apispan Authors"
		}
		if first != "// Copyright The apispan Authors" {
			t.Errorf("%s: first line is not the licence header", name)
		}
		f.Close()
	}
}
