// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package bench measures the http_redaction processor beside the processors of
// opentelemetry-collector-contrib that people use for the same task, on the same
// spans. It holds tests only. See README.md.
package bench
