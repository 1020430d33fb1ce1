// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
	"sync"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// sampler decides which exchanges are sent and sets the weight of those. The
// decision is a function of a key, the rate, and the ids: those of trace and span, or the
// trace's alone where no caller may have chosen it (then the randomness in the tracestate,
// if there is one). So every attempt decides alike, and all replicas with the same key. Of
// two rates the higher keeps what the lower keeps.
//
// The ids are hashed under the key, all of their bytes. So a stranger who chooses his
// trace id does not choose the decision, and it is independent of what a sampler before
// us decided by the same id: the weights of both multiply.
type sampler struct {
	percent    float64
	keepErrors bool
	key        [sha256.Size]byte
	// rates returns the vendor's prescription, or nil as long as there is none;
	// the func is nil unless it is asked for.
	rates func() backend.Rates
}

// processKey is the key of all exporters of this process that have no other.
var processKey = sync.OnceValue(func() (key [sha256.Size]byte) {
	_, _ = rand.Read(key[:]) // it ends the process rather than fail
	return key
})

func newSampler(cfg SamplingConfig) *sampler {
	s := &sampler{percent: cfg.Percent, keepErrors: cfg.KeepErrors}
	if cfg.Key != "" {
		s.key = sha256.Sum256([]byte(cfg.Key))
	} else {
		s.key = processKey()
	}
	return s
}

// keep reports whether ex is sent, and then has multiplied its weight.
func (s *sampler) keep(ex *exchange.Exchange) bool {
	rate := s.percent
	if s.rates != nil {
		rate = 100
		if r := s.rates(); r != nil {
			rate = r.Rate(ex)
		}
	}
	if rate >= 100 || s.keepErrors && ex.Failed() || ex.BlockedBy != "" { // what was blocked is for the record
		return true
	}
	hash := s.hash(ex)
	if position(hash)*100 >= rate {
		return false
	}
	factor := 100 / rate
	if s.rates != nil {
		factor = math.Floor(factor) // as the vendor's SDKs do
	} else if whole := math.Floor(factor); position(mix(hash)) < factor-whole {
		factor = whole + 1
	} else {
		factor = whole
	}
	ex.Weight = multiply(ex.Weight, factor)
	return true
}

// position maps a hash to [0, 1) in steps that a float64 holds exactly.
func position(hash uint64) float64 { return float64(hash>>11) / (1 << 53) }

// maxWeight is the largest integer that every reader of JSON takes as it is.
const maxWeight = 1<<53 - 1

// multiply returns weight times a factor of at least 1. A sampling rate may be as
// small as a float allows, so the product has a limit.
func multiply(weight int64, factor float64) int64 {
	if factor >= maxWeight {
		return maxWeight
	}
	hi, lo := bits.Mul64(uint64(max(weight, 1)), uint64(factor))
	if hi > 0 || lo > maxWeight {
		return maxWeight
	}
	return int64(lo)
}

// hash spreads what identifies the decision over 64 bits.
func (s *sampler) hash(ex *exchange.Exchange) uint64 {
	var buf [sha256.Size + 16 + 14]byte
	b := append(buf[:0], s.key[:]...)
	switch {
	case ex.OwnTrace && ex.Randomness != "":
		b = append(b, ex.Randomness...)
	case ex.OwnTrace && ex.TraceID != [16]byte{}:
		b = append(b, ex.TraceID[:]...)
	default:
		b = append(b, ex.TraceID[:]...)
		b = append(b, ex.SpanID[:]...)
	}
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:8])
}

// mix is the step of the SplitMix64 generator (Steele, Lea, Flood: Fast
// splittable pseudorandom number generators, 2014): every bit of the result
// depends on every bit of x.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
