// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sendError says that events were not delivered. It holds neither the URL nor
// anything that the backend or the network library wrote: those may carry
// secrets or captured data, and errors end up in logs.
type sendError struct {
	backend string
	events  int
	status  int    // of the answer; 0 if there was none
	kind    string // why there was none
	cause   error  // context.Canceled or context.DeadlineExceeded, or nil
}

func (e *sendError) Error() string {
	if e.status == 0 {
		return fmt.Sprintf("api_analytics: %s gave no answer to a request with %d events: %s", e.backend, e.events, e.kind)
	}
	hint := ""
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		hint = "; check the credential in the block `" + e.backend + "`"
	case http.StatusPaymentRequired:
		hint = "; check the subscription of the account"
	case http.StatusNotFound, http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		hint = "; check `endpoint` (redirects are not followed)"
	}
	return fmt.Sprintf("api_analytics: %s answered %d to a request with %d events%s", e.backend, e.status, e.events, hint)
}

func (e *sendError) Unwrap() error { return e.cause }

// newNoAnswer classifies an error of http.Client.
func newNoAnswer(name string, events int, err error) *sendError {
	e := &sendError{backend: name, events: events, kind: "the connection failed"}
	var (
		dns      *net.DNSError
		verify   *tls.CertificateVerificationError
		record   tls.RecordHeaderError
		alert    tls.AlertError
		unknown  x509.UnknownAuthorityError
		netError net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		e.kind, e.cause = "canceled", context.Canceled
	case errors.As(err, &netError) && netError.Timeout():
		e.kind, e.cause = "timeout", context.DeadlineExceeded
	case errors.As(err, &dns):
		e.kind = "the host name could not be resolved"
	case errors.As(err, &verify), errors.As(err, &unknown), errors.As(err, &record), errors.As(err, &alert):
		e.kind = "TLS handshake failed"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.kind = "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.kind = "connection closed by the other side"
	}
	return e
}

// retryAfter reads the Retry-After header (RFC 9110 section 10.2.3): seconds or a
// date. A date is compared with the answer's own Date, since our clock may differ
// from the backend's.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0, false
	}
	if isDigits(v) {
		seconds, err := strconv.ParseInt(v, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter, true // more than we would wait anyway
		}
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, at.Sub(now)), true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
