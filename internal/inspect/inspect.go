// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package inspect is how components of the Collector show what they do to somebody who
// looks on: the extension api_inspector. Whoever shows knows nothing of the extension, and
// the extension nothing of them: both know the types of this package.
//
// A component takes the Sink out of the host's extensions at its start. No Sink is the
// normal case: then everything is one comparison with nil, and no allocation. A Sink never
// blocks and never fails; what it cannot keep it leaves out and counts. What it is given
// belongs to it from then on: give it copies of what is reused.
//
// Nothing that is given here holds a credential of a backend: components mask theirs
// before. Values from before the redaction are given only if Raw allows it.
package inspect

import "time"

// Sink is what looks on. All methods may be called concurrently.
type Sink interface { //nolint:interfacebloat // one way in for all components
	// Wants reports whether the details of an exchange are kept. It answers alike for
	// all spans of a trace, and no while there are more than can be looked at; so all
	// components show the same exchanges. It costs some nanoseconds, and k is not kept. See
	// Wanted.
	Wants(k *Key) bool
	// Raw reports whether values from before the redaction may be given.
	Raw() bool

	// Attach tells that a component has started, and who it is. It is called again with
	// the same Component if something has changed (a policy was read again).
	Attach(s Source)
	// Detach tells that it has stopped.
	Detach(component string)

	// Arrived counts what came in and was no exchange, by the kind of span: see
	// NoExchange. All components that see the same spans tell it.
	Arrived(component string, kinds map[string]int)
	// Before gives a span as it came to the redaction, and After as it left it, with what
	// was decided. Given only for what is wanted.
	Before(k Key, s *Span)
	After(k Key, s *Span, component string, why []Decision)

	// Saw counts exchanges that an exporter has read, all of them: the numbers of
	// endpoints and consumers. Exporters that see the same exchange both tell it; it is
	// counted once. See Names. What it is given is the exporter's again when it returns.
	Saw(component string, all []Tally)
	// Read gives an exchange as an exporter understands it. Given only for what is wanted.
	Read(k Key, component string, x *Exchange)
	// Encoded gives the event that was made of it, and Left says why none was made
	// (a gate, sampling, a rule, a reason of events_dropped).
	Encoded(k Key, component string, e *Event)
	Left(k Key, component, reason string)
	// Sent gives a request to a backend and what was answered; in a dry run, what would
	// have been sent. Given only if one of its events was given by Encoded.
	Sent(component string, r *Request)
	// Delivery gives the state of an exporter, about once a second.
	Delivery(component string, d Delivery)
}

// Source is a component that shows what it does.
type Source struct {
	// Component is its id, "api_analytics/moesif".
	Component string
	// Policy is the hash of a redaction's policy, and Text the policy as it is in force
	// (YAML, no keys). Rules are the ids of its rules, as Decision.Rule has them.
	Policy, Text string
	Rules        []string
	// Since is when the policy came into force; zero is when it was attached.
	Since time.Time
	// PolicyDryRun is true if the redaction only tells what it would do.
	PolicyDryRun bool
	// Backend is what an exporter sends to ("moesif"), Target the host alone
	// ("api.moesif.net"), and DryRun that it does not.
	Backend, Target string
	DryRun          bool
	// Warnings are what the component said at its start.
	Warnings []string
}

// Span is what a redaction saw or left of one span.
type Span struct {
	Name, Kind string // Kind is "server", "client", …
	Start, End time.Time
	Resource   []Attribute
	Attributes []Attribute
	// Events are the attributes of the span's events, keys prefixed by the event's name
	// and a slash.
	Events []Attribute
}

// Attribute is one attribute of a span.
type Attribute struct {
	Key string
	// Type is "string", "bytes", "int", "double", "bool", "array" or "map".
	Type string
	// Len is the length of the value in bytes, or the number of its elements.
	Len int
	// Value is the value: string, []byte, int64, float64, bool, []any or map[string]any;
	// nil if it is not shown. At most MaxValue bytes of a text.
	Value any
}

// MaxValue bounds one value, one body, and the answer of a backend, in bytes.
const (
	MaxValue  = 64 << 10
	MaxAnswer = 2 << 10
)

// Decision says why values were redacted: which rule did what, and where.
type Decision struct {
	// Rule is empty for what no rule asked for.
	Rule, Place, Path, Action, Outcome string
	N                                  int
}

// Summary is an exchange in short. Identities are as the redaction left them. What is counted
// comes first, as it is written for each exchange: see Names.
type Summary struct {
	Key                                  Key
	Outgoing                             bool
	Bodies                               bool // a body was captured
	Service, Method, Route, Operation    string
	Status                               int
	Duration                             time.Duration
	RequestBytes, ResponseBytes          int64 // -1 is not known
	Weight                               int64
	UserID, CompanyID, ConsumerID, Label string

	Path, Host string // counted where there is no Route
	Start      time.Time
	Redacted   int64
}

// Exchange is one exchange, as an exporter understands a span of whatever producer.
type Exchange struct {
	Summary

	ID                     string // of the event
	Environment            string
	Scheme, Query          string
	Protocol               string
	ClientAddress          string
	UserEmail, UserName    string
	SessionID              string
	SubscriptionID         string
	Request, Response      Message
	Metadata               map[string]any
	BlockedBy              string
	RedactionPolicy        string
	GuardAction, GuardRule string
}

// Message is one side of an exchange.
type Message struct {
	Headers []Header
	Body    Body
}

// Header is one field with its values.
type Header struct {
	Name   string
	Values []string
}

// Body is captured content, at most MaxValue bytes of it.
type Body struct {
	Data                                    []byte
	Captured, Binary, Truncated, Incomplete bool
	Size                                    int64 // on the wire; -1 is not known
}

// Event is one event in a backend's format.
type Event struct {
	// ID is the id of the event at the backend, and Item names its bytes: see Fingerprint.
	ID   string
	Item uint64
	Data []byte
	// Media is the media type of Data.
	Media string
	// Cut is true if the event was made smaller to fit.
	Cut bool
}

// Request is one request to a backend, or what a dry run shows of it.
type Request struct {
	// Items are those of the events in it that are shown, by Event.Item, and Events is how
	// many events there are.
	Items  []uint64
	Events int
	At     time.Time
	// Method, URL and Headers are as sent; credentials are masked.
	Method, URL string
	Headers     []Header
	// Prefix, Separator and Suffix stand around the events in the body.
	Prefix, Separator, Suffix string
	// Bytes is the length of the body, and Encoded after compression; 0 is not known.
	Bytes, Encoded int
	Coding         string // "gzip"
	DryRun         bool

	// Status is what was answered, 0 if nothing was; Outcome is "delivered", "retry",
	// "outage", "reject", "no_answer", "unconfirmed" or "dry_run". Problem says why in words
	// without values.
	Status  int
	Outcome string
	Problem string
	Took    time.Duration
	Attempt int
	// Answer is the begin of the answer's body, MaxAnswer bytes at most.
	Answer []byte
}

// Delivery is the state of an exporter. Counters are since its start.
type Delivery struct {
	Sent, Retried, Waiting int64
	OldestWaiting          time.Duration // 0 is not known
	Dropped, Skipped       map[string]int64
	LastProblem            string
	LastProblemAt          time.Time
	QueueOnDisk            bool
	QueueBytes             int64 // -1 is not known
}
