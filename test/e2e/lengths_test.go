// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ownFiles are those of the product that somebody reads: not tests, nor what stands for
// others in tests, nor what a tool has written.
var ownFiles = regexp.MustCompile(`^(cmd|confmap|exporter|extension|instrumentation|internal|processor|redact)/.*\.(go|js|css)$`)

var otherFiles = regexp.MustCompile(`_test\.go$|/[a-z]+test/|/testdata/|/generated_|_gen\.go$|/rig/`)

// TestFileLengths: a file can be read in one go.
func TestFileLengths(t *testing.T) {
	t.Parallel()
	const most = 420
	root, read := repoRoot(t), 0
	for _, file := range trackedFiles(t) {
		if !ownFiles.MatchString(file) || otherFiles.MatchString(file) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, file))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		} else if err != nil {
			t.Fatal(err)
		}
		read++
		if n := bytes.Count(text, []byte("\n")); n > most {
			t.Errorf("%s has %d lines: cut it by meaning, at about 400", file, n)
		}
	}
	if read < 300 {
		t.Errorf("only %d files were looked at", read)
	}
}

// TestBackendLengths: the contract does its part, so that a backend without a format of its
// own is small. Those of vendors, whose formats are odd, are longer.
func TestBackendLengths(t *testing.T) {
	t.Parallel()
	const folder, most = exporterDir + "/internal/backend/", 450
	lines := map[string]int{"clickhouse": 0, "cloudevents": 0}
	for _, file := range trackedFiles(t) {
		rest, ok := strings.CutPrefix(file, folder)
		name, _, _ := strings.Cut(rest, "/")
		if _, small := lines[name]; !ok || !small || !ownFiles.MatchString(file) || otherFiles.MatchString(file) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(repoRoot(t), file))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		lines[name] += bytes.Count(text, []byte("\n"))
	}
	for name, n := range lines {
		if n == 0 || n > most {
			t.Errorf("the backend %s has %d lines, of at most %d: what other backends need, too, belongs beside them", name, n, most)
		}
	}
}
