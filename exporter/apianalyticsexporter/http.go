// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/payload"
	"github.com/apispan/apispan/internal/poll"
)

const (
	// maxAnswerBytes bounds what is read of an answer. What is not wanted is read
	// only to use the connection again, and that is worth little.
	maxAnswerBytes = 64 << 10
	maxDrainTime   = time.Second
)

// httpTransport posts requests.
type httpTransport struct {
	endpoint string
	url      string // with the backend's path
	query    string
	ids      []string // where an item has its id
	backend  backend.Endpoint
	frame    payload.Frame
	answers  backend.Answers
	// wantBody asks for the body of successful answers, and wantAll for that of any, of which
	// nothing must be missing unless it may be long.
	wantBody, wantAll, long bool
	client                  *http.Client
	// keep is how many bytes of any answer are kept as its begin.
	keep    int64
	timeout time.Duration // of the client, which it is taken from
}

func newHTTPTransport(endpoint string, e backend.Endpoint, frame payload.Frame) *httpTransport {
	_, wantBody := e.(backend.AnswerReader)
	spec := e.Spec()
	return &httpTransport{
		endpoint: endpoint, url: requestURL(endpoint, spec.Path), backend: e, frame: frame, answers: spec.Answers,
		wantBody: wantBody || spec.Failures != nil, wantAll: spec.Failures != nil,
		query: spec.Query, ids: spec.IDPath,
	}
}

// Start implements [backend.Transport].
func (t *httpTransport) Start(ctx context.Context, env backend.Env) (err error) {
	if t.client, err = env.NewClient(ctx); err != nil {
		return err
	}
	t.timeout, t.client.Timeout = t.client.Timeout, 0
	return nil
}

// Shutdown implements [backend.Transport].
func (t *httpTransport) Shutdown(context.Context) error {
	if t.client != nil {
		t.client.CloseIdleConnections()
	}
	return nil
}

// newRequest builds the request. The items are read where they are.
func (t *httpTransport) newRequest(ctx context.Context, items [][]byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url+t.suffix(items), t.frame.Reader(items))
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

// suffix is what the backend adds to the URL of a request with the items.
func (t *httpTransport) suffix(items [][]byte) string {
	if t.query == "" {
		return ""
	}
	return t.query + backend.BatchID(t.ids, items)
}

// ask posts content to a path of the backend's and reads the answer, see
// [backend.Preparer].
func (t *httpTransport) ask(ctx context.Context, path, content string) backend.Reply {
	other := *t
	other.url, other.query, other.frame, other.long = requestURL(t.endpoint, path), "", payload.Frame{}, true
	return other.Send(ctx, [][]byte{[]byte(content)}, backend.Patience{})
}

// withTrailer returns the header with what came behind the content, where it has no such
// field.
func withTrailer(h, trailer http.Header) http.Header {
	if len(trailer) == 0 {
		return h
	}
	all := trailer.Clone()
	maps.Copy(all, h)
	return all
}

// Send implements [backend.Transport].
func (t *httpTransport) Send(ctx context.Context, items [][]byte, p backend.Patience) backend.Reply {
	ctx, cancel := p.Within(ctx, t.timeout)
	defer cancel()
	// wrote is whether any of the request left us on the last connection tried;
	// the client tries another only if it did not.
	var wrote atomic.Bool
	req, err := t.newRequest(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { wrote.Store(false) },
		WroteHeaders: func() { wrote.Store(true) },
	}), items)
	if err != nil {
		return backend.Reply{Err: err, Loss: backend.NotSent} // Validate has checked the URL
	}
	begin := time.Now()
	resp, err := t.client.Do(req)
	r := backend.Reply{Took: time.Since(begin)}
	r.Used = p.Used(r.Took, t.timeout)
	if err != nil {
		r.Err = err
		if wrote.Load() {
			r.Loss = backend.MaybeTaken
		}
		return r
	}
	r.Status, r.Header = resp.StatusCode, resp.Header
	// The request that was answered is the one that middlewares made of ours.
	if q := resp.Request; q != nil && q.Header.Get("Content-Encoding") != "" {
		r.Encoded = max(q.ContentLength, 0)
	}
	poll.Downgrade(resp)
	// An answer without end must not hold the queue.
	timer := time.AfterFunc(maxDrainTime, cancel)
	defer timer.Stop()
	success := resp.StatusCode/100 == 2
	body := io.LimitReader(resp.Body, maxAnswerBytes)
	// Where the answer is judged by its status alone, errors are of no interest, unless it
	// is somebody else's.
	head := t.keep
	if success {
		head = max(head, backend.SampleBytes)
	}
	if head > 0 {
		begin, ended := io.ReadAll(io.LimitReader(body, head))
		r.Begin = begin[:min(int64(len(begin)), t.keep)]
		if success {
			if ended == nil && len(begin) < backend.SampleBytes {
				ended = io.EOF
			}
			r.Foreign = t.answers.Foreign(r.Status, r.Header, begin[:min(len(begin), backend.SampleBytes)], ended)
		}
		body = io.MultiReader(bytes.NewReader(begin), body)
	}
	if t.wantAll || t.wantBody && success {
		r.Body, err = io.ReadAll(body)
		if t.wantAll {
			r.Header = withTrailer(r.Header, resp.Trailer)
		}
		switch {
		case !t.wantAll || !success || r.Foreign != "":
		case err != nil: // it may have told of a failure
			r.Status, r.Err, r.Loss = 0, err, backend.MaybeTaken
		case len(r.Body) == maxAnswerBytes && !t.long: // or tell of it at its end
			r.Foreign = "an answer that is longer than any of its own"
		}
	} else {
		_, _ = io.Copy(io.Discard, body)
	}
	_ = resp.Body.Close()
	return r
}
