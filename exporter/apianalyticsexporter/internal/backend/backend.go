// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package backend is the contract between the exporter and one API-analytics
// vendor. A backend is a pure translation plus a few facts (path, limits, what an
// answer means); it opens no connection and knows no pdata. Packing, sending and
// retrying are the exporter's, so that they exist once.
package backend

import (
	"net/http"
	"strings"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// Drop is why an exchange became no event. Values are metric attributes: keep
// them short, stable and free of data.
type Drop string

const (
	// Keep is the zero value: the exchange was encoded.
	Keep Drop = ""
	// DropDirection: the backend has no place for outgoing exchanges.
	DropDirection Drop = "direction"
	// DropMethod: the backend never wants this method (OPTIONS).
	DropMethod Drop = "method"
	// DropNoStatus: the backend needs a response and there was none.
	DropNoStatus Drop = "no_status"
	// DropNoIdentity: the backend needs a consumer and there was none.
	DropNoIdentity Drop = "no_identity"
	// DropSelfTraffic: the exchange is a call to the backend itself.
	DropSelfTraffic Drop = "self_traffic"
	// DropEncryption: the event has to be encrypted and could not be.
	DropEncryption Drop = "encryption"
	// DropHealthCheck: the backend leaves out health checks.
	DropHealthCheck Drop = "health_check"
	// DropWeight: the backend counts calls, and the exchange stands for several.
	DropWeight Drop = "weight"
)

// HeaderSafe reports whether a secret can be sent in a header field as it is: it
// holds no blank, no control character and none beyond ASCII.
func HeaderSafe(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// Endpoint is one address of a backend: what is sent there and what its answers
// mean. It must be safe for concurrent use.
type Endpoint interface {
	// Spec returns the constant facts of the endpoint.
	Spec() Spec
	// SetHeader adds the backend's own request headers (authentication, user
	// agent), never Content-Encoding.
	SetHeader(h http.Header)
	// Classify says what an answer means. It sees the status only: a response
	// body never makes a success of a failure (see [Failures]), and decides about a
	// success only if it is not the backend's (see Spec.Answers).
	Classify(status int) Class
}

// Encoder is the endpoint for exchanges, and translates them. It must not retain
// ex or dst. What a backend needs beyond this it says by implementing one of the
// optional contracts below.
type Encoder interface {
	Endpoint
	// Append appends exactly one item to dst and returns it, or returns dst
	// unchanged and the reason why there is no item. It never fails: a value
	// that cannot be represented is left out.
	Append(dst []byte, ex *exchange.Exchange) ([]byte, Drop)
}

// Shedder is implemented by an Encoder that knows better than exchange.Shrink what
// to give up of an event that is too large.
type Shedder interface {
	// AppendWithin is Append for an item of at most maxBytes, and reports whether
	// anything was given up. An item that is too large even so is appended, too.
	AppendWithin(dst []byte, ex *exchange.Exchange, maxBytes int) (out []byte, shed bool, drop Drop)
}

// Degrader is implemented by an Endpoint whose backend may refuse an event for its
// content alone (an edge firewall that takes captured content for an attack). The
// exporter asks once for an event that was refused when sent alone while the
// credential was taken.
type Degrader interface {
	// Degrade appends item without the content that may have been refused
	// (bodies, query) to dst, or returns dst and false if nothing is left to
	// take away.
	Degrade(dst, item []byte) ([]byte, bool)
}

// NoAnswerPolicy is implemented by an Endpoint whose backend cannot recognise an
// event that it has seen. Without it every request without an answer is sent
// again. What must not be sent again is dropped as "unconfirmed".
type NoAnswerPolicy interface {
	// RetryNoAnswer reports whether a request that came to this end may be sent
	// again.
	RetryNoAnswer(l Loss) bool
}

// Loss says how far a request got that has no answer.
type Loss uint8

const (
	// NotSent: nothing of the request left us. The name was not resolved, the
	// connection refused, the TLS handshake or the proxy failed.
	NotSent Loss = iota
	// MaybeTaken: it left us, at least in part, and then the connection was
	// lost, the time ran out, or the Collector stopped.
	MaybeTaken
)

// AnswerReader is implemented by an Endpoint whose backend tells in a successful
// answer how many events it left out. It never decides about success.
type AnswerReader interface {
	// Skipped returns that number, or 0 if body does not tell. body is a prefix
	// of the answer, at most 64 KiB, and never logged.
	Skipped(body []byte) int
}

// Preparer is implemented by an Endpoint whose backend has to be made ready, or looked at,
// before the first request. That is done soon after the start, and before the next request
// after one that was refused; never twice at a time. Until it is ready nothing is sent and
// everything waits, so that what is wrong costs no event.
type Preparer interface {
	// Look returns what is posted to a path, as of [Spec.Path], to see whether the backend is
	// ready. If optional is true and it does not answer that, it counts as ready: its answers
	// to requests have to tell.
	Look() (path, content string, optional bool)
	// Ready reads the answer, at most 64 KiB of it, and returns nil if requests may be sent.
	// Its error is logged and becomes the status of the component: it names the key and the
	// fix, and nothing that the backend wrote. steps would make the backend ready: contents
	// that are posted to the same path, one after the other, before it is looked at again.
	Ready(answer []byte) (steps []string, err error)
}

// Spec holds the facts that the exporter needs to pack and send.
type Spec struct {
	// Frame is how a request holds its items.
	Frame

	// Name is the configuration key, such as "moesif".
	Name string
	// Form tells items apart that the configuration of the backend shapes differently, such
	// as "har". An item of another form that still waits in the queue is not sent.
	Form string
	// Path is appended to the configured endpoint.
	Path string
	// Query stands behind Path in the URL of a request with items, from the "?" on, or from a
	// "/" before it, and ends with the request's [BatchID]: by it the backend knows a request
	// again. "" means that requests have none.
	Query string
	// MaxItems is the most items in a request.
	MaxItems int
	// MaxItemBytes is the most bytes in one item, uncompressed. A larger item
	// is encoded again with its bodies cut (see exchange.Shrink).
	MaxItemBytes int
	// MaxRequestBytes is the most bytes in one request, uncompressed.
	MaxRequestBytes int
	// Slim are the steps by which an item that was refused as too large (413) gets
	// smaller, each after those before it: bodies, headers, URL.
	Slim []Slim
	// Answers say which successful answers are not the backend's.
	Answers Answers
	// Failures say how answers tell of a failure besides their status. Nil: they do not.
	Failures *Failures
	// MinBackoff is the shortest wait after a retryable answer without
	// Retry-After; 0 means that the configured backoff decides.
	MinBackoff time.Duration
	// IDPath is where an item has the event's id: the names of members from outside to
	// inside. Nil means that it has none.
	IDPath []string
	// EmptyProbe is true if the backend answers a request without events by the
	// credential alone. It is sent when nothing but 401 or 403 comes back for
	// events sent alone and Classify calls that Reject: by its answer a refused
	// key (an outage, nothing is lost) is told from refused content (degraded or
	// dropped). Without it, refusing all events of a request means a refused key.
	EmptyProbe bool
}

// StoredAs is what a request in the queue says of its items.
func (s *Spec) StoredAs() string {
	if s.Form == "" {
		return s.Name
	}
	return s.Name + "/" + s.Form
}

// Reads reports whether items that were stored so can be sent. Before requests said
// their form they had the name alone.
func (s *Spec) Reads(stored string) bool { return stored == s.StoredAs() || stored == s.Name }

// Frame is how a request holds its items.
type Frame struct {
	// ContentType of a request.
	ContentType string
	// Prefix, Separator and Suffix stand around the items.
	Prefix, Separator, Suffix string
}

// The usual frames.
var (
	JSONArray = Frame{"application/json", "[", ",", "]"}
	NDJSON    = Frame{"application/x-ndjson", "", "\n", "\n"}
)

// Class is what an answer means for the events of that request.
type Class uint8

const (
	// Delivered: the backend took the events.
	Delivered Class = iota
	// Retry: a transient fault; send again later with the same ids.
	Retry
	// Reject: the backend will never take this request as it is. The exporter
	// bisects to find the offending event, degrades it (see Degrader) or drops
	// it, and delivers the rest. If the status is 401 or 403 and no event at all
	// is taken, it is taken for an Outage (see Spec.EmptyProbe).
	Reject
	// Outage: the backend refuses us, not the data (bad key, unpaid, moved).
	// It is retried like a fault and reported as component status, so that a
	// rotated key does not empty the queue.
	Outage
	// GiveUp: some of the events may have been taken, and sending them again
	// would double those. All of the request are dropped as "unconfirmed".
	GiveUp
)
