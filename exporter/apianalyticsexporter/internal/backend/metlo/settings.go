// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlo

import (
	"errors"
	"fmt"
	"net/http"

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

// DefaultMaxBodyBytes is where Metlo's Go SDK cuts a body; its documented default
// for the newer agents is half of that.
const DefaultMaxBodyBytes = 10 << 10

// Values of Settings.API.
const (
	// V1 has the collector parse and analyse the content. It is the default.
	V1 = "v1"
	// V2 is the interface of Metlo's agent: it takes routes and sessions, and
	// analyses less.
	V2 = "v2"
)

// Settings configures an Encoder.
type Settings struct {
	// APIKey is sent as Authorization, without a scheme. Required.
	APIKey string
	// UserAgent is sent with each request; empty means "apispan".
	UserAgent string
	// API is V1 (also if empty) or V2.
	API string
	// Single sends each trace in a request of its own.
	Single bool
	// Environment is meta.environment of exchanges that name none; empty means
	// "production", as in the SDKs.
	Environment string
	// MaxBodyBytes is the most bytes of each body, cut between two characters; 0
	// means DefaultMaxBodyBytes, a negative number none.
	MaxBodyBytes int
	// Redacted marks traces as without content, and leaves out query, headers and
	// bodies. V2 only.
	Redacted bool
	// EncryptionPublicKey is an RSA public key in PEM (PKIX). If it is set, query,
	// headers and bodies leave encrypted. V2 only.
	EncryptionPublicKey string
}

// Encoder implements [backend.Encoder] for Metlo.
type Encoder struct {
	settings Settings
	v2       bool
	wrap     *wrapper // nil: no encryption
}

var (
	_ backend.Encoder        = (*Encoder)(nil)
	_ backend.NoAnswerPolicy = (*Encoder)(nil)
)

// New returns an encoder, or an error that names the setting to correct and holds
// no value of the key.
func New(s Settings) (*Encoder, error) {
	var errs []error
	switch {
	case s.APIKey == "":
		errs = append(errs, errors.New("`metlo::api_key` is empty: create a key in Metlo under Settings, API keys"))
	case !backend.HeaderSafe(s.APIKey):
		errs = append(errs, errors.New("`metlo::api_key` holds a blank, a control character or one beyond ASCII: copy it again without line breaks"))
	}
	switch s.API {
	case "":
		s.API = V1
	case V1, V2:
	default:
		errs = append(errs, fmt.Errorf("`metlo::api` is %q: write v1 or v2", s.API))
	}
	if s.MaxBodyBytes == 0 {
		s.MaxBodyBytes = DefaultMaxBodyBytes
	}
	if s.UserAgent == "" {
		s.UserAgent = "apispan"
	}
	if s.Environment == "" {
		s.Environment = "production"
	}
	e := &Encoder{settings: s, v2: s.API == V2}
	if s.EncryptionPublicKey != "" {
		if s.API == V1 {
			errs = append(errs, errors.New("`metlo::encryption_public_key` is set with `metlo::api: v1`, which cannot read encrypted traces: write api: v2"))
		}
		var err error
		if e.wrap, err = newWrapper(s.EncryptionPublicKey); err != nil {
			errs = append(errs, fmt.Errorf("`metlo::encryption_public_key` %w", err))
		}
	}
	if s.Redacted && s.API == V1 {
		errs = append(errs, errors.New("metlo: redacted traces need `metlo::api: v2`"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return e, nil
}

// Spec implements [backend.Encoder].
func (e *Encoder) Spec() backend.Spec {
	spec := backend.Spec{
		Name:            "metlo",
		Path:            "/api/" + e.settings.API + "/log-request/batch",
		ContentType:     "application/json",
		Prefix:          "[",
		Separator:       ",",
		Suffix:          "]",
		MaxItems:        maxItems,
		MaxItemBytes:    maxItemBytes,
		MaxRequestBytes: maxRequestBytes,
	}
	if e.settings.Single {
		spec.Path = "/api/" + e.settings.API + "/log-request/single"
		spec.Prefix, spec.Separator, spec.Suffix = "", "", ""
		spec.MaxItems = 1
	}
	return spec
}

// SetHeader implements [backend.Encoder].
func (e *Encoder) SetHeader(h http.Header) {
	h.Set("Authorization", e.settings.APIKey)
	h.Set("User-Agent", e.settings.UserAgent)
}

// Classify implements [backend.Encoder]. The collector answers 400 and 500 after
// items of the request, too, and knows no repeated trace, so neither is sent again
// and a refused batch is not halved. What a proxy answers before the collector
// (429, 502, 503, 504) is.
func (e *Encoder) Classify(status int) backend.Class {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return backend.Retry
	}
	class := backend.ClassifyHTTP(status)
	switch {
	case class == backend.Retry && (status >= 500 || status < 200):
		return backend.GiveUp
	case class == backend.Reject && status != http.StatusRequestEntityTooLarge && !e.settings.Single:
		return backend.GiveUp
	}
	return class
}

// RetryNoAnswer implements [backend.NoAnswerPolicy].
func (e *Encoder) RetryNoAnswer(loss backend.Loss) bool { return loss == backend.NotSent }
