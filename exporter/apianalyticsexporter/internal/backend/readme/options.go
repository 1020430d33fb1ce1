// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package readme

import "github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"

var _ backend.SDKOptions = Config{}

// SDKOptions implements [backend.SDKOptions]: the options of ReadMe's SDKs and gateways' plugins, and of their
// environment. docs/migrate has them with examples.
func (Config) SDKOptions() map[string]string {
	const (
		group = "`identity: { apispan.consumer.id: [{ header: x-consumer-id }] }` into http_redaction (and apispan.consumer.label, apispan.consumer.email), or httpcapture.WithIdentity into the service"
		deny  = "`policy: { version: 1, keys: { deny: [NAME] } }` into http_redaction"
		allow = "`policy: { version: 1, in: { request_body: { allow: [NAME] }, response_body: { allow: [NAME] } } }` into http_redaction"
		hosts = "`hosts: [api.example.com]` beside `readme`"
		batch = "`sending_queue: { batch: { max_size: 10 } }` beside `readme`"
		async = "nothing: events are always sent in the background"
		log   = "httpcapture.WithEventIDHeader and WithEventIDPrefix into the service"
		base  = "`endpoint: URL` beside `readme`"
		logs  = "`service: { telemetry: { logs: { level: debug } } }`"
		off   = "nothing: leave the exporter out of the pipelines"
	)
	return map[string]string{
		"groupingfunction":     group,
		"grouping":             group,
		"getuser":              group,
		"idheader":             group,
		"groupby":              group,
		"userdata":             group,
		"label":                group,
		"email":                group,
		"bufferlength":         batch,
		"developmentmode":      "`development: true`, `false` or `auto` into `readme`",
		"isdevelopment":        "`development: true`, `false` or `auto` into `readme`",
		"backgroundworkermode": async,
		"fireandforget":        async,
		"denylist":             deny,
		"blacklist":            deny,
		"hideheaders":          deny,
		"allowlist":            allow,
		"whitelist":            allow,
		"allowedhttphosts":     hosts,
		"baselogurl":           log,
		"logger":               logs,
		"loglevel":             logs,
		"proxyendpoint":        base,
		"readmemetricsserver":  base,
		"metricsserver":        base,
		"host":                 base,
		"keepalive":            "`idle_conn_timeout: 90s` beside `readme`",
		"disablemetrics":       off,
		"disablewebhook":       "nothing: the webhook of personalised docs is no telemetry, keep ReadMe's library for it",
		"webhooksecret":        "nothing: the webhook of personalised docs is no telemetry, keep ReadMe's library for it",
		"readmeapikey":         "`api_key` into `readme`",
	}
}
