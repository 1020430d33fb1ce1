// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
)

const (
	// Path is that of the HTTP batch endpoint.
	Path = "/v1/ingest/batch"

	// maxItemBytes is the vendor's own cap, read as decimal to be on the safe
	// side. The server leaves out events above about 64 KB, which grow by what
	// it adds to them.
	maxItemBytes = 56_000
	// DefaultMaxItems is the vendor's batch size; its server answers 413 above
	// LimitMaxItems.
	DefaultMaxItems = 50
	LimitMaxItems   = 1000
	maxRequestBytes = 2_850_000 // 50 of the largest events

	// What the vendor's bridge keeps of these strings, in characters.
	maxUserAgent = 1024
	maxUserID    = 256
)

// DefaultKey is the HMAC key that a Cerberus installation has until its operator
// changes it. Everybody knows it, so it protects nobody.
const DefaultKey = "default-hmac-secret-change-in-production"

// Settings configures an Encoder.
type Settings struct {
	// Token is the account's API key. Required.
	Token string
	// ClientID names the application. Required for WebSocket; over HTTP the
	// server derives it from Token.
	ClientID string
	// WholeURL says that the configured address ends with Path already.
	WholeURL bool
	// WebSocket encodes for one event a frame instead of batches.
	WebSocket bool
	// MaxItems is the most events in a batch, 0 means DefaultMaxItems.
	MaxItems int
	// UserAgent is sent with each request; empty means "apispan".
	UserAgent string
	// NoResponseBodies leaves out response bodies. Off by default.
	NoResponseBodies bool
	// SecretKey is the HMAC key; empty means none, and then addresses are left
	// out and Authorization headers masked.
	SecretKey string
	// Key, if set, returns the key in use at this moment instead of SecretKey.
	// It must be safe for concurrent use and cheap.
	Key func() string `json:"-"`
}

// Encoder implements [backend.Encoder] for Cerberus.
type Encoder struct {
	settings Settings
	scratch  sync.Pool // *scratch
}

var (
	_ backend.Encoder      = (*Encoder)(nil)
	_ backend.Shedder      = (*Encoder)(nil)
	_ backend.Degrader     = (*Encoder)(nil)
	_ backend.AnswerReader = (*Encoder)(nil)
)

// New returns an encoder, or an error that names the setting to correct and
// holds no value of it.
func New(s Settings) (*Encoder, error) {
	var errs []error
	switch {
	case s.Token == "":
		errs = append(errs, errors.New("`cerberus::token` is empty: copy the API key from Cerberus"))
	case !backend.HeaderSafe(s.Token):
		errs = append(errs, errors.New("`cerberus::token` holds a blank, a control character or one beyond ASCII: copy it again without line breaks"))
	}
	if s.WebSocket && s.ClientID == "" {
		errs = append(errs, errors.New("`cerberus::client_id` is empty: write the application's client id, which is part of every WebSocket message"))
	}
	switch {
	case s.MaxItems == 0:
		s.MaxItems = DefaultMaxItems
	case s.MaxItems < 0 || s.MaxItems > LimitMaxItems:
		errs = append(errs, fmt.Errorf("`cerberus::max_batch_events` is %d: write a number from 1 to %d, or 0 for %d", s.MaxItems, LimitMaxItems, DefaultMaxItems))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if s.UserAgent == "" {
		s.UserAgent = "apispan"
	}
	if s.Key == nil {
		key := s.SecretKey
		s.Key = func() string { return key }
	}
	e := &Encoder{settings: s}
	e.scratch.New = func() any { return new(scratch) }
	return e, nil
}

// Spec implements [backend.Encoder].
func (e *Encoder) Spec() backend.Spec {
	spec := backend.Spec{
		Name:            "cerberus",
		Path:            Path,
		ContentType:     "application/json",
		Prefix:          `{"events":[`,
		Separator:       ",",
		Suffix:          "]}",
		MaxItems:        e.settings.MaxItems,
		MaxItemBytes:    maxItemBytes,
		MaxRequestBytes: maxRequestBytes,
		EmptyProbe:      true,
	}
	if e.settings.WholeURL {
		spec.Path = ""
	}
	if e.settings.WebSocket {
		spec.Path = ""
		spec.Prefix, spec.Separator, spec.Suffix = "", "", ""
		spec.MaxItems, spec.EmptyProbe = 1, false
	}
	return spec
}

// SetHeader implements [backend.Encoder]. Over WebSocket the credential is in the
// frames and in no header.
func (e *Encoder) SetHeader(h http.Header) {
	if !e.settings.WebSocket {
		h.Set("X-API-Key", e.settings.Token) //nolint:canonicalheader // the vendor's spelling
	}
	h.Set("User-Agent", e.settings.UserAgent)
}

// AppendFrame appends the text frame that carries item: the item with the
// credential as its first members, and once more as token, which older servers
// read.
func (e *Encoder) AppendFrame(dst, item []byte) []byte {
	dst = append(dst, `{"api_key":`...)
	dst = wire.AppendString(dst, e.settings.Token)
	dst = append(dst, `,"client_id":`...)
	dst = wire.AppendString(dst, e.settings.ClientID)
	dst = append(dst, `,"token":`...)
	dst = wire.AppendString(dst, e.settings.Token)
	if len(item) > 2 {
		dst = append(dst, ',')
	}
	return append(dst, item[1:]...)
}

// Classify implements [backend.Encoder]. Cerberus answers 403 to an unknown key,
// and so does the firewall in front of it to a batch that holds what looks like an
// attack. It counts as the latter here; see EmptyProbe in Spec.
func (e *Encoder) Classify(status int) backend.Class {
	if status == http.StatusForbidden {
		return backend.Reject
	}
	return backend.ClassifyHTTP(status)
}

// Skipped implements [backend.AnswerReader].
func (e *Encoder) Skipped(body []byte) int {
	var answer struct {
		Skipped json.RawMessage `json:"skipped"`
	}
	var n int
	if json.Unmarshal(body, &answer) != nil || json.Unmarshal(answer.Skipped, &n) != nil || n < 0 {
		return 0
	}
	return n
}
