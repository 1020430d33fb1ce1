// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
)

func randomRequest(rng *rand.Rand, serial *int) *request {
	items := make([][]byte, rng.IntN(8))
	for i := range items {
		*serial++
		items[i] = append([]byte(fmt.Sprint(*serial, " ")), make([]byte, rng.IntN(20))...)
	}
	r := newRequest("moesif", items)
	if rng.IntN(4) == 0 {
		r.unreadable = [][]byte{make([]byte, 7)}
	}
	if rng.IntN(2) == 0 {
		l := new(ledger)
		l.open.Store(int64(len(items)))
		r.ledgers = make([]*ledger, len(items))
		for i := range r.ledgers {
			r.ledgers[i] = l
		}
	}
	return r
}

// TestMergeSplit plays the exporterhelper's batcher: merge into the open batch,
// pass all but the last part on. No event may get lost, doubled or reordered.
func TestMergeSplit(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for round := range 500 {
		maxSize := rng.IntN(60)
		sizer := []exporterhelper.RequestSizerType{exporterhelper.RequestSizerTypeItems, exporterhelper.RequestSizerTypeBytes}[rng.IntN(2)]
		size := func(r *request) int {
			if sizer == exporterhelper.RequestSizerTypeItems {
				return r.ItemsCount() - len(r.unreadable)
			}
			return r.size
		}
		serial := 0
		var want [][]byte
		wantUnreadable := 0
		var out []*request
		open := newRequest("moesif", nil)
		for range 1 + rng.IntN(20) {
			next := randomRequest(rng, &serial)
			want = append(want, next.items...)
			wantUnreadable += len(next.unreadable)
			var other xexporterhelper.Request = next
			if rng.IntN(10) == 0 { // the helper also asks without another request
				out = append(out, open)
				open, other = next, nil
			}
			before := append([][]byte(nil), open.items...)
			parts, err := open.MergeSplit(context.Background(), maxSize, sizer, other)
			if err != nil || len(parts) == 0 {
				t.Fatalf("round %d: %d parts, %v", round, len(parts), err)
			}
			if !slices.EqualFunc(before, open.items, bytes.Equal) {
				t.Fatalf("round %d: the request was changed", round)
			}
			for _, p := range parts[:len(parts)-1] {
				out = append(out, p.(*request))
			}
			open = parts[len(parts)-1].(*request)
		}
		out = append(out, open)

		var got [][]byte
		gotUnreadable := 0
		for _, r := range out {
			got = append(got, r.items...)
			gotUnreadable += len(r.unreadable)
			sum := 0
			for _, it := range r.items {
				sum += len(it)
			}
			if sum != r.size || r.ItemsCount() != len(r.items)+len(r.unreadable) {
				t.Fatalf("round %d: size %d of %d bytes", round, r.size, sum)
			}
			if maxSize > 0 && len(r.items) > 1 && size(r) > maxSize {
				t.Fatalf("round %d: a part of size %d with max_size %d", round, size(r), maxSize)
			}
			if r.ledgers != nil && len(r.ledgers) != len(r.items) {
				t.Fatalf("round %d: %d ledgers for %d items", round, len(r.ledgers), len(r.items))
			}
			r.settle(0, len(r.items))
		}
		if !slices.EqualFunc(want, got, bytes.Equal) || wantUnreadable != gotUnreadable {
			t.Fatalf("round %d: unreadable %d, want %d; (-want +got)\n%s", round, gotUnreadable, wantUnreadable, cmp.Diff(want, got))
		}
	}
}

func TestMergeSplitRefusals(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a, b := newRequest("moesif", [][]byte{[]byte("a")}), newRequest("readme", [][]byte{[]byte("b")})
	parts, err := a.MergeSplit(ctx, 0, exporterhelper.RequestSizerTypeItems, b)
	if err != nil || len(parts) != 2 || parts[0] != xexporterhelper.Request(a) || parts[1] != xexporterhelper.Request(b) {
		t.Errorf("two backends were mixed: %v %v", parts, err)
	}
	if _, err := a.MergeSplit(ctx, 0, exporterhelper.RequestSizerTypeRequests, nil); err == nil {
		t.Error("split by requests")
	}
	if _, err := a.MergeSplit(ctx, 0, exporterhelper.RequestSizerTypeItems, foreignRequest{}); err == nil {
		t.Error("merged a foreign request")
	}
	if _, err := (requestEncoding{}).Marshal(ctx, foreignRequest{}); err == nil {
		t.Error("stored a foreign request")
	}
}

type foreignRequest struct{ xexporterhelper.Request }

func TestOnError(t *testing.T) {
	t.Parallel()
	r := newRequest("moesif", [][]byte{[]byte("a"), []byte("b")})
	rest := r.part(1, 2)
	err := exporterhelper.NewThrottleRetry(&undelivered{rest: rest, cause: errors.New("x")}, 1)
	if got := r.OnError(err); got != xexporterhelper.Request(rest) {
		t.Errorf("OnError = %v", got)
	}
	if got := r.OnError(errors.New("other")); got != xexporterhelper.Request(r) {
		t.Errorf("OnError = %v", got)
	}
}

func roundTrip(t testing.TB, r *request) (*request, []byte) {
	t.Helper()
	b, err := requestEncoding{}.Marshal(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := requestEncoding{}.Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return got.(*request), b
}

func TestEncoding(t *testing.T) {
	t.Parallel()
	for _, items := range [][][]byte{nil, {}, {{}}, {[]byte("a")}, {[]byte("a"), nil, bytes.Repeat([]byte("xyz"), 5000)}} {
		r := newRequest("moesif", items)
		got, stored := roundTrip(t, r)
		if got.backend != "moesif" || got.size != r.size || len(got.items) != len(items) || got.unreadable != nil {
			t.Errorf("%d items came back as %+v", len(items), got)
		}
		for i := range items {
			if !bytes.Equal(items[i], got.items[i]) {
				t.Errorf("item %d differs", i)
			}
		}
		clear(stored) // the storage may use its buffer again
		for i := range items {
			if !bytes.Equal(items[i], got.items[i]) {
				t.Errorf("item %d shares memory with the storage", i)
			}
		}
	}
}

// TestEncodingVersion1 pins the stored bytes: old queues must stay readable.
func TestEncodingVersion1(t *testing.T) {
	t.Parallel()
	const stored = "apsq\x01\x06moesif\x02\x03one\x05three" + "CRC!"
	got, b := roundTrip(t, newRequest("moesif", [][]byte{[]byte("one"), []byte("three")}))
	if string(b[:len(b)-4]) != stored[:len(stored)-4] {
		t.Errorf("stored %q", b)
	}
	if len(got.items) != 2 || string(got.items[1]) != "three" {
		t.Errorf("read %+v", got)
	}
}

// TestEncodingNeverFails damages a stored request in every place.
func TestEncodingNeverFails(t *testing.T) {
	t.Parallel()
	_, b := roundTrip(t, newRequest("moesif", [][]byte{[]byte("one"), []byte("three")}))
	unreadable := func(what string, b []byte) {
		ctx, got, err := requestEncoding{}.Unmarshal(b)
		r, ok := got.(*request)
		if err != nil || ctx == nil || !ok {
			t.Fatalf("%s: %v %v %v", what, ctx, got, err)
		}
		if again, err := (requestEncoding{}).Marshal(context.Background(), r); err != nil || len(b) > 0 && !bytes.Equal(again, b) {
			t.Errorf("%s: stored again it is %d other bytes, %v", what, len(again), err)
		}
		if len(r.unreadable) != 1 || len(r.items) != 0 || r.ItemsCount() != 1 || r.BytesSize() < 1 {
			t.Errorf("%s was read as %+v", what, r)
		}
	}
	for i := range b {
		unreadable(fmt.Sprint("cut at ", i), b[:i])
		for bit := range 8 {
			c := bytes.Clone(b)
			c[i] ^= 1 << bit
			unreadable(fmt.Sprint("byte ", i), c)
		}
	}
	unreadable("nil", nil)
	unreadable("more", append(bytes.Clone(b), 0))
}

func FuzzUnmarshal(f *testing.F) {
	_, b := roundTrip(f, newRequest("moesif", [][]byte{[]byte("one"), []byte("three")}))
	f.Add(b)
	f.Add([]byte("apsq\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01aaaa"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, got, err := requestEncoding{}.Unmarshal(b)
		if err != nil || got == nil {
			t.Fatalf("%v %v", got, err)
		}
		// Repair the checksum, so that the parser behind it is fuzzed as well.
		if r, err := decodeRequest(binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))); err == nil && len(r.items) > len(b) {
			t.Errorf("%d items out of %d bytes", len(r.items), len(b))
		}
	})
}
