// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"reflect"
)

// tlsFailure says why a TLS connection did not come about, and what to look at, or ""
// if err is about something else. It quotes nothing: names, dates and texts in such
// errors are the other side's.
func tlsFailure(err error) string {
	var (
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		roots     x509.SystemRootsError
		ech       *tls.ECHRejectionError
	)
	const failed = "TLS handshake failed: "
	switch {
	case errors.As(err, &host):
		return failed + "the certificate is for another name; check the host in `endpoint`, or set `tls::server_name_override`"
	case errors.As(err, &authority), errors.As(err, &roots):
		return failed + "the certificate is signed by an unknown authority; name the authority's certificate in `tls::ca_file`"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return failed + "the certificate has expired or is not valid yet; the other side must renew it, or this machine's clock is wrong"
	case errors.As(err, &invalid):
		return failed + "the certificate is not valid for this use"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return failed + "the other side does not speak TLS on this port; check scheme and port in `endpoint`"
	case remoteAlert(err) != 0:
		return failed + alertText(remoteAlert(err))
	case errors.As(err, &verify), errors.As(err, &ech):
		return failed + "the certificate could not be verified"
	}
	return ""
}

// remoteAlert returns the alert that the other side sent, or 0. Package crypto/tls hands
// it out as a type of its own with the number as its value.
func remoteAlert(err error) tls.AlertError {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		if v := reflect.ValueOf(op.Err); v.IsValid() && v.Kind() == reflect.Uint8 {
			return tls.AlertError(v.Uint())
		}
	}
	return 0
}

// alertText says what an alert of RFC 8446 section 6.2 that the other side sent means.
func alertText(a tls.AlertError) string {
	switch a {
	case 42, 43, 44, 46, 116: // bad, unsupported, revoked, unknown, required
		return "the other side refuses our certificate, or wants one; check `tls::cert_file` and `tls::key_file`"
	case 45:
		return "the other side says that our certificate has expired; renew `tls::cert_file`"
	case 48:
		return "the other side does not know the authority of our certificate; check `tls::cert_file`"
	case 40, 70, 71:
		return "no version or cipher in common; check `tls::min_version` and `tls::max_version`"
	case 112:
		return "the other side does not know the name; check the host in `endpoint`"
	}
	return "the other side broke it off"
}
