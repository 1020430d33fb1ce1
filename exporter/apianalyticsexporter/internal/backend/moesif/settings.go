// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesif

import (
	"errors"
	"fmt"
	"net/http"

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

// Settings configures an Encoder.
type Settings struct {
	// ApplicationID is the Collector Application Id of Moesif's portal.
	// Required.
	ApplicationID string
	// UserAgent is sent with each request; empty means "apispan".
	UserAgent string
	// APIVersion is request.api_version for exchanges that have none of their
	// own; empty means none.
	APIVersion string
	// ServiceVersionAsAPIVersion uses the service's version where neither the
	// exchange nor APIVersion gives one. Off by default, because a build is not
	// an API version.
	ServiceVersionAsAPIVersion bool
	// NoResponseStatus is the status to report for an exchange without a
	// response; 0 means that the event has no response, as the documentation
	// has it. Moesif's Node SDK reports 599.
	NoResponseStatus int
	// SessionIDAsToken sends session.id as session_token. Off by default: the
	// convention's session.id is an identifier, but an application may have
	// put the session's secret there.
	SessionIDAsToken bool
	// IgnoreTransactionID keeps a captured X-Moesif-Transaction-Id request
	// header from becoming the event's id. Off by default, as in Moesif's
	// SDKs; set it where clients are not trusted, since events with one id are
	// one event to Moesif.
	IgnoreTransactionID bool
}

// Encoder implements [backend.Encoder] for Moesif.
type Encoder struct {
	settings Settings
}

var (
	_ backend.Encoder = (*Encoder)(nil)
	_ backend.Shedder = (*Encoder)(nil)
)

// New returns an encoder, or an error that names the setting to correct and
// holds no value of it.
func New(s Settings) (*Encoder, error) {
	var errs []error
	switch {
	case s.ApplicationID == "":
		errs = append(errs, errors.New("`moesif::application_id` is empty: copy the Collector Application Id from Moesif's portal"))
	case !backend.HeaderSafe(s.ApplicationID):
		errs = append(errs, errors.New("`moesif::application_id` holds a blank, a control character or one beyond ASCII: copy it again without line breaks"))
	}
	if s.UserAgent == "" {
		s.UserAgent = "apispan"
	}
	if s.NoResponseStatus != 0 && (s.NoResponseStatus < 100 || s.NoResponseStatus > 599) {
		errs = append(errs, fmt.Errorf("`moesif::no_response_status` is %d: write 0 (no response) or a status from 100 to 599", s.NoResponseStatus))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Encoder{settings: s}, nil
}

// Spec implements [backend.Encoder].
func (e *Encoder) Spec() backend.Spec {
	return backend.Spec{
		Name:            "moesif",
		Path:            "/v1/events/batch",
		ContentType:     "application/json",
		Prefix:          "[",
		Separator:       ",",
		Suffix:          "]",
		MaxItems:        maxItems,
		MaxItemBytes:    maxItemBytes,
		MaxRequestBytes: maxRequestBytes,
	}
}

// SetHeader implements [backend.Encoder].
func (e *Encoder) SetHeader(h http.Header) {
	h.Set("X-Moesif-Application-Id", e.settings.ApplicationID)
	h.Set("User-Agent", e.settings.UserAgent)
}

// Classify implements [backend.Encoder]. Moesif documents 401 and 403 for the
// application id, 402 for an inactive subscription, and 502 and 503 as
// transient; it has no answer that needs a rule of its own.
func (e *Encoder) Classify(status int) backend.Class { return backend.ClassifyHTTP(status) }
