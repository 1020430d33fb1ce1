// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package keep holds what the components have shown, in memory and within bounds: the
// newest exchanges with their details, and the numbers of all of them.
//
// What comes in goes through a channel to one goroutine, so that no component ever waits
// for somebody who looks. Records are never changed: a change puts a new one in the
// place of the old one. So whoever looks takes the records and lets go of the lock.
package keep

import (
	"encoding/hex"
	"time"
	"unsafe"

	"github.com/apispan/apispan/internal/inspect"
)

// Record is one exchange with what is known of it. It and all below it are read-only.
type Record struct {
	Key inspect.Key
	// Seq counts records, Rev changes: a record has the Rev of its last change.
	Seq, Rev int64
	Arrived  time.Time
	Pinned   bool

	Before *inspect.Span
	Stages []Stage // one for each redaction, in order
	// Exchange is as the first exporter has read it; Reader is that one. Nil if none has.
	Exchange *inspect.Exchange
	Reader   string
	Backends []Backend
	// NewFields is how many of its fields were new when they were looked at.
	NewFields int

	bytes int64
}

// Stage is what a redaction made of a span.
type Stage struct {
	Component string
	Span      *inspect.Span
	Why       []inspect.Decision
}

// Backend is what became of an exchange at one exporter.
type Backend struct {
	Component string
	// Event is nil until one is encoded; Left is why none was, or why it was given up.
	Event    *Event
	Left     string
	Attempts []*Attempt
	// Items name the events that were made of it, the last one last.
	Items []uint64
	// SentRev is the record's Rev at the last attempt.
	SentRev int64
}

// Event is the event of an exchange, packed if memory is short.
type Event struct {
	inspect.Event

	// Short is how many bytes were left out, as they are too many.
	Short  int
	packed bool
	size   int
}

// Attempt is a request, without its list of events.
type Attempt struct{ inspect.Request }

// ID is the record's id: the trace id, a hyphen and the span id.
func (r *Record) ID() string { return FormatID(r.Key) }

// FormatID writes the id of a key.
func FormatID(k inspect.Key) string {
	var b [49]byte
	hex.Encode(b[:32], k.Trace[:])
	b[32] = '-'
	hex.Encode(b[33:], k.Span[:])
	return string(b[:])
}

// ParseID reads what FormatID writes.
func ParseID(id string) (k inspect.Key, ok bool) {
	if len(id) != 49 || id[32] != '-' {
		return k, false
	}
	if _, err := hex.Decode(k.Trace[:], []byte(id[:32])); err != nil {
		return k, false
	}
	if _, err := hex.Decode(k.Span[:], []byte(id[33:])); err != nil {
		return k, false
	}
	return k, true
}

// After is the span as the last redaction has left it, or nil.
func (r *Record) After() *inspect.Span {
	if n := len(r.Stages); n > 0 {
		return r.Stages[n-1].Span
	}
	return nil
}

// sizes of what is kept, near enough.

func sizeOfSpan(s *inspect.Span) int64 {
	if s == nil {
		return 0
	}
	n := int64(unsafe.Sizeof(*s)) + int64(len(s.Name))
	for _, list := range [][]inspect.Attribute{s.Resource, s.Attributes, s.Events} {
		for i := range list {
			n += int64(unsafe.Sizeof(list[i])) + int64(len(list[i].Key)) + sizeOfValue(list[i].Value, 0)
		}
	}
	return n
}

func sizeOfValue(v any, depth int) int64 {
	switch v := v.(type) {
	case string:
		return 16 + int64(len(v))
	case []byte:
		return 24 + int64(len(v))
	case []any:
		n := int64(24)
		for i := range v {
			n += 16
			if depth < maxDepth {
				n += sizeOfValue(v[i], depth+1)
			}
		}
		return n
	case map[string]any:
		n := int64(48)
		for k, m := range v {
			n += 32 + int64(len(k))
			if depth < maxDepth {
				n += sizeOfValue(m, depth+1)
			}
		}
		return n
	}
	return 8
}

const maxDepth = 64

func sizeOfExchange(x *inspect.Exchange) int64 {
	if x == nil {
		return 0
	}
	n := int64(unsafe.Sizeof(*x)) + sizeOfValue(x.Metadata, 0)
	for _, s := range []string{
		x.Service, x.Method, x.Route, x.Path, x.Host, x.Operation, x.UserID, x.CompanyID, x.ConsumerID, x.Label, x.ID, x.Environment, x.Scheme, x.Query,
		x.Protocol, x.ClientAddress, x.UserEmail, x.UserName, x.SessionID, x.SubscriptionID, x.BlockedBy, x.RedactionPolicy, x.GuardAction, x.GuardRule,
	} {
		n += int64(len(s))
	}
	for _, m := range []*inspect.Message{&x.Request, &x.Response} {
		n += int64(len(m.Body.Data))
		for i := range m.Headers {
			n += 40 + int64(len(m.Headers[i].Name))
			for _, v := range m.Headers[i].Values {
				n += 16 + int64(len(v))
			}
		}
	}
	return n
}

func sizeOfRequest(r *inspect.Request) int64 {
	n := int64(unsafe.Sizeof(*r)) + int64(len(r.URL)+len(r.Prefix)+len(r.Suffix)+len(r.Separator)+len(r.Problem)+len(r.Answer)+8*len(r.Items))
	for i := range r.Headers {
		n += 40 + int64(len(r.Headers[i].Name))
		for _, v := range r.Headers[i].Values {
			n += 16 + int64(len(v))
		}
	}
	return n
}

func sizeOfWhy(why []inspect.Decision) (n int64) {
	for i := range why {
		n += int64(unsafe.Sizeof(why[i])) + int64(len(why[i].Path))
	}
	return n
}
