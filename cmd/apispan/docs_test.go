// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocumentedCommands: what documents and the inspector's page tell people to type is there: the command, its flags, and
// no word that would be taken for the name of a file.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	files := []string{filepath.Join(root, "extension", "apiinspectorextension", "internal", "page", "files", "index.html")}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "cmd/*/*.md", "processor/*/*.md", "exporter/*/*.md", "extension/*/*.md", "redact/*.md", "collectorbuild/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	written := regexp.MustCompile("(?m)(?:[`\"]|^(?:\\$ )?|[a-z] )apispan ([a-z][^`\"<>|#\n]*)")
	quoted := regexp.MustCompile(`'[^']*'`)
	word := regexp.MustCompile(`^[a-z]+$`)
	n := 0
	for _, file := range files {
		if base := filepath.Base(file); base == "CHANGELOG.md" || strings.Contains(file, "adr") {
			continue // what was once
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		prose := filepath.Ext(file) == ".html"
		for _, m := range written.FindAllStringSubmatch(string(b), -1) {
			words := strings.Fields(quoted.ReplaceAllString(m[1], "X"))
			if words[0] == "schema" {
				continue // the comment of a table, which says what made it
			}
			cmd, rest, err := newRoot().Find(words)
			if err != nil || cmd == cmd.Root() {
				if !strings.HasPrefix(m[0], "`") && !strings.HasPrefix(m[0], "$") {
					continue // a sentence about the project
				}
				t.Errorf("%s: apispan %s: there is no such command", file, m[1])
				continue
			}
			n++
			for i, w := range rest {
				name, _, _ := strings.Cut(strings.TrimLeft(w, "-"), "=")
				switch {
				case strings.HasPrefix(w, "-") && name != "":
					if cmd.Flags().Lookup(name) == nil && cmd.InheritedFlags().Lookup(name) == nil && (len(name) > 1 || cmd.Flags().ShorthandLookup(name) == nil) && name != "help" {
						t.Errorf("%s: apispan %s: there is no flag %s", file, m[1], w)
					}
				case i == 0 && word.MatchString(w) && (cmd.HasSubCommands() || !strings.Contains(cmd.Use, "NAME")) && (prose || strings.HasPrefix(m[0], "`")):
					t.Errorf("%s: apispan %s: %s is neither a command nor a file", file, m[1], w)
				}
			}
		}
	}
	if n < 30 || !slices.ContainsFunc(files, func(f string) bool { return filepath.Base(f) == "inspector.md" }) {
		t.Errorf("only %d commands in %q", n, files)
	}
}
