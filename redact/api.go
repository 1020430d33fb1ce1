// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// Side is the half of an exchange that a value belongs to.
type Side uint8

const (
	// Request is the request half.
	Request Side = iota
	// Response is the response half.
	Response
)

// Direction is the side of the wire that the instrumented service stands on.
type Direction uint8

const (
	// Incoming: the service answered (SERVER span).
	Incoming Direction = iota + 1
	// Outgoing: the service called (CLIENT span).
	Outgoing
)

// Exchange is what scoped rules and body handling need to know about the
// exchange whose values follow. Zero fields are unknown: a scoped rule that asks
// for an unknown field applies (fail closed).
type Exchange struct {
	Direction Direction
	Method    string // upper case
	Host      string // without port
	Route     string // template if known, else the path

	// Content types as received; a hint, the bytes decide.
	RequestContentType  string
	ResponseContentType string
	// Truncated flags as set by the producer. The engine also notices a cut by
	// itself.
	RequestTruncated  bool
	ResponseTruncated bool
}

// Effect says what became of a value.
type Effect uint8

const (
	// Unchanged: the value was returned as it was.
	Unchanged Effect = iota
	// Changed: the returned value replaces the old one. It shares no memory
	// with the input.
	Changed
	// Removed: the attribute, field or parameter must be deleted.
	Removed
)
