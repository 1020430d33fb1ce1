// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"go.opentelemetry.io/collector/component"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/eventmask"
	"github.com/apispan/apispan/internal/jsonfind"
)

// masker asks the extension of `mask_event`.
type masker struct {
	masker  eventmask.Masker
	backend string
	id      []string // path of the event's id
}

// newMasker finds the extension; nil if none is configured.
func newMasker(id *component.ID, host component.Host, t *translator) (*masker, error) {
	if id == nil {
		return nil, nil
	}
	ext, ok := host.GetExtensions()[*id]
	if !ok {
		return nil, fmt.Errorf("api_analytics: `mask_event` names %s, which is no extension of this Collector: write it under `extensions` and into `service::extensions`", id)
	}
	m, ok := ext.(eventmask.Masker)
	if !ok {
		return nil, fmt.Errorf("api_analytics: `mask_event` names %s, which masks no events: its type needs the method MaskEvent of package eventmask", id)
	}
	return &masker{masker: m, backend: t.name, id: t.enc.Spec().IDPath}, nil
}

// apply returns what is sent of event, or the reason why it is dropped. The result
// shares no memory with event.
func (m *masker) apply(ctx context.Context, event []byte) (out []byte, reason string) {
	defer func() {
		if recover() != nil {
			out, reason = nil, reasonMaskFailed
		}
	}()
	got, err := m.masker.MaskEvent(ctx, m.backend, bytes.Clone(event))
	switch {
	case err != nil:
		return nil, reasonMaskFailed
	case len(got) == 0:
		return nil, reasonMask
	}
	// Frames of events must not break on white space, and the result is not ours.
	var b bytes.Buffer
	if !utf8.Valid(got) || json.Compact(&b, got) != nil || b.Len() == 0 || b.Bytes()[0] != '{' {
		return nil, reasonMaskFailed
	}
	if !m.sameID(event, b.Bytes()) {
		return nil, reasonMaskFailed
	}
	return b.Bytes(), ""
}

// sameID reports whether b has the id of a: the backend would take the event for
// another one, or a repeat of it for a new one.
func (m *masker) sameID(a, b []byte) bool {
	if len(m.id) == 0 {
		return true
	}
	was, ok := jsonfind.Find(string(a), m.id)
	if !ok {
		return true
	}
	is, ok := jsonfind.Find(string(b), m.id)
	return ok && is.Value(string(b)) == was.Value(string(a))
}
