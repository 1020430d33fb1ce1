// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package payload

import (
	"bytes"
	"errors"
	"io"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func itemsOf(sizes ...int) [][]byte {
	items := make([][]byte, len(sizes))
	for i, n := range sizes {
		items[i] = bytes.Repeat([]byte{byte('a' + i%26)}, n)
	}
	return items
}

func TestFit(t *testing.T) {
	t.Parallel()
	f := Frame{Prefix: "[", Separator: ",", Suffix: "]", MaxItems: 3, MaxBytes: 12}
	for _, tc := range []struct {
		sizes []int
		want  int
	}{
		{nil, 0},
		{[]int{10}, 1},
		{[]int{99}, 1}, // alone, though too large
		{[]int{99, 1}, 1},
		{[]int{5, 4}, 2}, // exactly 12 with the frame
		{[]int{5, 5}, 1},
		{[]int{1, 1, 1, 1}, 3},
		{[]int{0, 0, 0, 0}, 3},
	} {
		if got := f.Fit(itemsOf(tc.sizes...)); got != tc.want {
			t.Errorf("Fit(%v) = %d, want %d", tc.sizes, got, tc.want)
		}
	}
	if got := (Frame{}).Fit(itemsOf(1, 2, 3)); got != 3 {
		t.Errorf("without limits Fit = %d", got)
	}
}

func TestReader(t *testing.T) {
	t.Parallel()
	for _, f := range []Frame{
		{Prefix: "[", Separator: ",", Suffix: "]"},
		{Prefix: `{"events":[`, Separator: ",\n", Suffix: "]}"},
		{},
	} {
		for _, sizes := range [][]int{nil, {1}, {0}, {3, 0, 5000}, {1, 2, 3, 4, 5}} {
			items := itemsOf(sizes...)
			parts := make([]string, len(items))
			for i := range items {
				parts[i] = string(items[i])
			}
			want := f.Prefix + strings.Join(parts, f.Separator) + f.Suffix
			if got := f.Size(items); got != len(want) {
				t.Errorf("%v %v: Size = %d, want %d", f, sizes, got, len(want))
			}
			if err := iotest.TestReader(f.Reader(items), []byte(want)); err != nil {
				t.Errorf("%v %v: %v", f, sizes, err)
			}
			var b bytes.Buffer
			n, err := f.Reader(items).WriteTo(&b)
			if err != nil || n != int64(len(want)) || b.String() != want {
				t.Errorf("%v %v: WriteTo wrote %d bytes, %v", f, sizes, n, err)
			}
			// Half by Read, half by WriteTo.
			r := f.Reader(items)
			head := make([]byte, len(want)/2)
			if _, err := io.ReadFull(r, head); err != nil {
				t.Fatal(err)
			}
			b.Reset()
			if _, err := r.WriteTo(&b); err != nil || string(head)+b.String() != want {
				t.Errorf("%v %v: Read then WriteTo differ: %v", f, sizes, err)
			}
		}
	}
}

var errFull = errors.New("full")

// shortWriter takes n bytes, then fails.
type shortWriter struct{ n int }

func (w *shortWriter) Write(p []byte) (int, error) {
	if len(p) > w.n {
		n := w.n
		w.n = 0
		return n, errFull
	}
	w.n -= len(p)
	return len(p), nil
}

func TestWriteToReportsErrors(t *testing.T) {
	t.Parallel()
	f := Frame{Prefix: "[", Separator: ",", Suffix: "]"}
	size := f.Size(itemsOf(3, 3))
	for limit := range size {
		n, err := f.Reader(itemsOf(3, 3)).WriteTo(&shortWriter{n: limit})
		if !errors.Is(err, errFull) || n != int64(limit) {
			t.Errorf("limit %d: wrote %d, %v", limit, n, err)
		}
	}
}

// TestDeliver plays random batches against a backend that refuses every request
// holding a poisoned item, and stops at a random moment.
func TestDeliver(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 3000 {
		n := rng.IntN(60)
		items := make([][]byte, n)
		poisoned := make([]bool, n)
		for i := range items {
			items[i] = make([]byte, rng.IntN(30))
			poisoned[i] = rng.IntN(1+rng.IntN(20)) == 0
		}
		f := Frame{Prefix: "[", Separator: ",", Suffix: "]", MaxItems: rng.IntN(12), MaxBytes: rng.IntN(200)}
		stopAt := -1
		if rng.IntN(2) == 0 {
			stopAt = rng.IntN(20)
		}

		state := make([]string, n)
		requests := 0
		done := Deliver(len(items), f.Cut(items), func(lo, hi int) Verdict {
			if lo >= hi || f.MaxItems > 0 && hi-lo > f.MaxItems || f.MaxBytes > 0 && hi-lo > 1 && f.Size(items[lo:hi]) > f.MaxBytes {
				t.Fatalf("round %d: request [%d,%d) breaks the limits", round, lo, hi)
			}
			requests++
			if requests-1 == stopAt {
				return Stopped
			}
			for i := lo; i < hi; i++ {
				if poisoned[i] {
					return Refused
				}
			}
			for i := lo; i < hi; i++ {
				state[i] += "taken"
			}
			return Taken
		}, func(i int) bool { state[i] += "refused"; return true })

		want := make([]string, n)
		for i := range done {
			want[i] = "taken"
			if poisoned[i] {
				want[i] = "refused"
			}
		}
		if d := cmp.Diff(want, state); d != "" {
			t.Fatalf("round %d (-want +got)\n%s", round, d)
		}
		if stopped := stopAt >= 0 && requests > stopAt; !stopped && done != n {
			t.Fatalf("round %d: settled %d of %d without a stop", round, done, n)
		} else if stopped && done == n {
			t.Fatalf("round %d: stopped and yet all settled", round)
		}
	}
}

// TestDeliverCost pins what one refused item costs.
func TestDeliverCost(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 30, 200, 1000} {
		worst, total := 0, 0
		for poison := range n {
			requests := 0
			Deliver(n, Frame{}.Cut(make([][]byte, n)), func(lo, hi int) Verdict {
				requests++
				if lo <= poison && poison < hi {
					return Refused
				}
				return Taken
			}, func(i int) bool {
				if i != poison {
					t.Errorf("n=%d: refused %d, want %d", n, i, poison)
				}
				return true
			})
			worst = max(worst, requests)
			total += requests
		}
		limit := 1 + 2*bits.Len(uint(n-1))
		if worst > limit {
			t.Errorf("n=%d: %d requests, want at most %d", n, worst, limit)
		}
		t.Log("items", strconv.Itoa(n), "worst", worst, "mean", float64(total)/float64(n))
	}
}

// TestDeliverAllRefused is the worst case of all.
func TestDeliverAllRefused(t *testing.T) {
	t.Parallel()
	const n = 100
	requests, refused := 0, 0
	Deliver(n, Frame{}.Cut(make([][]byte, n)), func(int, int) Verdict { requests++; return Refused }, func(int) bool { refused++; return true })
	if refused != n || requests > 2*n-1 {
		t.Errorf("%d refused by %d requests", refused, requests)
	}
}

// TestDeliverTooLargeTogether has a backend that refuses two items in one
// request: the inference about the other half must not cost an item.
func TestDeliverTooLargeTogether(t *testing.T) {
	t.Parallel()
	taken := 0
	Deliver(9, Frame{}.Cut(make([][]byte, 9)), func(lo, hi int) Verdict {
		if hi-lo > 1 {
			return Refused
		}
		taken++
		return Taken
	}, func(i int) bool { t.Errorf("item %d was given up", i); return true })
	if taken != 9 {
		t.Errorf("%d taken", taken)
	}
}

// TestDeliverStopsAtRefused: the item at which refused stops is not done with.
func TestDeliverStopsAtRefused(t *testing.T) {
	t.Parallel()
	var refused []int
	done := Deliver(8, Frame{}.Cut(make([][]byte, 8)), func(int, int) Verdict { return Refused }, func(i int) bool {
		refused = append(refused, i)
		return i < 2
	})
	if done != 2 || !cmp.Equal(refused, []int{0, 1, 2}) {
		t.Errorf("done %d, refused %v", done, refused)
	}
}

// TestDeliverSettled: a settled half of a refused request does not put the blame
// on the other half.
func TestDeliverSettled(t *testing.T) {
	t.Parallel()
	var sent []span
	done := Deliver(4, Frame{}.Cut(make([][]byte, 4)), func(lo, hi int) Verdict {
		sent = append(sent, span{lo: lo, hi: hi})
		switch {
		case hi-lo == 4:
			return Refused
		case lo == 0:
			return Settled
		}
		return Taken
	}, func(i int) bool { t.Errorf("%d refused", i); return true })
	want := []span{{lo: 0, hi: 4}, {lo: 0, hi: 2}, {lo: 2, hi: 4}}
	if done != 4 || !cmp.Equal(sent, want, cmp.AllowUnexported(span{})) {
		t.Errorf("done %d, sent %v", done, sent)
	}
}
