// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"hash/maphash"
	"math"
	"math/bits"
	"slices"

	"github.com/apispan/apispan/internal/inspect"
)

var textSeed = maphash.MakeSeed()

func hashText(s string) uint64 { return maphash.String(textSeed, s) }

// distinct counts how many different things there were: up to 16 exactly, more with an
// error of about 7 % (HyperLogLog with 256 registers).
type distinct struct {
	few  []uint32
	many *[256]uint8
}

func (d *distinct) add(h uint64) {
	if d.many == nil {
		v := uint32(h >> 32)
		if slices.Contains(d.few, v) {
			return
		}
		if len(d.few) < 16 {
			d.few = append(d.few, v)
			return
		}
		d.many = new([256]uint8)
		for _, f := range d.few {
			d.set(inspect.Mix(uint64(f), 1))
		}
		d.few = nil
	}
	d.set(inspect.Mix(uint64(uint32(h>>32)), 1))
}

func (d *distinct) set(h uint64) {
	r := &d.many[h&255]
	*r = max(*r, uint8(bits.LeadingZeros64(h|1<<8)+1))
}

func (d *distinct) count() int {
	if d.many == nil {
		return len(d.few)
	}
	sum, zeros := 0.0, 0
	for _, r := range d.many {
		if r == 0 {
			zeros++
		}
		sum += 1 / float64(uint64(1)<<r)
	}
	const m = 256.0
	est := 0.7182725932495458 * m * m / sum
	if est <= 2.5*m && zeros > 0 {
		est = m * math.Log(m/float64(zeros))
	}
	return int(est + 0.5)
}
