// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package check examines a Collector configuration, the machine and the backends
// for what is refused at start, loses data, leaks data or surprises: what `otelcol
// validate` finds, and what it cannot know. Each finding has a number that documentation and support can refer to.
//
// It reads the YAML itself, without the Collector, so that it runs anywhere. It
// prints no value of the configuration that could be a secret. With network checks
// on it makes one GET request to each backend with the configured credential, and
// sends no event.
package check
