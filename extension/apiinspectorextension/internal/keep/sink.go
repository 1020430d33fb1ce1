// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"slices"

	"github.com/apispan/apispan/internal/inspect"
)

// The methods of inspect.Sink. None of them waits.

var _ inspect.Sink = (*Store)(nil)

const (
	// maxSources bounds the components; maxKinds the kinds of what was no exchange.
	maxSources = 256
	maxKinds   = 64
	maxText    = 256 << 10 // of a policy
)

// Wants implements inspect.Sink.
func (s *Store) Wants(k *inspect.Key) bool { return s.rate.wants(k) }

// Raw implements inspect.Sink.
func (s *Store) Raw() bool { return s.cfg.ShowRaw }

// Attach implements inspect.Sink.
func (s *Store) Attach(src inspect.Source) {
	if len(src.Text) > maxText {
		src.Text = src.Text[:maxText]
	}
	s.state.Lock()
	defer s.state.Unlock()
	i := slices.IndexFunc(s.Sources, func(o inspect.Source) bool { return o.Component == src.Component })
	if src.Since.IsZero() {
		src.Since = s.cfg.Now()
		if i >= 0 && s.Sources[i].Policy == src.Policy {
			src.Since = s.Sources[i].Since
		}
	}
	switch {
	case i >= 0:
		s.Sources[i] = src
	case len(s.Sources) < maxSources:
		s.Sources = append(s.Sources, src)
	}
	s.Version++
	s.elect()
}

// Detach implements inspect.Sink.
func (s *Store) Detach(component string) {
	s.state.Lock()
	defer s.state.Unlock()
	s.Sources = slices.DeleteFunc(s.Sources, func(o inspect.Source) bool { return o.Component == component })
	delete(s.Deliveries, component)
	s.Version++
	s.elect()
}

// elect chooses the exporter whose exchanges without ids are counted: they cannot be told
// apart from those of the others.
func (s *Store) elect() {
	s.primary.Store(nil)
	for i := range s.Sources {
		if s.Sources[i].Backend != "" {
			first := s.Sources[i].Component // a copy: the list changes
			s.primary.Store(&first)
			return
		}
	}
}

// Arrived implements inspect.Sink. Components of one pipeline see the same spans, so of
// several counts the highest holds.
func (s *Store) Arrived(component string, kinds map[string]int) {
	s.state.Lock()
	defer s.state.Unlock()
	by := s.arrived[component]
	if by == nil {
		if len(s.arrived) >= maxSources {
			return
		}
		by = map[string]int64{}
		s.arrived[component] = by
	}
	for k, n := range kinds {
		if _, ok := by[k]; !ok && len(by) >= maxKinds {
			k = "other"
		}
		by[k] += int64(n)
		s.State.Arrived[k] = max(s.State.Arrived[k], by[k])
	}
}

// Delivery implements inspect.Sink.
func (s *Store) Delivery(component string, d inspect.Delivery) {
	s.state.Lock()
	defer s.state.Unlock()
	if _, ok := s.Deliveries[component]; ok || len(s.Deliveries) < maxSources {
		s.Deliveries[component] = d
	}
}

// Saw implements inspect.Sink.
func (s *Store) Saw(component string, all []inspect.Tally) {
	if p := s.primary.Load(); p != nil && *p != component {
		// Exchanges without ids are counted by another exporter. Most often there are none.
		all = slices.DeleteFunc(all, func(x inspect.Tally) bool { return x.ID == 0 })
	}
	if len(all) > 0 && !s.inbox.saw(all) {
		s.lost(LostNumbers, int64(len(all)))
	}
}

// Before implements inspect.Sink.
func (s *Store) Before(k inspect.Key, span *inspect.Span) {
	if span != nil {
		s.send(note{kind: noteBefore, key: k, span: span, size: sizeOfSpan(span)})
	}
}

// After implements inspect.Sink.
func (s *Store) After(k inspect.Key, span *inspect.Span, component string, why []inspect.Decision) {
	if span == nil {
		return
	}
	if len(why) > maxDecisions {
		why = why[:maxDecisions]
	}
	s.send(note{kind: noteAfter, key: k, span: span, component: component, why: why, size: sizeOfSpan(span)})
}

// Read implements inspect.Sink.
func (s *Store) Read(k inspect.Key, component string, x *inspect.Exchange) {
	if x != nil {
		cutBody(&x.Request.Body)
		cutBody(&x.Response.Body)
		s.send(note{kind: noteRead, key: k, component: component, exchange: x, size: sizeOfExchange(x)})
	}
}

// Encoded implements inspect.Sink.
func (s *Store) Encoded(k inspect.Key, component string, e *inspect.Event) {
	if e != nil {
		s.send(note{kind: noteEncoded, key: k, component: component, event: e, size: int64(len(e.Data))})
	}
}

// Left implements inspect.Sink.
func (s *Store) Left(k inspect.Key, component, reason string) {
	s.send(note{kind: noteLeft, key: k, component: component, reason: reason})
}

// Sent implements inspect.Sink.
func (s *Store) Sent(component string, r *inspect.Request) {
	if r != nil {
		r.Answer = r.Answer[:min(len(r.Answer), inspect.MaxAnswer)]
		s.send(note{kind: noteSent, component: component, request: r, size: sizeOfRequest(r)})
	}
}

// send hands a note over, or counts it as not shown.
func (s *Store) send(m note) {
	if !s.inbox.note(&m) {
		s.lost(LostDetails, 1)
	}
}

func (s *Store) lost(what string, n int64) {
	switch what {
	case LostNumbers:
		s.lostNumbers.Add(n)
	case LostLarge:
		s.lostLarge.Add(n)
	default:
		s.lostDetails.Add(n)
	}
	if s.cfg.NotShown != nil {
		s.cfg.NotShown(what, n)
	}
}

// cutBody holds the bound, whatever a component does.
func cutBody(b *inspect.Body) {
	if len(b.Data) > inspect.MaxValue {
		b.Data, b.Truncated = slices.Clone(b.Data[:inspect.MaxValue]), true
	}
}
