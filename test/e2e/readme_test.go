// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repoRoot(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func codeBlocks(text, language string) []string {
	var blocks []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// TestReadmeYAMLIsValid gives the README's configuration to the collector.
func TestReadmeYAMLIsValid(t *testing.T) {
	t.Parallel()
	blocks := codeBlocks(readme(t), "yaml")
	if len(blocks) == 0 {
		t.Fatal("the README has no YAML")
	}
	for _, block := range blocks {
		file := filepath.Join(t.TempDir(), "readme.yaml")
		block = strings.ReplaceAll(block, "/var/lib/otelcol-apispan", t.TempDir())
		if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := validate(t, file, "MOESIF_APPLICATION_ID=an-id", "README_API_KEY=a-key",
			"REDACTION_KEY=0123456789abcdef0123456789abcdef")
		if err != nil {
			t.Errorf("%v\n%s\n%s", err, out, block)
		}
	}
}

// TestReadmeGoCompiles puts the README's Go fragments into one program.
func TestReadmeGoCompiles(t *testing.T) {
	t.Parallel()
	blocks := codeBlocks(readme(t), "go")
	if len(blocks) == 0 {
		t.Fatal("the README has no Go code")
	}
	program := `package readme

import (
	"log"
	"net/http"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

func getUser(http.ResponseWriter, *http.Request) {}

func fragment(r *http.Request) {
` + strings.Join(blocks, "\n") + "\n}\n"
	// A directory with a leading underscore is in the module but in no pattern.
	dir, err := os.MkdirTemp(filepath.Join(repoRoot(t), "test", "e2e"), "_readme")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "readme.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "vet", ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, program)
	}
}
