// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// scriptedTransport answers from a list; its last answer is that all is taken.
type scriptedTransport struct {
	backend.Transport

	mu       sync.Mutex
	replies  []backend.Reply
	sent     []int
	isClosed bool
}

func (s *scriptedTransport) Start(context.Context, backend.Env) error {
	return nil
}

func (s *scriptedTransport) Send(_ context.Context, items [][]byte, _ backend.Patience) backend.Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, len(items))
	if len(s.replies) == 0 {
		return backend.Reply{Status: http.StatusOK}
	}
	r := s.replies[0]
	s.replies = s.replies[1:]
	return r
}

type closingTransport struct{ *scriptedTransport }

func (c closingTransport) Shutdown(context.Context) error {
	c.isClosed = true
	return nil
}

// TestTransport: another scheme has another transport, and what it confirmed
// before it failed is not sent again.
func TestTransport(t *testing.T) {
	t.Parallel()
	fake := &scriptedTransport{replies: []backend.Reply{{Taken: 3}, {Taken: 1}, {Taken: 99}}}
	var got string
	r := wordRig(t, wordEncoder{}, "script://host/path", func(_ *Config, c *choice) {
		c.Transports = map[string]backend.NewTransport{"script": func(endpoint string, _ backend.Endpoint) backend.Transport {
			got = endpoint
			return closingTransport{fake}
		}}
	})
	if err := r.words("a", "b", "c", "d", "e"); err != nil {
		t.Fatal(err)
	}
	r.shutdown()
	if d := cmp.Diff([]int{5, 2, 1}, fake.sent); d != "" {
		t.Errorf("sent (-want +got)\n%s", d)
	}
	if got != "script://host/path" {
		t.Errorf("endpoint %s", got)
	}
	if !fake.isClosed {
		t.Error("the transport was not shut down")
	}
	if c := r.checkBooks(); c.Sent != 5 || c.Retried != 3 {
		t.Errorf("counts %+v", c)
	}
}

// TestTransportOnce: what a transport confirmed counts as sent, and only the rest
// as unconfirmed.
func TestTransportOnce(t *testing.T) {
	t.Parallel()
	fake := &scriptedTransport{replies: []backend.Reply{{Taken: 3, Loss: backend.MaybeTaken}}}
	r := wordRig(t, wordEncoder{once: true}, "script://host", func(_ *Config, c *choice) {
		c.Transports = map[string]backend.NewTransport{"script": func(string, backend.Endpoint) backend.Transport { return closingTransport{fake} }}
	})
	if err := r.words("a", "b", "c", "d", "e"); err != nil {
		t.Fatal(err)
	}
	if c := r.checkBooks(); c.Sent != 3 || c.Dropped["unconfirmed"] != 2 {
		t.Errorf("counts %+v", c)
	}
}

// TestSchemes: a scheme without a transport is refused.
func TestSchemes(t *testing.T) {
	t.Parallel()
	c := choice{name: "word", Facts: backend.Facts{Secret: "s", Transports: map[string]backend.NewTransport{"wss": nil, "ws": nil}}}
	for endpoint, want := range map[string]string{
		"wss://h/x": "", "https://h": "",
		"ftp://h": "`endpoint` does not begin with http:// or https:// or ws:// or wss://: write an absolute URL such as https://api.example.com",
	} {
		err := c.validateEndpoint("`endpoint`", endpoint)
		if err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}
