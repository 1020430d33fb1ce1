// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import "github.com/apispan/apispan/redact"

// place is where a value stood; it is an attribute of the metrics.
type place uint8

const (
	placeResource place = iota
	placeScope
	placeSpanName
	placeStatus
	placeTraceState
	placeKey
	placeAttribute
	placeHeader
	placeBody
	placeURL
	placeEvent
	placeLink
	placeLogBody
	placeLogRecord
	numPlaces
)

var placeNames = [numPlaces]string{
	"resource", "scope", "span_name", "status", "tracestate", "attribute_key", "attribute",
	"header", "body", "url", "event", "link", "log_body", "log_record",
}

// action is what was done; it is an attribute of the metrics.
type action uint8

const (
	actionMask action = iota
	actionDrop
	actionHMAC
	actionEncrypt
	actionTruncate
	actionFailClosed
	numActions
)

var actionNames = [numActions]string{"mask", "drop", "hmac", "encrypt", "truncate", "fail_closed"}

// failure is why a value could not be treated by a rule, and what it belonged to,
// in the words of redact.Count.
type failure struct{ outcome, part string }

// failPanic is booked for values that were removed because the engine panicked.
var failPanic = failure{"panic", "unknown"}

// tally counts what one batch went through. It is flushed to the metrics once a
// batch, so that a value costs an addition and no more.
type tally struct {
	items, dropped int64
	values         [numPlaces][numActions]int64
	// failures is made when it is needed: it is rare.
	failures map[failure]int64
	any      bool
}

// add books the difference between two readings of the engine's statistics.
func (t *tally) add(p place, was, is redact.Stats) {
	row := &t.values[p]
	row[actionMask] += int64(is.Masked - was.Masked)
	row[actionDrop] += int64(is.Dropped - was.Dropped)
	row[actionHMAC] += int64(is.Hashed - was.Hashed)
	row[actionEncrypt] += int64(is.Encrypted - was.Encrypted)
	row[actionTruncate] += int64(is.Truncated - was.Truncated)
	row[actionFailClosed] += int64(is.FailedClosed - was.FailedClosed)
	t.any = true
}

// failed books a value that was removed without the engine's knowledge.
func (t *tally) failed(p place, f failure) {
	t.values[p][actionFailClosed]++
	t.any = true
	t.fail(f, 1)
}

func (t *tally) fail(f failure, n int64) {
	if t.failures == nil {
		t.failures = map[failure]int64{}
	}
	t.failures[f] += n
}
