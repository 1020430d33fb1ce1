// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// streamRequest makes a request of items "<stream>:<number>", one for each given
// stream.
func streamRequest(serial *int, streams ...backend.Stream) *request {
	items := make([][]byte, len(streams))
	for i, s := range streams {
		*serial++
		items[i] = fmt.Appendf(nil, "%s:%04d", s, *serial)
	}
	r := newRequest("moesif", items)
	r.streams = streams
	return r
}

// checkStreams checks that every item is filed under the stream it names.
func checkStreams(t *testing.T, r *request) {
	t.Helper()
	for i, it := range r.items {
		if name, _, _ := strings.Cut(string(it), ":"); backend.Stream(name) != r.stream(i) {
			t.Fatalf("item %q is filed under %q", it, r.stream(i))
		}
	}
}

// TestEncodingVersion2 pins the stored bytes: old queues must stay readable.
func TestEncodingVersion2(t *testing.T) {
	t.Parallel()
	const stored = "apsq\x02\x06moesif\x02" +
		"\x05users\x02\x03one\x03two" +
		"\x09companies\x01\x05three" + "CRC!"
	r := newRequest("moesif", [][]byte{[]byte("one"), []byte("two"), []byte("three")})
	r.streams = []backend.Stream{"users", "users", "companies"}
	got, b := roundTrip(t, r)
	if string(b[:len(b)-4]) != stored[:len(stored)-4] {
		t.Errorf("stored %q", b)
	}
	if d := cmp.Diff(r.streams, got.streams); d != "" || len(got.items) != 3 || string(got.items[2]) != "three" || got.size != r.size {
		t.Errorf("read %+v\n%s", got, d)
	}
	clear(b) // the storage may use its buffer again
	if string(got.items[0]) != "one" || got.stream(0) != "users" {
		t.Error("the request shares memory with the storage")
	}
}

func TestEncodingVersion2NeverFails(t *testing.T) {
	t.Parallel()
	serial := 0
	_, b := roundTrip(t, streamRequest(&serial, "users", "companies", "users"))
	for i := range b {
		for bit := range 8 {
			c := bytes.Clone(b)
			c[i] ^= 1 << bit
			_, got, err := requestEncoding{}.Unmarshal(c)
			if r := got.(*request); err != nil || len(r.unreadable) != 1 || len(r.items) != 0 {
				t.Errorf("byte %d was read as %+v, %v", i, r, err)
			}
		}
	}
	empty, _ := roundTrip(t, streamRequest(&serial))
	if len(empty.items) != 0 || empty.unreadable != nil {
		t.Errorf("an empty request came back as %+v", empty)
	}
}

// TestStreamsTravelWithItems merges, splits, stores and groups at random. Items of
// one stream keep their order.
func TestStreamsTravelWithItems(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	names := []backend.Stream{backend.Events, "users", "companies", "subscriptions"}
	for round := range 300 {
		serial := 0
		var open *request
		var out []*request
		want := map[backend.Stream][]string{}
		for range 1 + rng.IntN(8) {
			streams := make([]backend.Stream, rng.IntN(6))
			for i := range streams {
				streams[i] = names[rng.IntN(len(names))]
			}
			next := streamRequest(&serial, streams...)
			for i, it := range next.items {
				want[next.streams[i]] = append(want[next.streams[i]], string(it))
			}
			if rng.IntN(3) == 0 {
				next, _ = roundTrip(t, next)
			}
			if open == nil {
				open = next
				continue
			}
			parts, err := open.MergeSplit(context.Background(), rng.IntN(10), exporterhelper.RequestSizerTypeItems, next)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range parts[:len(parts)-1] {
				out = append(out, p.(*request))
			}
			open = parts[len(parts)-1].(*request)
		}
		out = append(out, open)

		got := map[backend.Stream][]string{}
		for _, r := range out {
			g := r.grouped()
			checkStreams(t, r)
			checkStreams(t, g)
			if len(g.items) != len(r.items) || g.size != r.size {
				t.Fatalf("round %d: grouping changed %d items to %d", round, len(r.items), len(g.items))
			}
			var seen []backend.Stream
			for lo := 0; lo < len(g.items); lo = g.run(lo) {
				if slices.Contains(seen, g.stream(lo)) {
					t.Fatalf("round %d: stream %q is not together", round, g.stream(lo))
				}
				seen = append(seen, g.stream(lo))
			}
			for i, it := range g.items {
				got[g.stream(i)] = append(got[g.stream(i)], string(it))
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("round %d (-want +got)\n%s", round, d)
		}
	}
}

// TestGroupedKeepsLedgers: after grouping an item still settles its own call.
func TestGroupedKeepsLedgers(t *testing.T) {
	t.Parallel()
	serial := 0
	a, b := streamRequest(&serial, "users", "companies"), streamRequest(&serial, "users")
	la, lb := new(ledger), new(ledger)
	la.open.Store(2)
	lb.open.Store(1)
	a.ledgers, b.ledgers = []*ledger{la, la}, []*ledger{lb}
	g := merge(a, b).grouped()
	g.settle(0, 2) // both users
	if la.open.Load() != 1 || lb.open.Load() != 0 {
		t.Errorf("open: %d and %d, want 1 and 0", la.open.Load(), lb.open.Load())
	}
}
