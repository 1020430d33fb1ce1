// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardedstorageextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/apispan/apispan/extension/guardedstorageextension/internal/metadata"
)

// NewFactory returns the factory of the extension guarded_storage.
func NewFactory() extension.Factory {
	return extension.NewFactory(
		metadata.Type,
		func() component.Config { return &Config{} },
		func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
			return newGuarded(set, cfg.(*Config)), nil
		},
		metadata.ExtensionStability,
	)
}
