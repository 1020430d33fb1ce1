// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package confpreset_test

import (
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/apispan/apispan/internal/confpreset"
)

func TestPresets(t *testing.T) {
	t.Parallel()
	names := confpreset.Names()
	if !slices.Contains(names, "inspect") {
		t.Fatalf("names %q", names)
	}
	for _, name := range names {
		text, ok := confpreset.Text(name)
		if !ok || !strings.HasPrefix(string(text), "# "+name+": ") {
			t.Errorf("%s: begins with %.40q: the first line says what it is for", name, text)
		}
		var conf struct {
			Exporters map[string]struct {
				DryRun    bool `yaml:"dry_run"`
				Inspector string
			}
		}
		if err := yaml.Unmarshal(text, &conf); err != nil {
			t.Fatal(err)
		}
		for id, e := range conf.Exporters {
			if strings.HasPrefix(id, "api_analytics") && (!e.DryRun || e.Inspector != "api_inspector") {
				t.Errorf("%s: %s sends something, or nobody sees it", name, id)
			}
		}
	}
	for _, name := range []string{"", "Inspect", "../confpreset/inspect", "inspect.yaml"} {
		if _, ok := confpreset.Text(name); ok {
			t.Errorf("%q is a preset", name)
		}
	}
}
