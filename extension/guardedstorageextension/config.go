// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardedstorageextension

import (
	"errors"

	"go.opentelemetry.io/collector/component"
)

// Config is the YAML of the extension.
type Config struct {
	// Storage is the id of the storage extension to guard, such as
	// file_storage/queue. Required.
	Storage component.ID `mapstructure:"storage"`
}

// Validate implements confmap.Validator.
func (c *Config) Validate() error {
	if c.Storage == (component.ID{}) {
		return errors.New("`storage` is empty: write the id of a storage extension, such as file_storage/queue")
	}
	return nil
}
