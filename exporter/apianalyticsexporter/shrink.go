// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"slices"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// This file makes events fit that are too large. First the bodies are given up, as much
// of them as has to be; then the longest headers; then the URL is cut; then metadata and
// the rest. What is larger even so is dropped.

const (
	// shrinkRounds bounds how often an event is encoded again to find how much of it
	// fits.
	shrinkRounds = 6
	// longURL and longField are what is left of a longer path, and of another text.
	longURL, longField = 1024, 256
)

// shrink encodes ex again with less, and returns what had to be given up at last, or ""
// if the event does not fit. buf holds the event that is too large.
func (t *translator) shrink(buf []byte, start int, ex *exchange.Exchange) ([]byte, string) {
	p := shrinker{t: t, buf: buf, start: start, full: len(buf) - start}
	bare := *ex
	bare.Shrink(0)
	if p.encode(&bare) {
		p.bodies(ex, p.size)
		return p.buf, exchange.ShedBodies
	}
	bare.Shed = append(bare.Shed, exchange.ShedBodies)
	for _, step := range []struct {
		name  string
		apply func()
	}{
		{"", func() {}},
		{exchange.ShedURL, func() { bare.CutURL(longURL) }},
		{exchange.ShedMetadata, func() { bare.Metadata = nil }},
		{exchange.ShedFields, func() { bare.CutFields(longField) }},
	} {
		if step.apply(); step.name != "" {
			bare.Shed = append(bare.Shed, step.name)
			if p.encode(&bare) {
				return p.buf, step.name
			}
		}
		if p.headers(&bare) {
			if step.name == "" {
				return p.buf, exchange.ShedHeaders
			}
			return p.buf, step.name
		}
	}
	return p.buf, ""
}

// shrinker is the work on one event.
type shrinker struct {
	t          *translator
	buf        []byte
	start      int
	full, size int
}

// encode encodes ex in place of what was encoded before and reports whether it fits.
func (p *shrinker) encode(ex *exchange.Exchange) bool {
	var drop backend.Drop
	p.buf, _, drop = p.t.append(p.buf[:p.start], ex)
	p.size = len(p.buf) - p.start
	return drop == backend.Keep && p.size <= p.t.maxItem
}

// bodies leaves the longest bodies that fit; rest is the size without them.
func (p *shrinker) bodies(ex *exchange.Exchange, rest int) {
	// The first guess takes every byte of a body to be encoded in as many bytes,
	// with a reserve of a third because a cut body may be encoded otherwise
	// (base64 instead of JSON).
	most := max(len(ex.Request.Body.Data), len(ex.Response.Body.Data))
	guess := int(float64(most) * float64(p.t.maxItem-rest) / float64(max(1, p.full-rest)) * 2 / 3)
	p.search(most, guess, func(limit int) bool {
		cut := *ex
		cut.Shrink(limit)
		return p.encode(&cut)
	})
}

// headers leaves the shortest headers that fit, and reports false if the event does not
// even without any.
func (p *shrinker) headers(ex *exchange.Exchange) bool {
	try := func(budget int) bool {
		less := *ex
		less.KeepHeaders(budget)
		less.Shed = append(slices.Clip(less.Shed), exchange.ShedHeaders)
		return p.encode(&less)
	}
	full := p.size
	if !try(0) {
		return false
	}
	most := ex.HeaderBytes()
	p.search(most, int(float64(most)*float64(p.t.maxItem-p.size)/float64(max(1, full-p.size))), try)
	return true
}

// search finds roughly the largest number below most for which try is true, as it is for
// 0, and leaves the event of that number.
func (p *shrinker) search(most, guess int, try func(int) bool) {
	fits, tooMuch, last := 0, most, 0
	for range shrinkRounds {
		if guess <= fits || guess >= tooMuch {
			guess = fits + (tooMuch-fits)/2
		}
		if guess == fits {
			break
		}
		last = guess
		if !try(guess) {
			tooMuch = guess
			continue
		}
		if fits = guess; p.size > p.t.maxItem*3/4 {
			break
		}
		guess += guess // grow carefully: what comes next may be longer encoded
	}
	if last != fits {
		try(fits)
	}
}
