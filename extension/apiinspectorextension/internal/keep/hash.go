// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

// recently is a table of what was seen not long ago, of a fixed size: two places for
// each hash, the older one goes.
type recently struct{ at [][2]uint64 }

func newRecently(bits int) recently { return recently{make([][2]uint64, 1<<bits)} }

// add reports whether h is new.
func (t recently) add(h uint64) bool {
	e := &t.at[h&uint64(len(t.at)-1)]
	if e[0] == h || e[1] == h {
		return false
	}
	e[1], e[0] = e[0], h
	return true
}

// has is 1 if h is known, and 0 if not, found without a branch: so a processor looks for many
// at once, whose places are not at hand.
func (t recently) has(h uint64) (known uint64) {
	e := &t.at[h&uint64(len(t.at)-1)]
	if e[0] == h {
		known = 1
	}
	if e[1] == h {
		known = 1
	}
	return known
}
