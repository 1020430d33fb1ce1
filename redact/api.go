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
// for an unknown field applies, unless it would let something through (fail closed).
type Exchange struct {
	Direction Direction
	Method    string // upper case
	Host      string // without port
	Route     string // template if known, else the path
	// Path is the path if Route is a template. It decides where the two disagree
	// about a scope.
	Path string
	// OtherHost is what another source says about the host, if that is something else.
	OtherHost string
	// Status is the status code of the response.
	Status int
	// Tenant is the id of the company that the caller belongs to.
	Tenant string
	// Fields looks up header fields for scoped rules. It is called by Begin only.
	Fields Fields

	// Content types as received; a hint, the bytes decide.
	RequestContentType  string
	ResponseContentType string
	// Truncated flags as set by the producer. The engine also notices a cut by
	// itself.
	RequestTruncated  bool
	ResponseTruncated bool
}

// Fields are the header fields of an exchange. ok is false for a field that was not
// captured or not sent, which nobody can tell apart later.
type Fields interface {
	Field(side Side, name string) (values []string, ok bool)
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
