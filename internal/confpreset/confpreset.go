// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package confpreset has Collector configurations that come with otelcol-apispan: it
// starts with one by --config preset:NAME, and the command apispan prints them.
package confpreset

import (
	"embed"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Names lists the presets, in alphabetical order.
func Names() (names []string) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil // it was built in
	}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Text returns a preset, a configuration in YAML.
func Text(name string) (text []byte, ok bool) {
	text, err := files.ReadFile(name + ".yaml")
	return text, err == nil && !strings.ContainsAny(name, "/\\")
}
