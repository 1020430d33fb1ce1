// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestAttributesAreDocumented compares docs/attributes.md with the code, both
// ways: every key and alias in the code is in the document, and every key of ours
// in the document exists.
func TestAttributesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(repoRoot(t), "docs", "attributes.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = true
	}

	keys := stringLiterals(t, "internal/httpattr/keys.go")
	if len(keys) < 50 {
		t.Fatalf("found only %d keys in the code; the test would prove little", len(keys))
	}
	known := map[string]bool{}
	for _, key := range keys {
		if key == "apispan." {
			continue // the prefix of all of ours
		}
		name := key
		if strings.HasSuffix(key, ".") {
			name += "<name>"
			if strings.Contains(key, "metadata") {
				name = key + "<key>"
			}
		}
		known[name] = true
		if !documented[name] {
			t.Errorf("internal/httpattr has %q; docs/attributes.md does not have `%s`", key, name)
		}
	}
	for name := range documented {
		if strings.HasPrefix(name, "apispan.") && name != "apispan." && !known[name] {
			t.Errorf("docs/attributes.md has `%s`; internal/httpattr does not", name)
		}
	}

	for _, key := range stringLiterals(t, "exporter/apianalyticsexporter/internal/fromspan/keys.go") {
		// What looks like an attribute key; the file has prefixes too.
		if strings.Contains(key, "/") || !strings.Contains(key, ".") || strings.HasSuffix(key, ".") || key == "http.re" {
			continue
		}
		if !documented[key] {
			t.Errorf("the exporter reads %q; docs/attributes.md does not have it", key)
		}
	}
}

// stringLiterals returns the string literals of a Go file, comments and imports
// apart.
func stringLiterals(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(repoRoot(t), file), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec, *ast.Field:
			return false
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				s, err := strconv.Unquote(n.Value)
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, s)
			}
		}
		return true
	})
	return found
}
