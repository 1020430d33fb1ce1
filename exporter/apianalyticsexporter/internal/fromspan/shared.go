// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// What package fromlog reads in the same way.

// Text returns the text of a scalar or of the first element of a list, as valid
// UTF-8; "" for a structure.
func Text(v pcommon.Value) string { return text(v) }

// ValidUTF8 replaces what is not UTF-8.
func ValidUTF8(s string) string { return validUTF8(s) }

// MetadataValue converts to the types that exchange.KeyValue allows, or reports
// false if none of them can hold the value.
func MetadataValue(v pcommon.Value) (any, bool) { return metadataValue(v, 0) }

// BareAddress strips a port and the brackets of an IPv6 literal.
func BareAddress(s string) string { return bareAddress(s) }

// UUID returns s in lower case if it is a UUID in the 8-4-4-4-12 form other than
// the nil UUID.
func UUID(s string) (string, bool) { return canonicalUUID(s) }

// AbsoluteURL returns an http or https URL without credentials and fragment, in
// characters that a URL may hold, or "" if s is none.
func AbsoluteURL(s string) string {
	t := parseURL(s)
	if t.host == "" || t.scheme != "http" && t.scheme != "https" {
		return ""
	}
	u := t.scheme + "://" + withoutDefaultPort(t.scheme, t.host) + escape(t.path, "?#")
	if t.hasQuery {
		u += "?" + escape(t.query, "#")
	}
	return u
}

// ResourceText returns service name and environment.
func ResourceText(res pcommon.Resource) (serviceName, environment string) {
	return first(res.Attributes(), serviceNameKeys), first(res.Attributes(), environmentKeys)
}
