// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"math"
	"time"
	"unicode/utf8"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/internal/inspect"
)

// wouldBlock is what a guard in shadow says of a request that it would have blocked.
const wouldBlock = "would_block"

// maxBrief bounds each text of a row, in bytes: lists have many, and the whole is in the details.
const maxBrief = 512

// brief is the begin of a text, as a search finds it.
func brief(s string) string {
	if len(s) <= maxBrief {
		return clean(s)
	}
	end := maxBrief
	for end > maxBrief-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return clean(s[:end])
}

// Row makes the row of a record.
func Row(r *keep.Record) api.Row {
	x := Exchange(r)
	route, guessed := inspect.Route(&x.Summary)
	who, kind := inspect.WhoCalled(&x.Summary)
	row := api.Row{
		ID: r.ID(), Seq: r.Seq, Time: Start(r, x), Direction: Direction(x.Outgoing), Service: brief(x.Service), Method: brief(x.Method),
		Route: brief(route), Guessed: guessed, Operation: brief(x.Operation), Host: brief(x.Host), Path: brief(Target(x)), Status: x.Status,
		Duration: Millis(x.Duration), BytesIn: x.RequestBytes, BytesOut: x.ResponseBytes, Consumer: brief(who), Pseudonym: inspect.IsToken(who),
		Redacted: Redacted(r, x), Pinned: r.Pinned, NewFields: r.NewFields, BlockedBy: brief(x.BlockedBy), Backends: make([]api.Dot, 0, len(r.Backends)),
	}
	if x.GuardAction == wouldBlock {
		row.WouldBlock = brief(x.GuardRule)
	}
	if kind != inspect.Anonymous && x.Label != "" && !inspect.IsMask(x.Label) {
		row.Label = brief(x.Label)
	}
	for i := range r.Backends {
		state, reason := State(&r.Backends[i])
		row.Backends = append(row.Backends, api.Dot{Component: r.Backends[i].Component, State: state, Reason: reason})
	}
	return row
}

// Start is when the exchange began; if that is not known, when it arrived.
func Start(r *keep.Record, x *inspect.Exchange) time.Time {
	if y := x.Start.Year(); x.Start.IsZero() || y < 1970 || y > 9999 { // which JSON cannot say
		return r.Arrived.UTC().Truncate(time.Millisecond)
	}
	return x.Start.UTC().Truncate(time.Millisecond)
}

// Direction names a direction as rows have it.
func Direction(outgoing bool) string {
	if outgoing {
		return "out"
	}
	return "in"
}

// Millis is a duration in milliseconds, with three decimals.
func Millis(d time.Duration) float64 { return math.Round(float64(d.Microseconds())) / 1000 }

// Redacted is how many values were redacted.
func Redacted(r *keep.Record, x *inspect.Exchange) int {
	n := 0
	for i := range r.Stages {
		for _, d := range r.Stages[i].Why {
			if d.Action != "report" {
				n += max(d.N, 1)
			}
		}
	}
	return max(n, int(min(x.Redacted, math.MaxInt32)))
}

// Gate reports whether a reason is one of what an exporter leaves out because it is told to.
func Gate(reason string) bool { return gates[reason] || reason == "sampled" }

var gates = map[string]bool{
	"direction": true, "method": true, "no_status": true, "no_identity": true, "self_traffic": true, "health_check": true, "url": true, "urls": true,
	"span_kind": true, "not_http": true, "requested": true, "nested": true, "other_end": true, "gate": true, "skip": true, "hosts": true, "event_name": true,
}

// State says what became of an exchange at an exporter, and why.
func State(b *keep.Backend) (state, reason string) {
	switch {
	case b.Left == "sampled":
		return "sampled_out", b.Left
	case b.Left == "dry_run": // which is a reason there
	case gates[b.Left]:
		return "gated", b.Left
	case b.Left != "":
		if n := len(b.Attempts); n > 0 && b.Attempts[n-1].Outcome == "reject" {
			return "refused", b.Left
		}
		return "dropped", b.Left
	}
	if n := len(b.Attempts); n > 0 {
		a := b.Attempts[n-1]
		switch a.Outcome {
		case "delivered":
			return "sent", ""
		case "dry_run":
			return "dry_run", ""
		case "reject":
			return "refused", clean(a.Problem)
		}
		return "retry", clean(a.Problem)
	}
	switch {
	case b.Left == "dry_run":
		return "dry_run", ""
	case b.Event != nil:
		return "waiting", ""
	}
	return "read", ""
}
