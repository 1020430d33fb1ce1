// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

// Wanted are the spans of a batch whose details are wanted, by their places in it. They are
// asked for all at once, before anything else is done with the batch: between two spans a
// processor has forgotten what Wants needs, and to fetch it again costs more than the answer.
type Wanted struct {
	places []int32 // those that are wanted, in order
	next   int     // of places
	asked  int32
}

// Reset begins a batch.
func (w *Wanted) Reset() { w.places, w.next, w.asked = w.places[:0], 0, 0 }

// Ask asks for the next span. One without a key is not wanted.
func (w *Wanted) Ask(s Sink, k *Key) {
	if !k.None() && s.Wants(k) {
		w.places = append(w.places, w.asked)
	}
	w.asked++
}

// Any reports whether a span of the batch is wanted.
func (w *Wanted) Any() bool { return len(w.places) > 0 }

// Is reports whether the span at a place is wanted. Places only go up.
func (w *Wanted) Is(place int) bool {
	for w.next < len(w.places) && int(w.places[w.next]) < place {
		w.next++
	}
	return w.next < len(w.places) && int(w.places[w.next]) == place
}
