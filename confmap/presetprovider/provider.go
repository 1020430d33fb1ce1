// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package presetprovider lets a Collector start with a configuration that is built in:
//
//	otelcol-apispan --config preset:inspect
//
// It is a provider of configurations like env, file and yaml: list it in the section
// providers of the builder's manifest. A preset is complete YAML; what it reads from
// ${env:…} has defaults. More files may be laid over it with further --config flags.
package presetprovider

import (
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/apispan/apispan/internal/confkeys"
	"github.com/apispan/apispan/internal/confpreset"
)

const scheme = "preset"

type provider struct{}

// NewFactory returns the factory of the provider.
func NewFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider { return provider{} })
}

// Retrieve implements [confmap.Provider].
func (provider) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	name, ok := strings.CutPrefix(uri, scheme+":")
	if !ok {
		return nil, fmt.Errorf("%q is no preset: write %s:NAME", uri, scheme)
	}
	text, ok := confpreset.Text(name)
	if !ok {
		names := confpreset.Names()
		hint := ""
		if near := confkeys.Nearest(name, names); near != "" {
			hint = "did you mean " + scheme + ":" + near + "? "
		}
		return nil, fmt.Errorf("there is no preset %q: %sthere are %s:%s", name, hint, scheme, strings.Join(names, ", "+scheme+":"))
	}
	return confmap.NewRetrievedFromYAML(text)
}

// Scheme implements [confmap.Provider].
func (provider) Scheme() string { return scheme }

// Shutdown implements [confmap.Provider].
func (provider) Shutdown(context.Context) error { return nil }
