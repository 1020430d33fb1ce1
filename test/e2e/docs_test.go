// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// guides are the pages of which every block of Go and YAML is tried.
func guides(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(repoRoot(t), "docs", "migrate", "*.md"))
	if err != nil || len(pages) < 4 {
		t.Fatalf("the migration guides are not there: %v (%v)", pages, err)
	}
	return append(pages, filepath.Join(repoRoot(t), "docs", "sampling.md"), filepath.Join(repoRoot(t), "docs", "metering.md"))
}

func pageText(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// guideEnv holds what the configurations of the guides read.
var guideEnv = []string{
	"MOESIF_APPLICATION_ID=an-id", "README_API_KEY=a-key", "METLO_API_KEY=a-key", "METLO_ENCRYPTION_KEY=a-session-key",
	"METER_TOKEN=a-token", "USAGE_KEY=a-key", "CERBERUS_TOKEN=a-token", "REDACTION_KEY=0123456789abcdef0123456789abcdef",
}

// TestGuidesYAMLIsValid: the first YAML of a page is a whole configuration; each of
// the others is laid over it, as by a second --config.
func TestGuidesYAMLIsValid(t *testing.T) {
	t.Parallel()
	for _, page := range guides(t) {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			blocks := codeBlocks(pageText(t, page), "yaml")
			if len(blocks) == 0 {
				t.Fatal("the page has no configuration")
			}
			state := t.TempDir()
			files := make([]string, len(blocks))
			for i, block := range blocks {
				files[i] = filepath.Join(state, fmt.Sprintf("%d.yaml", i))
				block = strings.ReplaceAll(block, "/var/lib/otelcol-apispan", state)
				if err := os.WriteFile(files[i], []byte(block), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for i := range files {
				args := []string{"validate", "--config", files[0]}
				if i > 0 {
					args = append(args, "--config", files[i])
				}
				if out, err := collector(t, guideEnv, args...); err != nil {
					t.Errorf("block %d: %v\n%s\n%s", i, err, out, blocks[i])
				}
			}
		})
	}
}

// guideImports are the packages that a fragment may name without an import.
var guideImports = map[string]string{
	"attribute":     "go.opentelemetry.io/otel/attribute",
	"captureexport": "github.com/apispan/apispan/instrumentation/captureexport",
	"context":       "context",
	"entities":      "github.com/apispan/apispan/instrumentation/entities",
	"http":          "net/http",
	"httpcapture":   "github.com/apispan/apispan/instrumentation/httpcapture",
	"otlptracehttp": "go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp",
	"redact":        "github.com/apispan/apispan/redact",
	"sdktrace":      "go.opentelemetry.io/otel/sdk/trace",
	"trace":         "go.opentelemetry.io/otel/trace",
	"tracetest":     "go.opentelemetry.io/otel/sdk/trace/tracetest",
}

// TestGuidesGoCompiles: a block that begins with a package clause is a program; any
// other stands in a function that has what a service has at hand.
func TestGuidesGoCompiles(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp(filepath.Join(repoRoot(t), "test", "e2e"), "_guides") // in the module, in no pattern
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	var packages []string
	for _, page := range guides(t) {
		for i, block := range codeBlocks(pageText(t, page), "go") {
			name := fmt.Sprintf("%s%d", strings.TrimSuffix(filepath.Base(page), ".md"), i)
			if !strings.HasPrefix(block, "package ") {
				block = fragment(block)
			}
			if formatted, err := format.Source([]byte(block)); err != nil {
				t.Errorf("%s: %v\n%s", name, err, block)
				continue
			} else if strings.HasPrefix(block, "package main") && string(formatted) != block {
				t.Errorf("%s is not formatted by gofmt", name)
			}
			if err := os.MkdirAll(filepath.Join(dir, name), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name, "main.go"), []byte(block), 0o600); err != nil {
				t.Fatal(err)
			}
			packages = append(packages, "./"+name)
		}
	}
	if len(packages) == 0 {
		t.Fatal("the guides have no Go code")
	}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"vet"}, packages...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func fragment(block string) string {
	imports := make([]string, 0, len(guideImports))
	for name, path := range guideImports {
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).MatchString(block + "http.Handler context.Context") {
			imports = append(imports, fmt.Sprintf("%s %q", name, path))
		}
	}
	slices.Sort(imports)
	return "package fragment\n\nimport (\n" + strings.Join(imports, "\n") + "\n)\n\n" +
		"func fragment(ctx context.Context, mux http.Handler, r *http.Request) error {\n" + block + "\nreturn nil\n}\n"
}

// TestGuidesGoBefore: what stood in the service before is Go, too. (It imports the
// vendors' SDKs, which are not dependencies of this module, so it is only parsed.)
func TestGuidesGoBefore(t *testing.T) {
	t.Parallel()
	n := 0
	for _, page := range guides(t) {
		for _, block := range codeBlocks(pageText(t, page), "go before") {
			n++
			if _, err := format.Source([]byte(block)); err != nil {
				t.Errorf("%s: %v\n%s", filepath.Base(page), err, block)
			}
		}
	}
	if n == 0 {
		t.Error("no guide shows what stood there before")
	}
}
