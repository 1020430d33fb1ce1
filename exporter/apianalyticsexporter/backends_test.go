// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
)

// TestRegistry: whatever is in the registry has all that makes a backend, and every
// folder of a backend is in the registry.
func TestRegistry(t *testing.T) {
	t.Parallel()
	defaults := defaultBackends()
	names := defaults.names()
	if fakes := backendtest.Names(); !slices.Equal(fakes, slices.Sorted(slices.Values(names))) {
		t.Errorf("registry %q, but backendtest has the vendor's side of %q", names, fakes)
	}
	for _, b := range defaults.blocks() {
		dir := filepath.Join("internal", "backend", b.name)
		if want := reflect.TypeFor[Config]().PkgPath() + "/" + filepath.ToSlash(dir); b.typ.PkgPath() != want {
			t.Errorf("%s: its block is %s.Config, want %s", b.name, b.typ.PkgPath(), want)
		}
		for _, file := range []string{"doc.go", "conformance_test.go", "golden_test.go", "testdata/full/want.json"} {
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				t.Errorf("%s: %v", b.name, err)
			}
		}
		if test, _ := os.ReadFile(filepath.Join(dir, "conformance_test.go")); !strings.Contains(string(test), "backendtest.FuzzAppend(") {
			t.Errorf("%s: conformance_test.go has no fuzz target", b.name)
		}
		facts := reflect.New(b.typ).Interface().(backend.Config).Facts()
		if facts.Gates == nil || !slices.ContainsFunc(reflect.VisibleFields(b.typ), func(f reflect.StructField) bool {
			return f.Tag.Get("mapstructure") == facts.SecretKey
		}) && facts.SecretKey != "" {
			t.Errorf("%s: Facts has no gates, or names no key of the block: %+v", b.name, facts)
		}
		cfg := backendConfig(t, b.name, "https://vendor.example")
		c, err := cfg.choice()
		if err != nil || c.name != b.name {
			t.Fatalf("%s: %v", b.name, err)
		}
		enc, err := c.newEncoder(cfg.ClientConfig.Endpoint, "1.2.3")
		if err != nil || enc.Spec().Name != b.name {
			t.Errorf("%s: Spec().Name of the encoder: %v", b.name, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join("internal", "backend"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(append(names, "backendtest", "new", "wire"), e.Name()) {
			t.Errorf("internal/backend/%s is not in the registry", e.Name())
		}
	}
}
