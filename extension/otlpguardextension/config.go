// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"fmt"
)

// Limits of the configuration, and its defaults.
const (
	defaultMaxDecodedMiB = 256
	defaultMaxDepth      = 64
	// highestDepth keeps far away from the end of the stack, at about 500 bytes a level.
	highestDepth = 10_000
)

// Config is the YAML of the extension.
type Config struct {
	// MaxDecodedMiB is how much memory one request may take when it is decoded, in
	// MiB, by an estimate that is rather too high. Default 256. As many requests may
	// be decoded at once as the receiver takes, so leave room for a few of them.
	MaxDecodedMiB int `mapstructure:"max_decoded_mib"`

	// MaxDepth is how deep values (maps and arrays) may be nested. Default 64, at
	// most 10,000.
	MaxDepth int `mapstructure:"max_depth"`
}

func defaultConfig() *Config {
	return &Config{MaxDecodedMiB: defaultMaxDecodedMiB, MaxDepth: defaultMaxDepth}
}

// Validate implements xconfmap.Validator.
func (c *Config) Validate() error {
	if c.MaxDecodedMiB < 1 {
		return fmt.Errorf("`max_decoded_mib` is %d: write a number of MiB of 1 or more, such as %d", c.MaxDecodedMiB, defaultMaxDecodedMiB)
	}
	if c.MaxDepth < 1 || c.MaxDepth > highestDepth {
		return fmt.Errorf("`max_depth` is %d: write a number from 1 to %d, such as %d", c.MaxDepth, highestDepth, defaultMaxDepth)
	}
	return nil
}
