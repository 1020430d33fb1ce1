// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
	"github.com/apispan/apispan/internal/inspect/inspecttest"
)

// TestInspectedBatches: of batches of any size and make, all exchanges are counted, once, with
// nothing of another one, and shown are those that are wanted and no others.
func TestInspectedBatches(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		unwanted := map[inspect.Key]bool{}
		rec := &inspecttest.Recorder{Unwanted: func(k inspect.Key) bool { return unwanted[k] }}
		cfg := testConfig("http://127.0.0.1:1")
		cfg.DryRun = true
		withoutQueue(cfg)
		r := newRig(t, cfg).looked(rec).start()
		td := ptrace.NewTraces()
		counted, read, left := map[uint64]int{}, map[inspect.Key]int{}, map[inspect.Key]int{}
		places, callers := map[uint64]inspect.Place{}, map[uint64]string{}
		rare, first := rnd.IntN(2) == 0, 0
		for range 1 + rnd.IntN(4) {
			part := traces(first, rnd.IntN(150))
			for _, span := range part.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
				first++
				k := keyOfSpan(span)
				if unwanted[k] = rnd.IntN(2) == 0 || rare && rnd.IntN(20) > 0; rnd.IntN(30) == 0 {
					span.SetTraceID([16]byte{})
					span.SetSpanID([8]byte{}) // an access log's
					span.SetStartTimestamp(span.StartTimestamp() - pcommon.Timestamp(first))
					k = inspect.Key{}
				}
				switch rnd.IntN(5) {
				case 0:
					span.SetKind(ptrace.SpanKindInternal)
					continue
				case 1:
					span.Attributes().PutBool(httpattr.Skip, true)
					if !unwanted[k] && !k.None() {
						left[k]++
					}
					continue
				case 2:
					span.SetKind(ptrace.SpanKindServer)
				}
				bare, place, caller := rnd.IntN(4) == 0, inspect.Place{Service: "shop", Method: "POST", Route: "/orders"}, fmt.Sprint("c", rnd.IntN(9))
				span.Attributes().PutStr(httpattr.ConsumerID, caller)
				if rnd.IntN(3) == 0 {
					span.Attributes().Remove(httpattr.Route)
					span.Attributes().PutStr(httpattr.URLPath, "/paths/1")
					if place.Route, place.Guessed = "/paths/{id}", true; bare {
						place.Route = "/"
					}
				}
				if bare {
					span.Attributes().Remove(httpattr.RedactionPolicy)
					caller = ""
				}
				if k.None() {
					continue
				}
				counted[k.Hash()]++
				places[k.Hash()], callers[k.Hash()] = place, caller
				if !unwanted[k] && !bare {
					read[k]++
				}
			}
			part.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
		}
		if err := consume(r, td); err != nil {
			t.Fatal(err)
		}
		r.shutdown()
		for _, c := range rec.Calls("Saw") {
			for _, s := range c.All {
				counted[s.ID]--
				caller := ""
				if s.Caller != nil {
					caller = s.Caller.ID
				}
				if want, ok := places[s.ID]; s.ID == 0 || ok && (*s.Place != want || caller != callers[s.ID]) {
					t.Errorf("counted is %+v of %q, want %+v of %q", s.Place, caller, want, callers[s.ID])
				}
			}
		}
		for _, c := range rec.Calls("Read") {
			read[c.Key]--
		}
		for _, c := range rec.Calls("Left") {
			left[c.Key]--
		}
		// Those without ids have some that nobody foresees.
		odd := func(n int) bool { return n > 0 }
		if slices.ContainsFunc(slices.Collect(maps.Values(counted)), odd) || slices.ContainsFunc(slices.Collect(maps.Values(read)), odd) || slices.ContainsFunc(slices.Collect(maps.Values(left)), odd) {
			t.Errorf("not counted %v, not read %v, not left %v", counted, read, left)
		}
		for k, n := range read {
			if n < 0 && (unwanted[k] || n < -1) {
				t.Errorf("%x is shown, which is not wanted", k)
			}
		}
	}
}
