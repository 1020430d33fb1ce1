// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"cmp"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
)

// The limits are ours: what web servers and functions commonly take.
const (
	maxItems        = 500
	maxItemBytes    = 1_000_000
	maxRequestBytes = 5_000_000
)

// Values of Config.Format.
const (
	// FormatNDJSON is newline-delimited JSON, one event a line. It is the default.
	FormatNDJSON = "ndjson"
	// FormatHAR is one HAR 1.2 log a request, one entry an event.
	FormatHAR = "har"
)

// Config is the block `webhook` of the exporter's configuration.
type Config struct {
	// Endpoint is the URL to send to, as it is. Required, here or as the
	// exporter's own key of that name.
	Endpoint string `mapstructure:"endpoint"`
	// Format is "ndjson" (the default): one event of the schema
	// apispan.event/1 a line; or "har": one HAR 1.2 log a request.
	Format string `mapstructure:"format"`
	// BearerToken is sent in Authorization. Default none; for other credentials
	// use the HTTP client's headers or auth.
	BearerToken configopaque.String `mapstructure:"bearer_token"`
	// AcceptPages takes a whole HTML page with a status of 2xx for delivery. Default false:
	// what answers with one is a login, a captive portal or a firewall before the endpoint.
	AcceptPages bool `mapstructure:"accept_pages"`

	Gates backend.Gates `mapstructure:",squash"`
}

// Default returns the block as it is where no key is written.
func (*Config) Default() any {
	return configoptional.Default(Config{Format: FormatNDJSON, Gates: backend.DefaultGates()})
}

// Facts implements [backend.Config].
func (c *Config) Facts() backend.Facts {
	return backend.Facts{
		Gates: &c.Gates, SecretKey: "bearer_token", Secret: string(c.BearerToken), SecretOptional: true,
		Endpoint: c.Endpoint, OwnEndpoint: true, WholeURL: true,
	}
}

// Encoder implements [backend.Encoder] for a webhook.
type Encoder struct {
	backend.Base

	har  bool
	spec backend.Spec
}

var (
	_ backend.Config  = (*Config)(nil)
	_ backend.Encoder = (*Encoder)(nil)
)

// NewEncoder implements [backend.Config].
func (c *Config) NewEncoder(b backend.Build) (backend.Encoder, error) {
	p := backend.Problems{Block: "webhook"}
	backend.OneOf(&p, "format", cmp.Or(c.Format, FormatNDJSON), FormatNDJSON, FormatHAR)
	if err := p.Err(); err != nil {
		return nil, err
	}
	header := map[string]string{"Authorization": backend.Bearer(string(c.BearerToken))}
	e := &Encoder{har: c.Format == FormatHAR, Base: b.Base(header)}
	e.spec = backend.Spec{
		Name:            "webhook",
		Form:            FormatNDJSON,
		Frame:           backend.NDJSON,
		MaxItems:        maxItems,
		MaxItemBytes:    maxItemBytes,
		Slim:            slim,
		MaxRequestBytes: maxRequestBytes,
		IDPath:          []string{"id"},
		Answers:         backend.Answers{Any: true, Pages: c.AcceptPages},
	}
	if e.har {
		e.spec.Form, e.spec.IDPath = FormatHAR, []string{"_id"}
		e.spec.Frame = backend.JSONArray
		e.spec.Prefix = `{"log":{"version":"1.2","creator":{"name":"apispan","version":` +
			string(wire.AppendString(nil, cmp.Or(b.Version, "0.0.0"))) + `},"entries":[`
		e.spec.Slim = slimHAR
		e.spec.Suffix = "]}}"
	}
	return e, nil
}

// Spec implements [backend.Encoder]. The path is empty: the configured endpoint is
// the whole URL.
func (e *Encoder) Spec() backend.Spec { return e.spec }

// slim and slimHAR make an encoded event smaller.
var (
	slim = []backend.Slim{
		{{Path: "request.body"}, {Path: "response.body"}, {Value: `"shed_bodies":true`, Mark: true}},
		{
			{Path: "request.headers", Value: "{}"}, {Path: "response.headers", Value: "{}"},
			{Value: `"shed_headers":true`, Mark: true},
		},
		{
			{Path: "url", Longest: 1024}, {Path: "route", Longest: 1024}, {Path: "trace.span_name", Longest: 1024},
			{Path: "metadata"}, {Value: `"shed_url":true`, Mark: true},
		},
	}
	slimHAR = []backend.Slim{
		{
			{Path: "request.postData"}, {Path: "response.content.text"}, {Path: "response.content.encoding"},
			{Path: "_apispan", Value: `"shed_bodies":true`, Mark: true},
		},
		{
			{Path: "request.headers", Value: "[]"}, {Path: "response.headers", Value: "[]"},
			{Path: "_apispan", Value: `"shed_headers":true`, Mark: true},
		},
		{
			{Path: "request.url", Longest: 1024}, {Path: "request.queryString", Value: "[]"},
			{Path: "_apispan.route", Longest: 1024}, {Path: "_apispan.trace.span_name", Longest: 1024},
			{Path: "_apispan.metadata"}, {Path: "_apispan", Value: `"shed_url":true`, Mark: true},
		},
	}
)
