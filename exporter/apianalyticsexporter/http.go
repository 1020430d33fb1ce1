// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

const (
	// maxAnswerBytes bounds what is read of an answer. What is not wanted is read
	// only to use the connection again, and that is worth little.
	maxAnswerBytes = 64 << 10
	maxDrainTime   = time.Second
)

// httpTransport posts requests.
type httpTransport struct {
	transportParams

	url    string
	client *http.Client
}

func newHTTPTransport(p transportParams) transport {
	return &httpTransport{transportParams: p, url: requestURL(p.endpoint, p.backend.Spec().Path)}
}

func (t *httpTransport) start(ctx context.Context, host component.Host, set component.TelemetrySettings) error {
	client, err := t.transportParams.client.ToClient(ctx, host.GetExtensions(), set)
	if err != nil {
		return err
	}
	// Go would turn the POST into a GET, and a page that answers 200 would look
	// like delivery.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.client = client
	return nil
}

func (t *httpTransport) shutdown(context.Context) error {
	if t.client != nil {
		t.client.CloseIdleConnections()
	}
	return nil
}

// newRequest builds the request. The items are read where they are.
func (t *httpTransport) newRequest(ctx context.Context, items [][]byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, t.frame.Reader(items))
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(t.frame.Size(items))
	// Lets the transport repeat the request on a connection that turned out to
	// be closed before anything was sent.
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(t.frame.Reader(items)), nil }
	req.Header.Set("Content-Type", t.backend.Spec().ContentType)
	t.backend.SetHeader(req.Header)
	return req, nil
}

func (t *httpTransport) send(ctx context.Context, items [][]byte) reply {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// wrote is whether any of the request left us on the last connection tried;
	// the client tries another only if it did not.
	var wrote atomic.Bool
	req, err := t.newRequest(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { wrote.Store(false) },
		WroteHeaders: func() { wrote.Store(true) },
	}), items)
	name := t.backend.Spec().Name
	if err != nil {
		// Validate has checked the URL, so this is not reached.
		return reply{err: &sendError{backend: name, events: len(items), kind: "the request could not be built"}, loss: backend.NotSent}
	}
	begin := time.Now()
	resp, err := t.client.Do(req)
	r := reply{took: time.Since(begin)}
	if err != nil {
		r.err = newNoAnswer(name, len(items), err)
		if wrote.Load() {
			r.loss = backend.MaybeTaken
		}
		return r
	}
	r.status, r.header = resp.StatusCode, resp.Header
	// An answer without end must not hold the queue.
	timer := time.AfterFunc(maxDrainTime, cancel)
	defer timer.Stop()
	body := io.LimitReader(resp.Body, maxAnswerBytes)
	// The answer is judged by its status, so errors are of no interest.
	if t.wantBody && resp.StatusCode/100 == 2 {
		r.body, _ = io.ReadAll(body)
	} else {
		_, _ = io.Copy(io.Discard, body)
	}
	_ = resp.Body.Close()
	return r
}
