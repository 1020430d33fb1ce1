// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardedstorageextension

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/apispan/apispan/extension/guardedstorageextension/internal/metadata"
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
	if c.Storage.Type() == metadata.Type {
		return fmt.Errorf("`storage` is %q, which guards a storage itself: write the id of the one that stores, such as file_storage/queue", c.Storage)
	}
	return nil
}
