// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package payload

// Verdict is what became of one request.
type Verdict uint8

const (
	// Taken: all items of the request are delivered.
	Taken Verdict = iota
	// Refused: the request will never be taken as it is.
	Refused
	// Stopped: nothing is known to be delivered; try again later.
	Stopped
	// Settled: the caller has dealt with all items of the request, and what
	// became of them says nothing about the others.
	Settled
)

// Deliver sends n items in order. cut is told the first item of the next request and
// returns where it ends. send gets the indices [lo, hi) of one request. A refused request
// is halved until the refused item stands alone; refused then gets its index and the
// others are sent without it, unless refused returns false, which stops. One refused item
// among n costs about 2·log2(n) requests more, at most 2n-1 if all are refused.
//
// Deliver returns how many of the first items are done with (taken, settled or
// refused). It is n unless it was stopped.
func Deliver(n int, cut func(lo int) (hi int), send func(lo, hi int) Verdict, refused func(i int) bool) int {
	for lo := 0; lo < n; {
		hi := min(max(cut(lo), lo+1), n)
		if done := deliverRange(lo, hi, send, refused); done < hi {
			return done
		}
		lo = hi
	}
	return n
}

// span is a range still to be sent. The stack holds ranges from right to left.
type span struct {
	lo, hi int
	// first is true if the next range on the stack is the other half of one that
	// was refused.
	first bool
	// bad is true if the range must hold a refused item, because it is the other
	// half of a refused range whose first half was taken. It is halved unsent.
	bad bool
}

func deliverRange(lo, hi int, send func(lo, hi int) Verdict, refused func(i int) bool) int {
	stack := append(make([]span, 0, 16), span{lo: lo, hi: hi})
	for len(stack) > 0 {
		r := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		verdict := Refused
		if single := r.hi-r.lo == 1; single || !r.bad {
			verdict = send(r.lo, r.hi)
		}
		switch verdict {
		case Taken:
			if r.first {
				stack[len(stack)-1].bad = true
			}
		case Stopped:
			return r.lo
		case Refused:
			if r.hi-r.lo == 1 {
				if !refused(r.lo) {
					return r.lo
				}
				continue
			}
			mid := r.lo + (r.hi-r.lo)/2
			stack = append(stack, span{lo: mid, hi: r.hi}, span{lo: r.lo, hi: mid, first: true})
		}
	}
	return hi
}
