// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlo

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// The collector takes 2 MB of JSON in a request (express, limit "2mb"). The other
// figures are ours: small requests, because what a failed one has delivered is
// unknown, and small items, because a trace is for analysis and not an archive.
const (
	maxItems        = 50
	maxItemBytes    = 64 << 10
	maxRequestBytes = 1_500_000
)

// defaultMaxBodyBytes is where Metlo's Go SDK cuts a body; its documented default
// for the newer agents is half of that.
const defaultMaxBodyBytes = 10 << 10

// Values of Config.API.
const (
	// V1 has the collector parse and analyse the content. It is the default.
	V1 = "v1"
	// V2 is the interface of Metlo's agent: it takes routes and sessions, and
	// analyses less.
	V2 = "v2"
)

// Config is the block `metlo` of the exporter's configuration.
type Config struct {
	// Endpoint is the URL of Metlo's collector, such as
	// https://metlo.example.com:8081. Without a port it is 8081, as in the SDKs: write
	// :443 for a proxy there. Required, unless the key of that name beside the block is
	// set.
	Endpoint string `mapstructure:"endpoint"`
	// APIKey is sent as it is in Authorization. Required.
	APIKey configopaque.String `mapstructure:"api_key"`
	// API is "v1" (the default: the collector analyses the content) or "v2" (the
	// agents' interface: routes, sessions and encryption).
	API string `mapstructure:"api"`
	// Single sends each trace in a request of its own. Default false: up to 50.
	Single bool `mapstructure:"single"`
	// Environment is that of exchanges without deployment.environment.name.
	// Default "production", as in the SDKs.
	Environment string `mapstructure:"environment"`
	// EncryptionPublicKey is an RSA public key in PEM (PKIX); query, headers and
	// bodies are encrypted for its owner. Needs API "v2". Default none.
	EncryptionPublicKey string `mapstructure:"encryption_public_key"`
	// EncryptionPublicKeyFile is a file with that key, read once, at start.
	EncryptionPublicKeyFile string `mapstructure:"encryption_public_key_file"`

	// Gates: max_body_size is 10240 where it is not written. With bodies none and
	// headers false, traces of API "v2" are marked as redacted and have no query.
	Gates backend.Gates `mapstructure:",squash"`
}

// Default returns the block as it is where no key is written.
func (*Config) Default() any {
	gates := backend.DefaultGates()
	gates.MaxBodySize = defaultMaxBodyBytes
	return configoptional.Default(Config{API: V1, Environment: "production", Gates: gates})
}

// Facts implements [backend.Config]. No SDK of Metlo's compresses. The collector stamps
// a trace on arrival: one that is delivered late tells a wrong time, so it is not kept
// long.
func (c *Config) Facts() backend.Facts {
	return backend.Facts{
		Gates: &c.Gates, SecretKey: "api_key", Secret: string(c.APIKey),
		Endpoint: c.Endpoint, OwnEndpoint: true, Probe: "/api/v1/verify", Port: "8081",
		Paths: []string{
			"/api/v1/log-request/batch", "/api/v1/log-request/single", "/api/v2/log-request/batch", "/api/v2/log-request/single",
			"/api/v1", "/api/v2",
		},
		Delivery: backend.Delivery{
			Timeout: 5 * time.Second, InitialInterval: time.Second, MaxInterval: 5 * time.Second,
			MaxElapsedTime: 10 * time.Second, QueueBytes: 40 << 20,
		},
	}
}

// Encoder implements [backend.Encoder] for Metlo.
type Encoder struct {
	backend.Base

	settings Config
	v2       bool
	redacted bool     // marked as without content
	wrap     *wrapper // nil: no encryption
}

var (
	_ backend.Config         = (*Config)(nil)
	_ backend.Encoder        = (*Encoder)(nil)
	_ backend.NoAnswerPolicy = (*Encoder)(nil)
)

// NewEncoder implements [backend.Config].
func (c *Config) NewEncoder(b backend.Build) (backend.Encoder, error) {
	header := map[string]string{"Authorization": string(c.APIKey)}
	e := &Encoder{settings: *c, Base: b.Base(header), v2: c.API == V2}
	e.settings.API = cmp.Or(c.API, V1)
	e.settings.Environment = cmp.Or(c.Environment, "production")
	e.redacted = e.v2 && c.Gates.Bodies == backend.BodiesNone && !c.Gates.Headers
	p := backend.Problems{Block: "metlo"}
	backend.OneOf(&p, "api", e.settings.API, V1, V2)
	key, err := c.publicKey()
	errs := []error{p.Err(), err}
	if key != "" {
		if e.settings.API == V1 {
			errs = append(errs, errors.New("`metlo::encryption_public_key` is set with `metlo::api: v1`, which cannot read encrypted traces: write api: v2"))
		}
		if e.wrap, err = newWrapper(key); err != nil {
			errs = append(errs, fmt.Errorf("`metlo::encryption_public_key` %w", err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return e, nil
}

// publicKey returns the key to encrypt for, or "" if none is configured.
func (c *Config) publicKey() (string, error) {
	if c.EncryptionPublicKeyFile == "" {
		return c.EncryptionPublicKey, nil
	}
	if c.EncryptionPublicKey != "" {
		return c.EncryptionPublicKey, errors.New("`metlo::encryption_public_key` and `metlo::encryption_public_key_file` are set together: keep one of them")
	}
	text, err := os.ReadFile(c.EncryptionPublicKeyFile)
	if err != nil {
		return "", fmt.Errorf("`metlo::encryption_public_key_file`: %w: give the path of a readable PEM file", err)
	}
	// An empty file must not mean that nothing is encrypted.
	if len(text) == 0 {
		return "", errors.New("`metlo::encryption_public_key_file` is empty: write an RSA public key in PEM into it")
	}
	return string(text), nil
}

// Spec implements [backend.Encoder].
func (e *Encoder) Spec() backend.Spec {
	spec := backend.Spec{
		Name:            "metlo",
		Form:            e.settings.API,
		Path:            "/api/" + e.settings.API + "/log-request/batch",
		Frame:           backend.JSONArray,
		MaxItems:        maxItems,
		MaxItemBytes:    maxItemBytes,
		Slim:            slim,
		MaxRequestBytes: maxRequestBytes,
		Answers:         backend.Answers{Statuses: []int{http.StatusOK}}, // its collector has no other
	}
	if e.settings.Single {
		spec.Path = "/api/" + e.settings.API + "/log-request/single"
		spec.Prefix, spec.Separator, spec.Suffix = "", "", ""
		spec.MaxItems = 1
	}
	return spec
}

// Classify implements [backend.Encoder]. The collector answers 500 after items of the
// request, too, and knows no repeated trace, so that is not sent again. Its own 400 is
// for a path that it does not take, which is never sent, and stops there in a batch; so a
// 400 is another's, a firewall's or a proxy's, and nothing was taken. What a proxy answers
// before the collector (429, 502, 503, 504) is sent again.
func (e *Encoder) Classify(status int) backend.Class {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return backend.Retry
	}
	class := backend.ClassifyHTTP(status)
	if class == backend.Retry && (status >= 500 || status < 200) {
		return backend.GiveUp
	}
	return class
}

// RetryNoAnswer implements [backend.NoAnswerPolicy].
func (e *Encoder) RetryNoAnswer(loss backend.Loss) bool { return loss == backend.NotSent }

// slim makes an encoded trace smaller. What was encrypted loses its nonce, too.
var slim = []backend.Slim{
	{
		{Path: "request.body", Value: `""`}, {Path: "response.body", Value: `""`},
		{Path: "encryption.generatedIvs.reqBody"}, {Path: "encryption.generatedIvs.resBody"},
	},
	{{Path: "request.headers", Value: "[]"}, {Path: "response.headers", Value: "[]"}},
	{{Path: "request.url.parameters", Value: "[]"}, {Path: "request.url.path", Longest: 1024}},
}
