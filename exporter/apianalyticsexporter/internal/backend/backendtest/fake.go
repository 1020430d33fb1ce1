// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Settings adjusts a fake. The zero value is usable.
type Settings struct {
	// Credential is the application id or API key that requests must carry;
	// empty means that any non-empty one will do, and for a webhook also none.
	Credential string
	// SecretKey is what Cerberus hands out as HMAC key; empty means that of the
	// vendor's own test vectors.
	SecretKey string
	// MaxItems is the most events in a request; 0 means the backend's default
	// (Moesif 200, ReadMe 30, Metlo 50).
	MaxItems int
	// OnEvent, if set, gets each event of an accepted request, in order, before
	// the answer is sent. Calls do not overlap. Entities come here, too.
	OnEvent func(Event)
	// OnViolation, if set, gets each violation. Calls do not overlap.
	OnViolation func(string)
	// Discard keeps events and violations out of Events and Violations, for
	// long runs. Ids are remembered in any case.
	Discard bool
}

const typeJSON = "application/json"

// Event is one accepted event, or entity.
type Event struct {
	Backend    string          // the backend's name, such as "moesif"
	Stream     string          // "users", "companies", …; empty for an event
	ID         string          // transaction_id, _id, …; a running number where events have none
	Duplicate  bool            // an event with this id was accepted before
	JSON       json.RawMessage // as received
	ReceivedAt time.Time
}

// Stats counts since the start. Accepted counts distinct events, so that
// Accepted plus Duplicates is what was taken. Entities counts updates of entities,
// repeated ones included, which are in neither.
type Stats struct {
	Requests   int `json:"requests"`
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
	Violations int `json:"violations"`
	Entities   int `json:"entities,omitempty"`
}

// Fault is a scripted misbehaviour. Fields combine: with Take and Reset the
// events are taken and the connection is reset instead of answering.
type Fault struct {
	// Count is how many requests it hits; 0 means 1, negative means all.
	Count int
	// Delay is how long the answer is held back.
	Delay time.Duration
	// Take checks and records the events before misbehaving; without it they
	// are not looked at.
	Take bool
	// Status is the answer; 0 means the proper one (and implies Take) unless
	// Reset is set.
	Status int
	// RetryAfter is sent as that header if not empty.
	RetryAfter string
	// Body replaces the answer's body if not empty.
	Body string
	// Reset closes the connection without an answer.
	Reset bool
}

// Fake is an ingestion endpoint. It is safe for concurrent use.
type Fake struct {
	vendor   vendor
	settings Settings

	mu         sync.Mutex
	changed    chan struct{} // closed and replaced when events arrive
	stats      Stats
	seen       map[string]struct{}
	events     []Event
	violations []string
	faults     []Fault
}

// vendor is what differs between the endpoints.
type vendor struct {
	name string
	path string // "": any path and query
	// beside is a path where no events come, which faults spare.
	beside string
	// mediaTypes of a request; nil is application/json.
	mediaTypes []string
	// split returns the events of a request, or an error without data; nil
	// splits a bare JSON array.
	split        func(mediaType string, body []byte) ([]json.RawMessage, error)
	maxItems     int
	maxItemBytes int
	maxBytes     int    // uncompressed, the whole request
	idField      string // or that with an underscore before it; empty: events have no id, so none is a duplicate
	success      int
	authorized   func(h http.Header, credential string) bool
	check        func(event []byte) []string
	// streams are what is served beside the events, by path.
	streams map[string]vendorStream
	// frame, if set, takes a text frame of a WebSocket and returns the code with
	// which the connection is to be closed, or 0.
	frame func(f *Fake, data []byte) int
	// serve, if set, answers in place of what the others have in common.
	serve  func(f *Fake, r *http.Request) (status int, text string)
	config *remoteConfig // nil if there is none
}

// vendorStream is what differs between the events and the entities of a vendor.
type vendorStream struct {
	name     string
	idField  string
	maxBytes int
	check    func(item []byte) []string
}

// at returns the vendor as it is at a path, and the stream served there.
func (v vendor) at(path string) (_ vendor, stream string) {
	s, ok := v.streams[path]
	if !ok {
		return v, ""
	}
	v.path, v.idField, v.maxBytes, v.check = path, s.idField, s.maxBytes, s.check
	return v, s.name
}

func newFake(v vendor, s Settings) *Fake {
	if v.mediaTypes == nil {
		v.mediaTypes = []string{typeJSON}
	}
	if v.split == nil {
		v.split = splitArray
	}
	if s.MaxItems > 0 {
		v.maxItems = s.MaxItems
	}
	return &Fake{
		vendor:   v,
		settings: s,
		changed:  make(chan struct{}),
		seen:     make(map[string]struct{}),
	}
}

// Script appends faults; each is used up before the next one begins.
func (f *Fake) Script(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range faults {
		if fault.Count == 0 {
			fault.Count = 1
		}
		f.faults = append(f.faults, fault)
	}
}

// Heal drops the faults that are left.
func (f *Fake) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// Stats returns the counters.
func (f *Fake) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

// Events returns the accepted events in order of arrival, duplicates included.
func (f *Fake) Events() []Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.events)
}

// Violations returns what was wrong with requests, in order. The texts name
// fields and rules and hold no values.
func (f *Fake) Violations() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.violations)
}

// Entities returns the accepted updates of a stream in order of arrival.
func (f *Fake) Entities(stream string) (list []Event) {
	for _, e := range f.Events() {
		if e.Stream == stream {
			list = append(list, e)
		}
	}
	return list
}

// Wait returns once n distinct events were accepted, or with an error when ctx
// ends first.
func (f *Fake) Wait(ctx context.Context, n int) error {
	for {
		f.mu.Lock()
		got, changed := f.stats.Accepted, f.changed
		f.mu.Unlock()
		if got >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("backendtest: %d of %d events accepted: %w", got, n, ctx.Err())
		}
	}
}

// nextFault takes the fault for this request and counts the request.
func (f *Fake) nextFault() *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Requests++
	if len(f.faults) == 0 {
		return nil
	}
	fault := f.faults[0]
	switch {
	case fault.Count < 0:
	case fault.Count == 1:
		f.faults = f.faults[1:]
	default:
		f.faults[0].Count--
	}
	return &fault
}

func (f *Fake) violate(texts ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Violations += len(texts)
	for _, text := range texts {
		if !f.settings.Discard {
			f.violations = append(f.violations, text)
		}
		if f.settings.OnViolation != nil {
			f.settings.OnViolation(text)
		}
	}
}

func (f *Fake) accept(items []json.RawMessage) {
	now := time.Now().UTC()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, item := range items {
		var fields map[string]json.RawMessage
		var id string
		// The item has passed the check, so both are there.
		_ = json.Unmarshal(item, &fields)
		raw, ok := fields[f.vendor.idField]
		if !ok {
			raw = fields["_"+f.vendor.idField]
		}
		_ = json.Unmarshal(raw, &id)
		if f.vendor.idField == "" {
			id = strconv.Itoa(f.stats.Accepted + 1)
		}
		_, dup := f.seen[id]
		if dup {
			f.stats.Duplicates++
		} else {
			f.stats.Accepted++
			f.seen[id] = struct{}{}
		}
		ev := Event{Backend: f.vendor.name, ID: id, Duplicate: dup, JSON: item, ReceivedAt: now}
		if !f.settings.Discard {
			f.events = append(f.events, ev)
		}
		if f.settings.OnEvent != nil {
			f.settings.OnEvent(ev)
		}
	}
	f.announce()
}

// acceptEntities records updates of entities. One may come again and again, so none
// is a duplicate.
func (f *Fake) acceptEntities(stream, idField string, items []json.RawMessage) {
	now := time.Now().UTC()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, item := range items {
		var fields map[string]json.RawMessage
		var id string
		_ = json.Unmarshal(item, &fields)
		_ = json.Unmarshal(fields[idField], &id)
		f.stats.Entities++
		ev := Event{Backend: f.vendor.name, Stream: stream, ID: id, JSON: item, ReceivedAt: now}
		if !f.settings.Discard {
			f.events = append(f.events, ev)
		}
		if f.settings.OnEvent != nil {
			f.settings.OnEvent(ev)
		}
	}
	f.announce()
}

// announce wakes up who waits. f.mu is held.
func (f *Fake) announce() {
	close(f.changed)
	f.changed = make(chan struct{})
}
