// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apipolicyextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/apispan/apispan/extension/apipolicyextension/internal/metadata"
)

// NewFactory returns the factory of the extension api_policy.
func NewFactory() extension.Factory {
	return extension.NewFactory(
		metadata.Type,
		func() component.Config { return defaultConfig() },
		func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
			return newPolicy(set, cfg.(*Config))
		},
		metadata.ExtensionStability,
	)
}
