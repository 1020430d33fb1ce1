// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/vendors"
)

// TestRegistry: whatever is in the registry has all that makes a backend, and every
// folder of a backend is in the registry.
func TestRegistry(t *testing.T) {
	t.Parallel()
	defaults := defaultBackends()
	names := defaults.names()
	if listed := slices.Sorted(maps.Keys(vendors.All)); !slices.Equal(listed, slices.Sorted(slices.Values(names))) {
		t.Errorf("registry %q, but the vendors' sides are %q: go run ./internal/backend/new -vendors", names, listed)
	}
	for i, b := range defaults.blocks() {
		dir := filepath.Join("internal", "backend", b.name)
		if want := reflect.TypeFor[Config]().PkgPath() + "/" + filepath.ToSlash(dir); b.typ.PkgPath() != want {
			t.Errorf("%s: its block is %s.Config, want %s", b.name, b.typ.PkgPath(), want)
		}
		for _, file := range []string{"doc.go", "conformance_test.go", "golden_test.go", "testdata/full/want.json"} {
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				t.Errorf("%s: %v", b.name, err)
			}
		}
		if problem := vendors.All[b.name].Incomplete(b.name); problem != "" {
			t.Errorf("%s: %s", b.name, problem)
		}
		vendor := b.name + "test.Vendor"
		for file, wants := range map[string][]string{
			"conformance_test.go": {"backendtest.Run(t, " + vendor, "backendtest.FuzzAppend("},
			"golden_test.go":      {"backendtest.Golden(t, *update, " + vendor},
		} {
			for _, want := range wants {
				if test, _ := os.ReadFile(filepath.Join(dir, file)); !strings.Contains(string(test), want) {
					t.Errorf("%s: %s has no %s…", b.name, file, want)
				}
			}
		}
		facts := reflect.New(b.typ).Interface().(backend.Config).Facts()
		if facts.Gates == nil || facts.SecretKey != "" && keyed(b.typ, facts.SecretKey) == nil {
			t.Errorf("%s: Facts has no gates, or names no key of the block: %+v", b.name, facts)
		}
		info := BackendInfos()[i]
		if info.Name != b.name || (info.Probe != "") != strings.Contains(info.ProbeHeader, "{") {
			t.Errorf("%s: what tools are told is %+v: a probe needs the credential", b.name, info)
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
		if e.IsDir() && !slices.Contains(append(names, "backendtest", "new", "vendors", "wire"), e.Name()) {
			t.Errorf("internal/backend/%s is not in the registry", e.Name())
		}
	}
}
