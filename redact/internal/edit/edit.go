// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package edit

import "fmt"

// Edit replaces [Start, End) of a buffer by N bytes that the caller keeps at Off.
type Edit struct{ Start, End, Off, N int32 }

// List holds the edits of the current level round a cursor: what is before it in
// order, what is behind it in reverse order. A pass from left to right moves the
// cursor over each edit once, so that any fixed number of passes is linear. The
// edits of outer levels lie below those of the current one.
type List struct {
	before, behind []Edit
	level          Level
	closed         []Edit
}

// Level tells where the edits of a level begin.
type Level struct{ before, behind int }

// Reset drops all edits of all levels.
func (l *List) Reset() {
	l.before, l.behind, l.level = l.before[:0], l.behind[:0], Level{}
}

// Shrink gives back buffers of more than n edits.
func (l *List) Shrink(n int) {
	if max(cap(l.before), cap(l.behind), cap(l.closed)) > n {
		l.before, l.behind, l.closed = nil, nil, nil
	}
}

// Open starts a level and returns the one around it, for Close.
func (l *List) Open() Level {
	outer := l.level
	l.level = Level{len(l.before), len(l.behind)}
	return outer
}

// Close ends the current level. Its edits are returned from left to right; they
// are valid until the next Close.
func (l *List) Close(outer Level) []Edit {
	l.closed = append(l.closed[:0], l.All()...)
	l.before = l.before[:l.level.before]
	l.level = outer
	return l.closed
}

// All returns the edits of the current level from left to right. They are valid
// until the next call.
func (l *List) All() []Edit {
	for len(l.behind) > l.level.behind {
		l.forward()
	}
	return l.before[l.level.before:]
}

// Empty reports whether the current level has no edits.
func (l *List) Empty() bool {
	return len(l.before) == l.level.before && len(l.behind) == l.level.behind
}

// Put adds an edit. Where it overlaps others all of them become one edit over all
// that they covered, with the text of the leftmost; of several that begin at one
// place, with that of the last. So what is read again with the text in place of them
// all begins as it did before.
func (l *List) Put(e Edit) {
	if n := len(l.before); len(l.behind) == l.level.behind && (n == l.level.before || l.before[n-1].End <= e.Start) {
		l.before = append(l.before, e)
		return
	}
	l.seek(e.Start)
	for n := len(l.behind); n > l.level.behind; n-- {
		o := l.behind[n-1]
		if o.Start >= e.End {
			break
		}
		if o.Start < e.Start {
			e.Start, e.Off, e.N = o.Start, o.Off, o.N
		}
		e.End = max(e.End, o.End)
		l.behind = l.behind[:n-1]
	}
	l.before = append(l.before, e)
}

// Covered reports whether one edit of the current level contains [start, end).
func (l *List) Covered(start, end int32) bool {
	if n := len(l.before); len(l.behind) == l.level.behind && (n == l.level.before || l.before[n-1].End <= start) {
		return false
	}
	l.seek(start)
	n := len(l.behind)
	return n > l.level.behind && l.behind[n-1].Start <= start && l.behind[n-1].End >= end
}

// Overlaps reports whether an edit of the current level has a byte of [start, end).
func (l *List) Overlaps(start, end int32) bool {
	if n := len(l.before); len(l.behind) == l.level.behind && (n == l.level.before || l.before[n-1].End <= start) {
		return false
	}
	l.seek(start)
	n := len(l.behind)
	return n > l.level.behind && l.behind[n-1].Start < end
}

// seek moves the cursor behind the last edit that ends at or before pos.
func (l *List) seek(pos int32) {
	for n := len(l.before); n > l.level.before && l.before[n-1].End > pos; n-- {
		l.behind = append(l.behind, l.before[n-1])
		l.before = l.before[:n-1]
	}
	for n := len(l.behind); n > l.level.behind && l.behind[n-1].End <= pos; n-- {
		l.forward()
	}
}

// forward moves the cursor over one edit.
func (l *List) forward() {
	n := len(l.behind) - 1
	l.before = append(l.before, l.behind[n])
	l.behind = l.behind[:n]
}

// Check reports the first edit that is out of order, overlaps the one before it or
// leaves a buffer of size bytes or an arena of arena bytes. It is for tests: no
// sequence of calls may make it fail that puts edits within the buffer.
func Check(es []Edit, size, arena int) error {
	last := int32(0)
	for i, e := range es {
		if e.Start < last || e.End < e.Start || int(e.End) > size || e.N < 0 || e.Off < 0 || int(e.Off+e.N) > arena {
			return fmt.Errorf("edit %d of %d is [%d, %d) with %d bytes at %d, behind %d, in %d bytes with an arena of %d",
				i, len(es), e.Start, e.End, e.N, e.Off, last, size, arena)
		}
		last = e.End
	}
	return nil
}
