// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import "github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"

var _ backend.SDKOptions = Config{}

// SDKOptions implements [backend.SDKOptions]: the options of Cerberus's middleware, and of their
// environment. docs/migrate has them with examples.
func (Config) SDKOptions() map[string]string {
	const endpoint = "`endpoint: wss://HOST/PATH` into `cerberus`, or `https://HOST` to send batches"
	return map[string]string{
		"wsurl":             endpoint,
		"host":              endpoint,
		"apikey":            "`token` into `cerberus`",
		"cerberustoken":     "`token` into `cerberus`",
		"debug":             "`dry_run: true` and `dry_run_file: FILE` beside `cerberus`",
		"cerberusdebug":     "`dry_run: true` and `dry_run_file: FILE` beside `cerberus`",
		"cerberusmetrics":   "`extract: [{ from: response.body.$._cerberus_metrics, remove: true }]` into http_redaction, or httpcapture.SetMetadata into the service",
		"customdata":        "`extract: [{ from: response.body.$._cerberus_metrics, remove: true }]` into http_redaction, or httpcapture.SetMetadata into the service",
		"metrics":           "`extract: [{ from: response.body.$._cerberus_metrics, remove: true }]` into http_redaction, or httpcapture.SetMetadata into the service",
		"hmackey":           "`secret_key` into `cerberus`",
		"cerberussecretkey": "`secret_key` into `cerberus`",
		"queuesize":         "`sending_queue: { queue_size: BYTES }` beside `cerberus`",
		"maxqueuesize":      "`sending_queue: { queue_size: BYTES }` beside `cerberus`",
		"batchsize":         "`max_batch_events: 50` into `cerberus`",
	}
}
