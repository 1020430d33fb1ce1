// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"context"
	"encoding/json"
	"fmt"
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
	// SecretKey is the HMAC key that is handed out; empty means the vendor's.
	SecretKey string
	// MaxItems is the most events in a request; 0 means the vendor's.
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
	// Vendor and Settings are what the fake was made of; they stay as they are.
	Vendor   Vendor
	Settings Settings

	config *remoteConfig // nil if there is none

	mu         sync.Mutex
	changed    chan struct{} // closed and replaced when events arrive
	stats      Stats
	seen       map[string]struct{}
	events     []Event
	violations []string
	faults     []Fault
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

// Violate records what is wrong with a request.
func (f *Fake) Violate(texts ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Violations += len(texts)
	for _, text := range texts {
		if !f.Settings.Discard {
			f.violations = append(f.violations, text)
		}
		if f.Settings.OnViolation != nil {
			f.Settings.OnViolation(text)
		}
	}
}

// Accept records events that were taken.
func (f *Fake) Accept(items []json.RawMessage) {
	now := time.Now().UTC()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, item := range items {
		var fields map[string]json.RawMessage
		var id string
		// The item has passed the check, so both are there.
		_ = json.Unmarshal(item, &fields)
		raw, ok := fields[f.Vendor.IDField]
		if !ok {
			raw = fields["_"+f.Vendor.IDField]
		}
		_ = json.Unmarshal(raw, &id)
		if f.Vendor.IDField == "" {
			id = strconv.Itoa(f.stats.Accepted + 1)
		}
		key := id
		if f.Vendor.Scope != "" {
			key += " " + string(fields[f.Vendor.Scope])
		}
		_, dup := f.seen[key]
		if dup {
			f.stats.Duplicates++
		} else {
			f.stats.Accepted++
			f.seen[key] = struct{}{}
		}
		ev := Event{Backend: f.Vendor.Name, ID: id, Duplicate: dup, JSON: item, ReceivedAt: now}
		if !f.Settings.Discard {
			f.events = append(f.events, ev)
		}
		if f.Settings.OnEvent != nil {
			f.Settings.OnEvent(ev)
		}
	}
	f.announce()
}

// AcceptEntities records updates of entities. One may come again and again, so none
// is a duplicate.
func (f *Fake) AcceptEntities(stream, idField string, items []json.RawMessage) {
	now := time.Now().UTC()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, item := range items {
		var fields map[string]json.RawMessage
		var id string
		_ = json.Unmarshal(item, &fields)
		_ = json.Unmarshal(fields[idField], &id)
		f.stats.Entities++
		ev := Event{Backend: f.Vendor.Name, Stream: stream, ID: id, JSON: item, ReceivedAt: now}
		if !f.Settings.Discard {
			f.events = append(f.events, ev)
		}
		if f.Settings.OnEvent != nil {
			f.Settings.OnEvent(ev)
		}
	}
	f.announce()
}

// announce wakes up who waits. f.mu is held.
func (f *Fake) announce() {
	close(f.changed)
	f.changed = make(chan struct{})
}
