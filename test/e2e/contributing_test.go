// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const exporterDir = "exporter/apianalyticsexporter"

// TestContributingIsTrue: the worked example of CONTRIBUTING.md names files that
// exist, and its code stands in the exporter as it is shown.
func TestContributingIsTrue(t *testing.T) {
	t.Parallel()
	text := readFile(t, "CONTRIBUTING.md")
	_, section, ok := strings.Cut(text, "## Add a backend\n")
	if !ok {
		t.Fatal("no section on adding a backend")
	}
	section, _, _ = strings.Cut(section, "\n## ")

	files := 0
	for _, m := range regexp.MustCompile("`([a-z_/]+(?:/|\\.go|\\.yaml|\\.md))`").FindAllStringSubmatch(section, -1) {
		name := m[1]
		if name == exporterDir+"/" {
			continue
		}
		if !strings.Contains(name, "/") {
			name = "internal/backend/webhook/" + name
		}
		files++
		if _, err := os.Stat(filepath.Join(repoRoot(t), exporterDir, name)); err != nil {
			t.Errorf("%s does not exist", name)
		}
	}
	var code strings.Builder
	for _, pattern := range []string{"*.go", "internal/backend/webhook/*.go", "internal/backend/backendtest/*.go"} {
		matches, err := filepath.Glob(filepath.Join(repoRoot(t), exporterDir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range matches {
			b, err := os.ReadFile(m)
			if err != nil {
				t.Fatal(err)
			}
			code.WriteString(squeeze(string(b)))
		}
	}
	blocks := 0
	for _, block := range strings.Split(section, "```go\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		blocks++
		if !strings.Contains(code.String(), squeeze(block)) {
			t.Errorf("this is not in the exporter as it stands here:\n%s", block)
		}
	}
	if files < 4 || blocks < 1 {
		t.Errorf("found only %d files and %d blocks of code", files, blocks)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repoRoot(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// squeeze makes white space and indentation the same everywhere.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }
