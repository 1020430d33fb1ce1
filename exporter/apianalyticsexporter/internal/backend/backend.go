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
	// body never makes a success of a failure (see [FailureReader]), and decides about a
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

// Querier is implemented by an Endpoint whose requests have a query, such as one that
// tells what they hold.
type Querier interface {
	// Query returns what stands behind [Spec.Path] in the URL of a request with these
	// items, from the "?" on, or from a "/" before it.
	Query(items [][]byte) string
}

// FailureReader is implemented by an Endpoint whose backend may tell in the header or the
// content of an answer that it failed, whatever the status.
type FailureReader interface {
	// ReadFailure returns what an answer tells, or false if it tells of no failure:
	// Classify decides then. So it may make a failure of a success, and never the
	// reverse. body is a prefix of the answer, at most 64 KiB, and never logged; an answer
	// with a successful status whose content breaks off is none.
	ReadFailure(status int, h http.Header, body []byte) (Failure, bool)
}

// Failure is what an answer tells besides its status.
type Failure struct {
	// Class is Retry, Reject or Outage.
	Class Class
	// Code is the backend's own number for it.
	Code int
	// Advice is our sentence: what is wrong, with the key and the fix. It holds nothing
	// that the backend wrote.
	Advice string
}

// Preparer is implemented by an Endpoint whose backend has to be made ready, or looked at,
// before the first request.
type Preparer interface {
	// Prepare returns nil if requests may be sent. It is called soon after the start, and
	// before the next request after one that was refused; never twice at a time. Until it
	// returns nil nothing is sent and everything waits, so that its error costs no event:
	// the text is logged and becomes the status of the component. It names the key and the
	// fix, and nothing that the backend wrote.
	//
	// ask posts content to a path, as of Spec.Path, and returns the begin of what was
	// answered, at most 64 KiB. Its errors are to be returned as they are.
	Prepare(ask func(path, content string) ([]byte, error)) error
}

// Spec holds the facts that the exporter needs to pack and send.
type Spec struct {
	// Name is the configuration key, such as "moesif".
	Name string
	// Path is appended to the configured endpoint.
	Path string
	// ContentType of a request.
	ContentType string
	// Prefix, Separator and Suffix frame the items of one request.
	Prefix, Separator, Suffix string
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
