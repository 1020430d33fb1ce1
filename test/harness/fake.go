// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"
)

// Record is one line that the fake endpoints print (see fakevendor's README).
type Record struct {
	Type       string          `json:"type"` // listening, event, entity, violation, summary
	Backend    string          `json:"backend"`
	URL        string          `json:"url"`
	ID         string          `json:"id"`
	Duplicate  bool            `json:"duplicate"`
	ReceivedAt time.Time       `json:"received_at"`
	Event      json.RawMessage `json:"event"`
	Stream     string          `json:"stream"`
	Entity     json.RawMessage `json:"entity"`
	Message    string          `json:"message"`
	Requests   int             `json:"requests"`
	Accepted   int             `json:"accepted"`
	Duplicates int             `json:"duplicates"`
	Violations int             `json:"violations"`
}

// Fakes is the running process of the fake endpoints.
type Fakes struct {
	*Process

	// Moesif and ReadMe are base URLs.
	Moesif, ReadMe string

	mu      sync.Mutex
	records []Record
}

// StartFakes runs the fake endpoints on free loopback ports. each, if not nil, is
// called for every event and violation.
func StartFakes(ctx context.Context, binary string, args []string, each func(Record)) (*Fakes, error) {
	f := &Fakes{}
	ready := make(chan struct{})
	var once sync.Once
	line := func(text string) {
		if !strings.HasPrefix(text, "{") {
			return
		}
		var r Record
		if json.Unmarshal([]byte(text), &r) != nil {
			return
		}
		f.mu.Lock()
		switch {
		case r.Type == "listening" && r.Backend == "moesif":
			f.Moesif = r.URL
		case r.Type == "listening" && r.Backend == "readme":
			f.ReadMe = r.URL
		default:
			f.records = append(f.records, r)
		}
		up := f.Moesif != "" && f.ReadMe != ""
		f.mu.Unlock()
		if up {
			once.Do(func() { close(ready) })
		}
		if each != nil && (r.Type == "event" || r.Type == "violation") {
			each(r)
		}
	}
	args = append([]string{"-moesif", "127.0.0.1:0", "-readme", "127.0.0.1:0"}, args...)
	p, err := Start(ctx, binary, StartOptions{Args: args, Line: line})
	if err != nil {
		return nil, err
	}
	f.Process = p
	select {
	case <-ready:
		return f, nil
	case <-p.Done():
		return nil, errors.New("fakevendor ended at once: " + p.Log())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Records returns what was received so far.
func (f *Fakes) Records() []Record {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Record(nil), f.records...)
}

// Entities returns the updates of a stream ("users", …) so far, in order.
func (f *Fakes) Entities(stream string) (list []Record) {
	for _, r := range f.Records() {
		if r.Type == "entity" && r.Stream == stream {
			list = append(list, r)
		}
	}
	return list
}

// Count returns the number of distinct events of a backend.
func (f *Fakes) Count(backend string) int {
	n := 0
	for _, r := range f.Records() {
		if r.Type == "event" && r.Backend == backend && !r.Duplicate {
			n++
		}
	}
	return n
}
