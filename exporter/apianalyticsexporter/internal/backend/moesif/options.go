// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesif

import "github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"

var _ backend.SDKOptions = Config{}

// SDKOptions implements [backend.SDKOptions]: the options of Moesif's SDKs, and of their
// environment. docs/migrate has them with examples.
func (Config) SDKOptions() map[string]string {
	const (
		user    = "`identity: { user.id: [{ header: x-user-id }] }` into http_redaction, or httpcapture.WithIdentity into the service"
		jwt     = "`identity: { user.id: [{ jwt: { header: authorization, claim: sub } }] }` into http_redaction, or httpcapture.WithIdentityFrom into the service"
		company = "`identity: { apispan.company.id: [{ header: x-company-id }] }` into http_redaction, or httpcapture.WithIdentity into the service"
		session = "`session_id_as_token: true` into `moesif`, and `identity: { session.id: [{ cookie: sid }] }` into http_redaction or httpcapture.WithIdentityFrom into the service"
		meta    = "`identity: { apispan.metadata.NAME: [{ header: x-name }] }` into http_redaction, or httpcapture.WithMetadata into the service"
		bodies  = "`bodies: all`, `errors` or `none` into `moesif`; they are captured with httpcapture.WithBodies"
		masks   = "`policy: { version: 1, keys: { deny: [NAME] } }` into http_redaction"
		skip    = "`skip: [{ route: /health }]` beside `moesif` (host, route, method, status, header, …), or httpcapture.WithSkip into the service"
		skipOut = "`skip: [{ direction: outgoing, host: HOST }]` beside `moesif`, or httpcapture.WithSkip on the transport"
		mask    = "`mask_event: EXTENSION` beside `moesif`, an extension of your own with the method MaskEvent (package eventmask)"
		batch   = "`sending_queue: { batch: { min_size: 200 } }` beside `moesif`"
		debug   = "`dry_run: true` and `dry_run_file: FILE` beside `moesif` to see the requests"
		base    = "`endpoint: URL` beside `moesif`"
		not     = "nothing: a Collector sees finished calls and blocks none"
		guard   = "nothing here: the service blocks, with the package instrumentation/guard and rules from the extension api_policy (docs/guard.md)"
	)
	return map[string]string{
		"skip":                     skip,
		"shouldskip":               skip,
		"skipmiddleware":           skip,
		"skipoutgoing":             skipOut,
		"shouldskipoutgoing":       skipOut,
		"identifyuser":             user,
		"identifyuseroutgoing":     user,
		"identifycompany":          company,
		"identifycompanyoutgoing":  company,
		"authorizationheadername":  jwt,
		"authorizationuseridfield": jwt,
		"getsessiontoken":          session,
		"getsessiontokenoutgoing":  session,
		"getmetadata":              meta,
		"getmetadataoutgoing":      meta,
		"logbody":                  bodies,
		"logbodyoutgoing":          bodies,
		"requestheadermasks":       masks,
		"requestbodymasks":         masks,
		"responseheadermasks":      masks,
		"responsebodymasks":        masks,
		"hidekeys":                 masks,
		"maskeventmodel":           mask,
		"maskeventmodeloutgoing":   mask,
		"maskeventoutgoing":        mask,
		"maskevent":                mask,
		"maskcontent":              mask,
		"batchsize":                batch,
		"maxbatchsize":             batch,
		"eventqueuesize":           "`sending_queue: { queue_size: BYTES }` beside `moesif`",
		"timerwakeupseconds":       "`sending_queue: { batch: { flush_timeout: 2s } }` beside `moesif`",
		"batchmaxtime":             "`sending_queue: { batch: { flush_timeout: 2s } }` beside `moesif`",
		"maxbatchtime":             "`sending_queue: { batch: { flush_timeout: 2s } }` beside `moesif`",
		"baseuri":                  base,
		"apiendpoint":              base,
		"localmoesifbaseurl":       base,
		"moesifbaseuri":            base,
		"disabletransactionid":     "nothing: a transaction id is in the response only if the service sets httpcapture.WithEventIDHeader",
		"captureoutgoingrequests":  "nothing: calls of clients with httpcapture.NewTransport are events; `direction: incoming` in `moesif` leaves them out",
		"startcaptureoutgoing":     "nothing: calls of clients with httpcapture.NewTransport are events; `direction: incoming` in `moesif` leaves them out",
		"captureoutgoing":          "nothing: calls of clients with httpcapture.NewTransport are events; `direction: incoming` in `moesif` leaves them out",
		"localdebug":               debug,
		"debug":                    debug,
		"samplerate":               "`sampling: { percent: 10 }` or `sampling: { source: vendor }` beside `moesif`",
		"samplingpercentage":       "`sampling: { percent: 10 }` or `sampling: { source: vendor }` beside `moesif`",
		"requestmaxbodysize":       "`max_body_size: BYTES` into `moesif`",
		"responsemaxbodysize":      "`max_body_size: BYTES` into `moesif`",
		"maxbodysizebytes":         "`max_body_size: BYTES` into `moesif`",
		"blockbottraffic":          not,
		"enablegovernance":         guard,
		"collectorapplicationid":   "`application_id` into `moesif`",
		"moesifapplicationid":      "`application_id` into `moesif`",
		"tags":                     "`identity: { apispan.metadata.tags: [{ header: x-tags }] }` into http_redaction, or httpcapture.SetMetadata into the service",
	}
}
