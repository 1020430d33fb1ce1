// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// manifest is the part of an OCB manifest that has modules.
type manifest struct {
	Dist struct {
		Name       string
		OutputPath string `yaml:"output_path"`
	}
	Receivers, Processors, Exporters, Connectors, Extensions, Providers []manifestModule
	Telemetry                                                           manifestModule
	Replaces                                                            []string
}

type manifestModule struct{ GoMod, Import string }

func (m *manifest) modules() (all []manifestModule) {
	for _, s := range [][]manifestModule{m.Receivers, m.Processors, m.Exporters, m.Connectors, m.Extensions, m.Providers} {
		all = append(all, s...)
	}
	if m.Telemetry.GoMod != "" {
		all = append(all, m.Telemetry)
	}
	return all
}

func readManifest(t *testing.T, name string) *manifest {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repoRoot(t), "collectorbuild", name))
	if err != nil {
		t.Fatal(err)
	}
	m := &manifest{}
	if err := yaml.Unmarshal(text, m); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

// TestManifestVersions keeps the manifests on the versions of the root go.mod and
// on one another's.
func TestManifestVersions(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json")
	cmd.Dir = repoRoot(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var gomod struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(out, &gomod); err != nil {
		t.Fatal(err)
	}
	required := map[string]string{}
	for _, r := range gomod.Require {
		required[r.Path] = r.Version
	}
	beta := required["go.opentelemetry.io/collector/exporter/exporterhelper"]
	stable := required["go.opentelemetry.io/collector/component"]
	if beta == "" || stable == "" {
		t.Fatal("go.mod does not require the collector")
	}
	checked := 0
	for _, name := range []string{"manifest.yaml", "manifest-demo.yaml", "snippet.yaml"} {
		m := readManifest(t, name)
		for _, mod := range m.modules() {
			path, version, ok := strings.Cut(mod.GoMod, " ")
			if !ok {
				t.Errorf("%s: %q has no version", name, mod.GoMod)
				continue
			}
			switch want := required[path]; {
			case path == module:
				dir := strings.TrimPrefix(mod.Import, module+"/")
				if fi, err := os.Stat(filepath.Join(repoRoot(t), dir)); err != nil || !fi.IsDir() {
					t.Errorf("%s: import %s does not exist", name, mod.Import)
				}
			case want != "" && version != want:
				t.Errorf("%s: %s is %s, go.mod has %s", name, path, version, want)
			case version != beta && version != stable:
				t.Errorf("%s: %s is %s, want %s or %s", name, path, version, beta, stable)
			default:
				checked++
			}
		}
	}
	if checked < 15 {
		t.Errorf("only %d modules were checked", checked)
	}
}

// TestManifestsAgree: the small manifest and the snippet hold nothing that the
// full one does not have, and build the same program in another place.
func TestManifestsAgree(t *testing.T) {
	t.Parallel()
	full := readManifest(t, "manifest.yaml")
	known := map[manifestModule]bool{}
	for _, m := range full.modules() {
		known[m] = true
	}
	for _, name := range []string{"manifest-demo.yaml", "snippet.yaml"} {
		for _, m := range readManifest(t, name).modules() {
			if !known[m] {
				t.Errorf("%s has %v, manifest.yaml does not", name, m)
			}
		}
	}
	demo := readManifest(t, "manifest-demo.yaml")
	if demo.Dist.Name != full.Dist.Name || demo.Dist.OutputPath == full.Dist.OutputPath {
		t.Errorf("want one name and two output paths, got %+v and %+v", full.Dist, demo.Dist)
	}
	for _, m := range []*manifest{full, demo} {
		if !strings.HasPrefix(m.Dist.OutputPath, "collectorbuild/_build") || len(m.Replaces) != 1 {
			t.Errorf("output %q, replaces %v: the build must stay in _build… and use this checkout", m.Dist.OutputPath, m.Replaces)
		}
	}
}
