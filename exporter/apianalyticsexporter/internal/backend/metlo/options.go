// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlo

import "github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"

var _ backend.SDKOptions = Config{}

// SDKOptions implements [backend.SDKOptions]: the options of Metlo's SDKs and agent, and of their
// environment. docs/migrate has them with examples.
func (Config) SDKOptions() map[string]string {
	const (
		endpoint = "`endpoint: https://HOST` into `metlo`; without a port it is 8081"
		session  = "`session_key: { key: KEY, sources: [{ header: x-api-key }] }` into http_redaction, or httpcapture.WithSessionKey into the service; to encrypt contents `encryption_public_key` into `metlo`"
		user     = "`identity: { user.id: [{ header: x-user-id }] }` into http_redaction, or httpcapture.WithIdentity into the service"
		guard    = "nothing here: the service blocks, with the package instrumentation/guard and rules from the extension api_policy (docs/guard.md)"
		workers  = "`sending_queue: { num_consumers: 4 }` beside `metlo`"
		sampling = "`sampling: { percent: 10 }` beside `metlo`"
		route    = "`skip: [{ route: /internal/* }]` beside `metlo`"
		host     = "`skip: [{ host: HOST }]` beside `metlo`"
		off      = "nothing: leave the exporter out of the pipelines, or httpcapture.WithEnabled(false)"
		deny     = "`policy: { version: 1, keys: { deny: [NAME] } }` into http_redaction"
		level    = "`service: { telemetry: { logs: { level: debug } } }`, which is the level of trace and debug; `dry_run_file` shows the requests"
	)
	return map[string]string{
		"metlohost":            endpoint,
		"backendurl":           endpoint,
		"collectorport":        endpoint,
		"backendport":          "nothing: nothing is fetched from Metlo's backend",
		"host":                 endpoint,
		"loglevel":             level,
		"encryptionkey":        session,
		"authenticationconfig": session,
		"cookiename":           session,
		"jwtuserpath":          session,
		"usercookiename":       session,
		"getuser":              user,
		"rejectresponse":       guard,
		"blockresponse":        guard,
		"maxbody":              "`max_body_size: BYTES` into `metlo`",
		"disabled":             off,
		"workers":              workers,
		"threadpoolsize":       workers,
		"rps":                  sampling,
		"requestspersecond":    sampling,
		"hostmap":              "`aliases` or a transform processor before http_redaction, which set server.address",
		"protectedkeys":        deny,
		"blockfields":          "`policy: { version: 1, rules: [{ when: { host: HOST, route: /path }, keys: { deny: [NAME] } }] }` into http_redaction",
		"ignoredpaths":         route,
		"pathblocklist":        route,
		"hostblocklist":        host,
		"logrequests":          "`dry_run: true` and `dry_run_file: FILE` beside `metlo`",
		"hostname":             "nothing: the host that was asked for is sent",
		"sensitivedata":        "`policy: { version: 1, patterns: { email: report } }` into http_redaction",
		"disableddataclass":    "`policy: { version: 1, patterns: { email: report } }` into http_redaction",
		"listensocket":         "nothing: the Collector stands in place of metlo-agent",
		"socket":               "nothing: the Collector stands in place of metlo-agent",
		"enablegrpc":           "nothing: the Collector stands in place of metlo-agent",
		"custominit":           "nothing: server.address and server.port of the spans are sent",
		"serverhost":           "nothing: server.address and server.port of the spans are sent",
		"serverport":           "nothing: server.address and server.port of the spans are sent",
		"metlokey":             "`api_key` into `metlo`",
		"metloapikey":          "`api_key` into `metlo`",
	}
}
