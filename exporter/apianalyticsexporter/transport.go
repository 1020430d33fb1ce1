// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/payload"
)

// transport carries requests to a backend and reports what came back. It judges
// nothing: what a reply means is the sender's to say, once for all transports.
// The scheme of the endpoint chooses the transport (choice.transports).
type transport interface {
	// start opens what is needed; only now the extensions exist.
	start(ctx context.Context, host component.Host, set component.TelemetrySettings) error
	// send delivers the items as one request and waits for the reply, at most
	// the client's timeout long. It is called concurrently. Without items it
	// sends an empty request (see backend.Spec.EmptyProbe).
	send(ctx context.Context, items [][]byte) reply
	// shutdown frees what start opened. send is not called afterwards.
	shutdown(ctx context.Context) error
}

// transportParams is what a transport is made from.
type transportParams struct {
	// endpoint is the configured address, or the backend's own.
	endpoint string
	client   confighttp.ClientConfig
	backend  backend.Endpoint
	frame    payload.Frame
	// wantBody asks for the body of successful answers.
	wantBody bool
}

type newTransport func(transportParams) transport

// reply is what came back for one request.
type reply struct {
	// status is the HTTP status, or the one that means the same; 0 is no answer.
	status int
	// handshake is true if the status is the answer to a handshake: no event was
	// sent, so that whatever is refused, it is us.
	handshake bool
	// header is read for Retry-After and Date; it may be nil.
	header http.Header
	// body is a prefix of a successful answer, if that was asked for.
	body []byte
	// err says why there is no answer, and loss how far the request got.
	err  *sendError
	loss backend.Loss
	// taken is how many of the first items the backend confirmed before the
	// answer failed to come. It counts only if status is 0.
	taken int
	// took is the time until the head of the answer, or until it was given up.
	took time.Duration
}

// transportFor returns the constructor for the endpoint's scheme.
func (c *choice) transportFor(endpoint string) newTransport {
	if u, err := url.Parse(endpoint); err == nil {
		if t, ok := c.transports[u.Scheme]; ok {
			return t
		}
	}
	return newHTTPTransport
}
