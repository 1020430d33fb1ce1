// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
)

// The limits are ours: what web servers and functions commonly take.
const (
	maxItems        = 500
	maxItemBytes    = 1_000_000
	maxRequestBytes = 5_000_000
)

// Values of Settings.Format.
const (
	// FormatNDJSON is newline-delimited JSON, one event a line. It is the default.
	FormatNDJSON = "ndjson"
	// FormatHAR is one HAR 1.2 log a request, one entry an event.
	FormatHAR = "har"
)

// Settings configures an Encoder.
type Settings struct {
	// Format is FormatNDJSON (also if empty) or FormatHAR.
	Format string
	// BearerToken is sent as "Authorization: Bearer <token>"; empty means that
	// no credential is sent.
	BearerToken string
	// UserAgent is sent with each request; empty means "apispan".
	UserAgent string
	// Version is log.creator.version of a HAR log; empty means "0.0.0".
	Version string
}

// Encoder implements [backend.Encoder] for a webhook.
type Encoder struct {
	har           bool
	authorization string
	userAgent     string
	spec          backend.Spec
}

var _ backend.Encoder = (*Encoder)(nil)

// New returns an encoder, or an error that names the setting to correct and holds
// no value of the token.
func New(s Settings) (*Encoder, error) {
	var errs []error
	switch s.Format {
	case "":
		s.Format = FormatNDJSON
	case FormatNDJSON, FormatHAR:
	default:
		errs = append(errs, fmt.Errorf("`webhook::format` is %q: write ndjson or har", s.Format))
	}
	if !backend.HeaderSafe(s.BearerToken) {
		errs = append(errs, errors.New("`webhook::bearer_token` holds a blank, a control character or one beyond ASCII: copy it again without line breaks"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	e := &Encoder{har: s.Format == FormatHAR, userAgent: s.UserAgent}
	if e.userAgent == "" {
		e.userAgent = "apispan"
	}
	if s.BearerToken != "" {
		e.authorization = "Bearer " + s.BearerToken
	}
	e.spec = backend.Spec{
		Name:            "webhook",
		ContentType:     "application/x-ndjson",
		Separator:       "\n",
		Suffix:          "\n",
		MaxItems:        maxItems,
		MaxItemBytes:    maxItemBytes,
		MaxRequestBytes: maxRequestBytes,
	}
	if e.har {
		version := s.Version
		if version == "" {
			version = "0.0.0"
		}
		e.spec.ContentType = "application/json"
		e.spec.Prefix = `{"log":{"version":"1.2","creator":{"name":"apispan","version":` +
			string(wire.AppendString(nil, version)) + `},"entries":[`
		e.spec.Separator = ","
		e.spec.Suffix = "]}}"
	}
	return e, nil
}

// Spec implements [backend.Encoder]. The path is empty: the configured endpoint is
// the whole URL.
func (e *Encoder) Spec() backend.Spec { return e.spec }

// SetHeader implements [backend.Encoder].
func (e *Encoder) SetHeader(h http.Header) {
	if e.authorization != "" {
		h.Set("Authorization", e.authorization)
	}
	h.Set("User-Agent", e.userAgent)
}

// Classify implements [backend.Encoder].
func (e *Encoder) Classify(status int) backend.Class { return backend.ClassifyHTTP(status) }
