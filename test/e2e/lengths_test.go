// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
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
