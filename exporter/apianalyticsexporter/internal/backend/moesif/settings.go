// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesif

import (
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// Limits: https://www.moesif.com/docs/api#errors allows 1 MB an event and 50 MB
// a batch, uncompressed; the vendor's SDKs send 200 events at a time. We stay
// below, so that one retry does not resend much.
const (
	maxItems        = 200
	maxItemBytes    = 900_000
	maxRequestBytes = 4_000_000
	// maxBodyBytes is what the vendor keeps of a body of an event that is too
	// large; base64 adds a third.
	maxBodyBytes = 450_000
	// maxQueryKeys is the vendor's limit on query parameters.
	maxQueryKeys = 500
)

// Config is the block `moesif` of the exporter's configuration.
type Config struct {
	// ApplicationID is the Collector Application Id of Moesif's portal. Required.
	ApplicationID configopaque.String `mapstructure:"application_id"`
	// APIVersion is sent for exchanges without apispan.api.version. Default none.
	APIVersion string `mapstructure:"api_version"`
	// ServiceVersionAsAPIVersion sends the service's version where there is no
	// other. Default false: a build is not an API version.
	ServiceVersionAsAPIVersion bool `mapstructure:"service_version_as_api_version"`
	// NoResponseStatus is the status of an exchange without a response (Moesif's Node
	// SDK reports 599); 0, the default, means that the event has no response, as the
	// documentation has it.
	NoResponseStatus int `mapstructure:"no_response_status"`
	// SessionIDAsToken sends session.id as session_token. Default false, since
	// some applications put the session's secret there.
	SessionIDAsToken bool `mapstructure:"session_id_as_token"`
	// IgnoreTransactionID keeps a captured X-Moesif-Transaction-Id header from
	// becoming the event's id. Default true: ids are ours, and the captured header
	// stays with the event. False does as Moesif's SDKs do. WARNING: events with one
	// id are one event to Moesif, so a client that sends the same id with every
	// request makes its calls vanish from analytics and metered billing.
	IgnoreTransactionID bool `mapstructure:"ignore_transaction_id"`

	Gates backend.Gates `mapstructure:",squash"`
}

// Default returns the block as it is where no key is written.
func (*Config) Default() any {
	return configoptional.Default(Config{IgnoreTransactionID: true, Gates: backend.DefaultGates()})
}

// Facts implements [backend.Config].
func (c *Config) Facts() backend.Facts {
	return backend.Facts{
		Gates: &c.Gates, SecretKey: "application_id", Secret: string(c.ApplicationID),
		Endpoint: "https://api.moesif.net", Compression: "gzip", Probe: ratesPath,
		Paths: []string{"/v1/events/batch", "/v1/events"},
	}
}

// Encoder implements [backend.Encoder] for Moesif, which documents 401 and 403 for the
// application id, 402 for an inactive subscription, and 502 and 503 as transient: no status
// needs a rule of its own.
type Encoder struct {
	backend.Base

	settings Config
}

var (
	_ backend.Config  = (*Config)(nil)
	_ backend.Encoder = (*Encoder)(nil)
	_ backend.Shedder = (*Encoder)(nil)
)

// NewEncoder implements [backend.Config].
func (c *Config) NewEncoder(b backend.Build) (backend.Encoder, error) {
	p := backend.Problems{Block: "moesif"}
	n := c.NoResponseStatus
	p.Unless(n == 0 || n >= 100 && n <= 599, "no_response_status", n, "0 (no response) or a status from 100 to 599")
	if err := p.Err(); err != nil {
		return nil, err
	}
	header := map[string]string{"X-Moesif-Application-Id": string(c.ApplicationID)}
	return &Encoder{settings: *c, Base: b.Base(header)}, nil
}

// Spec implements [backend.Encoder].
func (e *Encoder) Spec() backend.Spec {
	return backend.Spec{
		Name:            "moesif",
		Path:            "/v1/events/batch",
		Frame:           backend.JSONArray,
		MaxItems:        maxItems,
		MaxItemBytes:    maxItemBytes,
		Slim:            slim,
		MaxRequestBytes: maxRequestBytes,
		IDPath:          []string{"transaction_id"},
	}
}
