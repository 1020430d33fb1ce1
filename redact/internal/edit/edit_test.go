// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package edit

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

func apply(src []byte, es []Edit, arena []byte) []byte {
	var out []byte
	p := int32(0)
	for _, e := range es {
		out = append(append(out, src[p:e.Start]...), arena[e.Off:e.Off+e.N]...)
		p = e.End
	}
	return append(out, src[p:]...)
}

// TestAnyOrder puts edits in any order, with levels opened between: the list is
// always sorted, and a byte that any edit covered is gone.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	var l List
	const size = 40
	for round := range 5000 {
		l.Reset()
		var gone [size]bool
		var all []Edit
		for n := range 1 + r.IntN(12) {
			if r.IntN(4) == 0 { // a level that leaves the outer one as it was
				outer := l.Open()
				for range r.IntN(5) {
					at := r.Int32N(size - 3)
					l.Put(Edit{at, at + r.Int32N(4), 0, 1})
				}
				if err := Check(l.Close(outer), size, 1); err != nil {
					t.Fatal(round, err)
				}
			}
			start := r.Int32N(size)
			last := Edit{start, start + r.Int32N(min(6, size-start)+1), int32(n % 7), 1}
			for i := last.Start; i < last.End; i++ {
				gone[i] = true
			}
			l.Put(last)
			all = append(all, last)
			a := r.Int32N(size)
			b := a + r.Int32N(size-a) + 1
			if slices.Contains(gone[a:min(b, size)], true) && !l.Overlaps(a, min(b, size)) {
				t.Fatal(round, "overlaps nothing")
			}
			if got := l.Covered(a, min(b, size)); got && slices.Contains(gone[a:min(b, size)], false) {
				t.Fatal(round, "covered without an edit")
			}
		}
		es := slices.Clone(l.All())
		if err := Check(es, size, 8); err != nil {
			t.Fatal(round, err)
		}
		var covered [size]bool
		for _, e := range es {
			for i := e.Start; i < e.End; i++ {
				covered[i] = true
			}
			if e.End > e.Start && !l.Covered(e.Start, e.End) {
				t.Fatal(round, "an edit does not cover itself")
			}
		}
		if covered != gone {
			t.Fatalf("round %d: covered %v, want %v", round, covered, gone)
		}
		for _, e := range es { // the text is that of one that begins where the whole does
			if e.End > e.Start && !slices.ContainsFunc(all, func(o Edit) bool { return o.Start == e.Start && o.Off == e.Off }) {
				t.Fatalf("round %d: %v has not the text of an edit that begins there: %v", round, e, all)
			}
		}
	}
}

// TestLevels: an inner level neither sees nor moves the edits around it.
func TestLevels(t *testing.T) {
	t.Parallel()
	var l List
	src, arena := []byte("0123456789"), []byte("ab")
	l.Put(Edit{8, 9, 0, 1})
	l.Put(Edit{2, 3, 0, 1}) // the cursor stands before 8
	outer := l.Open()
	if !l.Empty() || l.Covered(8, 9) {
		t.Error("the inner level sees the outer one")
	}
	l.Put(Edit{9, 10, 1, 1})
	l.Put(Edit{0, 1, 1, 1})
	for _, e := range l.Close(outer) {
		l.Put(Edit{e.Start/3 + 4, e.End/3 + 4, e.Off, e.N}) // [4,4) and [7,7)
	}
	if got := apply(src, l.All(), arena); !bytes.Equal(got, []byte("01a3b456b7a9")) {
		t.Errorf("%s", got)
	}
	l.Reset()
	l.Shrink(0)
	if !l.Empty() || len(l.All()) != 0 {
		t.Error("edits after Reset")
	}
}

// TestPasses is what several walks over one buffer do; the cursor keeps it linear.
func TestPasses(t *testing.T) {
	t.Parallel()
	var l List
	const n = 1 << 16
	for pass := range int32(4) {
		for i := range int32(n) {
			l.Put(Edit{8*i + pass, 8*i + pass + 1, 0, 1})
		}
	}
	if es := l.All(); len(es) != 4*n {
		t.Errorf("%d edits", len(es))
	}
}
