// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package exchange is the neutral model of one HTTP exchange (RFC 9110: a
// request and its response). Package fromspan fills it once; every backend
// encoder reads it. The model imports the standard library only, so that an
// encoder cannot reach pdata through it.
//
// Guarantees that encoders may rely on: every string is valid UTF-8 except
// Body.Data of a body whose Binary is true; Path begins with "/"; Path and Query
// hold only visible ASCII; no number in Metadata is NaN or infinite; End is not
// before Start; Weight is at least 1.
package exchange

import "time"

// Direction says who made the call, seen from the service that was traced.
type Direction uint8

const (
	// Incoming is an exchange that the service answered (a SERVER span).
	Incoming Direction = iota
	// Outgoing is an exchange that the service started (a CLIENT span).
	Outgoing
)

// Exchange is one request and its response. Zero values mean "unknown" unless a
// field says otherwise.
type Exchange struct {
	// ID is the event id: apispan.event.id if that is a UUID, else a UUID
	// (version 5 shape) derived from trace and span id, so that a retry has the
	// same id. Always 36 characters.
	ID string

	TraceID      [16]byte
	SpanID       [8]byte
	ParentSpanID [8]byte
	SpanName     string

	Direction Direction
	Start     time.Time // UTC
	End       time.Time // UTC

	Method string // upper case
	Scheme string // "http" or "https"; "http" if unknown
	Host   string // host[:port] without a default port; may be empty
	Path   string // begins with "/", still percent-encoded
	Query  string // raw, without "?"
	Route  string // template such as "/users/{id}"
	// Operation is what a path does that serves many: "tools/call get_user" (MCP,
	// JSON-RPC), "mutation AddUser" (GraphQL). Empty for others.
	Operation string

	// Status is the response status code; 0 means no response was received.
	Status int

	Request  Message
	Response Message

	// Protocol is the HTTP version as "1.1", "2" or "3"; empty if unknown.
	Protocol string

	ClientAddress string
	ClientPort    int
	PeerAddress   string
	PeerPort      int
	LocalAddress  string
	LocalPort     int
	UserAgent     string

	UserID    string
	UserEmail string
	UserName  string // user.full_name, else user.name
	SessionID string
	// SessionKey is a pseudonym of the credential that the caller showed, and
	// SessionAuthType how it was shown: "basic", "header", "jwt" or
	// "session_cookie". A type without a key means that no credential was shown;
	// a key without a type is a pseudonym of the caller's address.
	SessionKey      string
	SessionAuthType string
	CompanyID       string
	SubscriptionID  string
	ConsumerID      string
	ConsumerLabel   string
	ConsumerEmail   string

	// Metadata is in key order. A value is a string, bool, int64, float64,
	// []any or map[string]any of the same.
	Metadata []KeyValue

	ServiceName    string
	ServiceVersion string
	Environment    string // deployment.environment.name
	APIVersion     string
	BlockedBy      string
	// GuardAction and GuardRule are what a guard did or, in shadow, would have done
	// ("would_block"), and by which rule. No backend has a place for them.
	GuardAction, GuardRule string

	// Weight is how many exchanges this one stands for; always >= 1.
	Weight int64

	// OwnTrace is false if a caller may have chosen the trace id.
	OwnTrace bool
	// WeightIgnored is true if the tracestate of a caller stated another weight.
	WeightIgnored bool

	// Randomness is the "rv" of the tracestate's "ot" entry, 14 hexadecimal
	// digits that all spans of a sampling decision share; empty if there is none.
	Randomness string

	// Shed is what was given up because the event was too large, see ShedBodies and the
	// others; bodies that were only cut do not count.
	Shed []string

	// RedactionPolicy is the stamp of the redaction processor; empty if the
	// span was not redacted.
	RedactionPolicy string
	RedactionCount  int64
	// RedactionRules are the rules that acted and RedactionDecisions what they did and
	// where, if the policy tells (audit: rules).
	RedactionRules, RedactionDecisions []string
	// RedactionUpstream is what redactions before that one have left.
	RedactionUpstream Redaction
}

// Redaction is the trace of one or several redactions.
type Redaction struct {
	Policies, Rules []string
	Count           int64
}

// KeyValue is one typed metadata entry.
type KeyValue struct {
	Key   string
	Value any
}

// Message is the header section and content of one side of the exchange.
type Message struct {
	// Headers is ordered by name; names are lower case.
	Headers []Header
	Body    Body
}

// Header is one field with its values in order.
type Header struct {
	Name   string
	Values []string
}

// Get returns the first value of the named field (lower case), or "".
func (m *Message) Get(name string) string {
	for i := range m.Headers {
		if m.Headers[i].Name == name && len(m.Headers[i].Values) > 0 {
			return m.Headers[i].Values[0]
		}
	}
	return ""
}

// Body is captured content with content codings removed.
type Body struct {
	// Data is the captured content, a prefix if Truncated. Empty and not
	// Captured means that nothing was recorded.
	Data     string
	Captured bool
	// Binary is true if the attribute was a byte slice, or a string that is not
	// UTF-8: only then Data need not be UTF-8.
	Binary bool
	// Truncated is true if a size limit cut Data.
	Truncated bool
	// Incomplete is true if the producer stopped reading or writing early.
	Incomplete bool
	// Size is the body's size in bytes on the wire; -1 means unknown.
	Size int64
}

// URL returns the absolute URL of the request.
func (e *Exchange) URL() string {
	n := len(e.Scheme) + 3 + len(e.Host) + len(e.Path) + 1 + len(e.Query)
	b := make([]byte, 0, n)
	return string(e.AppendURL(b))
}

// AppendURL appends the absolute URL of the request to dst.
func (e *Exchange) AppendURL(dst []byte) []byte {
	dst = append(dst, e.Scheme...)
	dst = append(dst, "://"...)
	dst = append(dst, e.Host...)
	dst = append(dst, e.Path...)
	if e.Query != "" {
		dst = append(dst, '?')
		dst = append(dst, e.Query...)
	}
	return dst
}

// StatusCode returns the status of the response if it is one of HTTP's, 100 to 999, else 0.
func (e *Exchange) StatusCode() int {
	if e.Status < 100 || e.Status > 999 {
		return 0
	}
	return e.Status
}

// Duration returns the time from Start to End, at least 0.
func (e *Exchange) Duration() time.Duration { return max(e.End.Sub(e.Start), 0) }

// CallOutBy reports whether a client with this user agent has made the call, here. A
// caller of ours may name any user agent, so an incoming call never is one.
func (e *Exchange) CallOutBy(userAgent string) bool {
	return e.Direction == Outgoing && (e.UserAgent == userAgent || e.Request.Get("user-agent") == userAgent)
}

// RouteOnly leaves of the URL what is the same for all requests to one route: the
// route stands in place of the path, or "/" if there is none, and the query is
// gone. A path that was captured may name a user; a route does not. The span's
// name is put together anew.
func (e *Exchange) RouteOnly() {
	e.Query = ""
	e.Path = "/"
	e.SpanName = e.Method // which may hold the path, too
	if e.Route == "" {
		return
	}
	e.SpanName += " " + e.Route
	b := make([]byte, 0, len(e.Route)+16)
	if e.Route[0] != '/' {
		b = append(b, '/')
	}
	for i := range len(e.Route) {
		if c := e.Route[i]; c <= ' ' || c > '~' || c == '?' || c == '#' {
			b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		} else {
			b = append(b, c)
		}
	}
	e.Path = string(b)
}
