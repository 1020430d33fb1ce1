// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// goModFile is what the tests read of a go.mod.
type goModFile struct {
	required map[string]string
	replaced map[string]string
}

func goMod(t *testing.T, dir string) goModFile {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json")
	cmd.Dir = filepath.Join(repoRoot(t), dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s/go.mod: %v", dir, err)
	}
	var text struct {
		Require []struct{ Path, Version string }
		Replace []struct {
			Old, New struct{ Path string }
		}
	}
	if err := json.Unmarshal(out, &text); err != nil {
		t.Fatal(err)
	}
	f := goModFile{required: map[string]string{}, replaced: map[string]string{}}
	for _, r := range text.Require {
		f.required[r.Path] = r.Version
	}
	for _, r := range text.Replace {
		f.replaced[r.Old.Path] = r.New.Path
	}
	return f
}

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
	text, err := os.ReadFile(filepath.Join(repoRoot(t), name))
	if err != nil {
		t.Fatal(err)
	}
	m := &manifest{}
	if err := yaml.Unmarshal(text, m); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

// manifests are the files for the builder, below the root.
var manifests = []string{
	"collectorbuild/manifest.yaml", "collectorbuild/manifest-demo.yaml", "collectorbuild/snippet.yaml",
	"test/collectorbench/manifest.yaml",
}

// TestManifestVersions keeps the manifests on the Collector that the components
// require, on the version of our modules, and on one another's.
func TestManifestVersions(t *testing.T) {
	t.Parallel()
	ours, version := released(t)
	required := map[string]string{}
	for _, dir := range moduleDirs(t) {
		for path, v := range goMod(t, dir).required {
			if old := required[path]; old != "" && old != v && strings.HasPrefix(path, "go.opentelemetry.io/collector/") {
				t.Errorf("%s/go.mod requires %s %s, another module %s: name one version in all", dir, path, v, old)
			}
			required[path] = v
		}
	}
	beta := required["go.opentelemetry.io/collector/exporter/exporterhelper"]
	stable := required["go.opentelemetry.io/collector/component"]
	if beta == "" || stable == "" {
		t.Fatal("no module requires the collector")
	}
	checked := 0
	for _, name := range manifests {
		for _, mod := range readManifest(t, name).modules() {
			path, v, ok := strings.Cut(mod.GoMod, " ")
			if !ok {
				t.Errorf("%s: %q has no version: write \"gomod: %s %s\"", name, mod.GoMod, mod.GoMod, beta)
				continue
			}
			switch want := required[path]; {
			case under(path, module):
				if !slices.Contains(ours, path) || v != version {
					t.Errorf("%s: %s %s: versions.yaml has no such module, or %s of it: run make prerelease, or write a module and version of versions.yaml", name, path, v, version)
				}
			case want != "" && v != want:
				t.Errorf("%s: %s is %s, the go.mod files have %s: write that", name, path, v, want)
			case v != beta && v != stable:
				t.Errorf("%s: %s is %s, the other modules %s or %s: write the one that the module has a release of", name, path, v, beta, stable)
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
	full := readManifest(t, "collectorbuild/manifest.yaml")
	known := map[manifestModule]bool{}
	for _, m := range full.modules() {
		known[m] = true
	}
	for _, name := range []string{"collectorbuild/manifest-demo.yaml", "collectorbuild/snippet.yaml"} {
		for _, m := range readManifest(t, name).modules() {
			if !known[m] {
				t.Errorf("%s has %q, collectorbuild/manifest.yaml does not: write the same there, or remove it", name, m.GoMod)
			}
		}
	}
	demo := readManifest(t, "collectorbuild/manifest-demo.yaml")
	if demo.Dist.Name != full.Dist.Name || demo.Dist.OutputPath == full.Dist.OutputPath {
		t.Errorf("want one name and two output paths, got %+v and %+v", full.Dist, demo.Dist)
	}
	for _, m := range []*manifest{full, demo} {
		if !strings.HasPrefix(m.Dist.OutputPath, "collectorbuild/_build") {
			t.Errorf("output %q: the build must stay in _build…", m.Dist.OutputPath)
		}
		for _, mod := range m.modules() {
			path, _, _ := strings.Cut(mod.GoMod, " ")
			if under(path, module) && !slices.ContainsFunc(m.Replaces, func(r string) bool { return strings.HasPrefix(r, path+" => ") }) {
				t.Errorf("the manifest of %s builds %s without a line in replaces: it would be fetched, not taken from this checkout: add %q", m.Dist.OutputPath, path, path+" => ../../"+moduleDir(path))
			}
		}
	}
}
