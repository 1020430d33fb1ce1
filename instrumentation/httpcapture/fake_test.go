// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// fakeSpan is a recording span that is not the SDK's.
type fakeSpan struct {
	noop.Span

	mu    sync.Mutex
	calls int
	attrs []attribute.KeyValue
}

func (*fakeSpan) IsRecording() bool { return true }

func (s *fakeSpan) SetAttributes(kv ...attribute.KeyValue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.attrs = append(s.attrs, kv...)
}

func (s *fakeSpan) context() context.Context {
	return trace.ContextWithSpan(context.Background(), s)
}

func (s *fakeSpan) get(key attribute.Key) (attribute.Value, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kv := range s.attrs {
		if kv.Key == key {
			return kv.Value, true
		}
	}
	return attribute.Value{}, false
}
