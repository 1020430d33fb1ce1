// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/apispan/apispan/test/harness"
)

// componentModules returns the modules of the components of manifest.yaml, by
// "section type", from the table that the build itself made (TestComponentKeys).
func componentModules(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repoRoot(t), "cmd/apispan/internal/check/components.txt"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); f[0] == "component" && len(f) == 5 {
			all[f[1]+" "+f[2]] = f[4]
		}
	}
	if len(all) < 15 {
		t.Fatalf("the table has %d components", len(all))
	}
	return all
}

// TestShippedConfigsCanBeBuilt: each component that a shipped configuration uses is in
// the manifest and in the snippet, below the section where it belongs.
func TestShippedConfigsCanBeBuilt(t *testing.T) {
	t.Parallel()
	modules := componentModules(t)
	sections := func(name string) map[string][]manifestModule {
		m := readManifest(t, name)
		return map[string][]manifestModule{
			"receivers": m.Receivers, "processors": m.Processors, "exporters": m.Exporters,
			"connectors": m.Connectors, "extensions": m.Extensions,
		}
	}
	builds := map[string]map[string][]manifestModule{
		"manifest.yaml": sections("collectorbuild/manifest.yaml"), "snippet.yaml": sections("collectorbuild/snippet.yaml"),
	}
	used := 0
	for _, file := range yamlFiles(t, "collectorbuild/config") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c map[string]any
		if err := yaml.Unmarshal(text, &c); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for section := range builds["manifest.yaml"] {
			components, _ := c[section].(map[string]any)
			for id := range components {
				typ, _, _ := strings.Cut(id, "/")
				want := modules[section+" "+typ]
				if want == "" {
					t.Errorf("%s: no build has %s of %s", filepath.Base(file), typ, section)
				}
				used++
				for build, has := range builds {
					if !slices.ContainsFunc(has[section], func(m manifestModule) bool { return strings.HasPrefix(m.GoMod, want+" ") }) {
						t.Errorf("%s: %s needs %s among %s", build, filepath.Base(file), want, section)
					}
				}
			}
		}
	}
	if used < 50 {
		t.Errorf("only %d uses were checked", used)
	}
}

// TestSnippetBuilds: a Collector that is built of the snippet alone accepts every
// shipped configuration.
func TestSnippetBuilds(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a collector")
	}
	root := repoRoot(t)
	full := readManifest(t, "collectorbuild/manifest.yaml")
	snippet, err := os.ReadFile(filepath.Join(root, "collectorbuild/snippet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	// What a manifest of one's own has besides, and the modules of this checkout.
	rest, err := yaml.Marshal(map[string]any{
		"dist": map[string]string{
			"module": "example.com/own", "name": "otelcol-own", "output_path": "collectorbuild/_build_snippet",
		},
		"replaces": full.Replaces,
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(file, append(rest, snippet...), 0o600); err != nil {
		t.Fatal(err)
	}
	b := &harness.Builder{Root: root, Progress: t.Logf}
	ocb, err := b.OCB(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), ocb, "--config", file)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	binary := filepath.Join(root, "collectorbuild/_build_snippet/otelcol-own")
	for _, config := range yamlFiles(t, "collectorbuild/config") {
		cmd := exec.CommandContext(t.Context(), binary, "validate", "--config", config)
		cmd.Env = shippedEnv(t)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(config), err, out)
		}
	}
}
