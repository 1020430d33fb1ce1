// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"embed"
	"sort"
	"strings"
)

//go:embed presets/*.yaml
var presetFiles embed.FS

// PresetNames lists the shipped policies.
func PresetNames() []string {
	es, err := presetFiles.ReadDir("presets")
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range es {
		out = append(out, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	sort.Strings(out)
	return out
}

// Preset returns a shipped policy as the YAML file that it is, comments and all.
func Preset(name string) (yaml []byte, ok bool) {
	b, err := presetFiles.ReadFile("presets/" + name + ".yaml")
	return b, err == nil
}
