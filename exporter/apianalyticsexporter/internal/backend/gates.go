// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"fmt"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// Gates say what of an exchange may reach a backend. They narrow what was
// captured and never widen it.
type Gates struct {
	// Bodies is "none", "errors" (status 400 and above, or no response) or
	// "all". Default "all": capturing bodies is off by default already.
	Bodies BodyGate `mapstructure:"bodies"`
	// MaxBodySize is the most bytes of each body; a longer one is cut between two
	// characters and marked as truncated. Default 0: only max_event_size counts
	// (metlo: 10240).
	MaxBodySize int `mapstructure:"max_body_size"`
	// Headers sends the captured headers. Default true.
	Headers bool `mapstructure:"headers"`
	// MaxEventSize is the most bytes in one encoded event; larger ones get their
	// bodies cut. 0 means the backend's limit, which is the default and the most.
	MaxEventSize int `mapstructure:"max_event_size"`
	// URL is "full" (the default), "path" (without query) or "route" (the route's
	// template in place of the path; "/" if no route is known).
	URL URLGate `mapstructure:"url"`
	// Direction is "incoming" (SERVER spans), "outgoing" (CLIENT spans) or "both",
	// the default.
	Direction DirectionGate `mapstructure:"direction"`
}

// DefaultGates let everything pass.
func DefaultGates() Gates {
	return Gates{Bodies: BodiesAll, Headers: true, URL: URLFull, Direction: DirectionBoth}
}

// minEventSize leaves room for an event without bodies.
const minEventSize = 4 << 10

// BodyGate says which bodies are sent.
type BodyGate string

const (
	BodiesNone   BodyGate = "none"
	BodiesErrors BodyGate = "errors"
	BodiesAll    BodyGate = "all"
)

// URLGate says how much of the URL is sent.
type URLGate string

const (
	URLFull  URLGate = "full"
	URLPath  URLGate = "path"
	URLRoute URLGate = "route"
)

// DirectionGate says which exchanges are sent.
type DirectionGate string

const (
	DirectionIncoming DirectionGate = "incoming"
	DirectionOutgoing DirectionGate = "outgoing"
	DirectionBoth     DirectionGate = "both"
)

// Validate adds bad values to p; maxItem is the backend's limit on one event, or 0 if that
// is not known.
func (g *Gates) Validate(p *Problems, maxItem int) {
	n := g.MaxEventSize
	p.Unless(maxItem <= 0 || n == 0 || n >= minEventSize && n <= maxItem, "max_event_size", n,
		fmt.Sprintf("a number of bytes from %d to %d, or 0 for the most", minEventSize, maxItem))
	OneOf(p, "bodies", g.Bodies, BodiesNone, BodiesErrors, BodiesAll)
	p.Unless(g.MaxBodySize >= 0, "max_body_size", g.MaxBodySize, "a number of bytes, or 0 for no limit but the event's")
	OneOf(p, "url", g.URL, URLFull, URLPath, URLRoute)
	OneOf(p, "direction", g.Direction, DirectionIncoming, DirectionOutgoing, DirectionBoth)
}

// Apply narrows ex and returns why it is not sent at all, if so. cut is whether a
// body was cut.
func (g *Gates) Apply(ex *exchange.Exchange) (drop Drop, cut bool) {
	if g.Direction == DirectionIncoming && ex.Direction != exchange.Incoming ||
		g.Direction == DirectionOutgoing && ex.Direction != exchange.Outgoing {
		return DropDirection, false
	}
	if g.Bodies == BodiesNone || g.Bodies == BodiesErrors && !ex.Failed() {
		ex.Request.Body = exchange.Body{Size: ex.Request.Body.Size}
		ex.Response.Body = exchange.Body{Size: ex.Response.Body.Size}
	}
	if g.MaxBodySize > 0 {
		cut = ex.Shrink(g.MaxBodySize)
	}
	if !g.Headers {
		ex.Request.Headers, ex.Response.Headers = nil, nil
	}
	switch g.URL {
	case URLPath:
		ex.Query = ""
	case URLRoute:
		ex.RouteOnly()
	}
	return Keep, cut
}
