// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/apispan/apispan/redact"
)

const (
	// maxDepth is how deep maps and arrays of an attribute may nest. Deeper values
	// are removed. Real instrumentation does not go beyond three or four.
	maxDepth = 32
	// maxInfos bounds the cache of attribute keys of one walker, and maxInfoKey
	// the length of a key that is kept: 4096 x 256 bytes is 1 MiB at worst.
	maxInfos   = 4096
	maxInfoKey = 256
)

// walker is the working memory for one batch. It is pooled and used by one
// goroutine at a time.
type walker struct {
	r *redactor
	e *redact.Scratch

	// cache remembers attribute keys (never values).
	cache map[string]*keyInfo
	infos []*keyInfo
	num   []byte
	// foreign is set if one of infos is.
	foreign bool

	// Spans of one batch repeat most of their values (method, host, user agent,
	// cache-control, …): what was found clean under a key is not looked at again. tag
	// names the batch and the direction that this holds for; 0 = remember nothing.
	// touched are the keys that hold a value of the batch and must let it go.
	tag     uint64
	batch   uint64
	touched []*keyInfo
	name    string
	nameTag uint64

	exchange redact.Exchange
	req      spanRequest
	// res is the resource of the spans or records that are being walked.
	res pcommon.Resource
	// seen are the engine's statistics when they were last read.
	seen redact.Stats
	// changed counts what was done to the current item, including what the
	// engine does not count itself (panics, removed keys).
	changed int64
	tally   tally
	// earlier is what redactions before this one have left on the item, decisions what
	// was decided about the last one.
	earlier   earlier
	decisions []string
	look      look
}

// lookup classifies an attribute key.
func (w *walker) lookup(key string) *keyInfo {
	if ki, ok := w.cache[key]; ok {
		return ki
	}
	if len(key) > maxInfoKey || len(w.cache) >= maxInfos {
		return w.r.vocabulary.info(key)
	}
	// The entry must not keep the batch's memory alive.
	key = strings.Clone(key)
	ki := w.r.vocabulary.info(key)
	w.cache[key] = ki
	return ki
}

// begin starts an item: a resource, a scope, a span or a log record.
func (w *walker) begin(ex redact.Exchange) {
	w.exchange = ex
	w.exchange.Fields = nil // they are there for this call only
	w.given(onBegin)
	w.e.Begin(ex)
	w.seen = redact.Stats{}
	w.changed = 0
	if w.r.remember {
		w.tag = w.batch<<2 | uint64(ex.Direction) | 1<<63
	}
}

// maxRemembered is the longest value, in bytes, that is remembered.
const maxRemembered = 256

// remember notes that the engine found nothing in value.
func (w *walker) remember(ki *keyInfo, value string) {
	if w.tag == 0 || ki.content || value == "" || len(value) > maxRemembered {
		return
	}
	if ki.text == "" {
		w.touched = append(w.touched, ki)
	}
	ki.text, ki.textTag = value, w.tag
}

// forget lets go of all values of the batch.
func (w *walker) forget() {
	for _, ki := range w.touched {
		ki.text, ki.textTag = "", 0
	}
	clear(w.touched)
	w.touched, w.name, w.tag = w.touched[:0], "", 0
	w.batch++
}

// hit books what the engine did since the last reading.
func (w *walker) hit(p place) {
	is := w.e.Stats()
	w.tally.add(p, w.seen, is)
	w.changed += int64(is.Total() - w.seen.Total())
	w.seen = is
}

// end books why values of the item that is finished could not be treated by a rule.
func (w *walker) end() {
	if w.seen.FailedClosed == 0 && w.r.ready.Load() {
		return
	}
	for _, c := range w.e.Counts() {
		if c.Outcome != "ok" {
			w.tally.fail(failure{c.Outcome, c.Place}, int64(c.N))
		}
	}
}

// failed books a value that was removed because the engine panicked, and replaces
// the engine, whose state cannot be trusted any more. The old one is not given
// back to its pool.
func (w *walker) failed(p place) {
	w.tally.failed(p, failPanic)
	w.changed++
	w.e = w.r.newEngine()
	w.e.Begin(w.exchange)
	w.seen = redact.Stats{}
}

// onBegin is given for an item that begins.
const onBegin = "begin"

// given lets a test make the engine panic.
func (w *walker) given(value string) {
	if w.r.fault != nil {
		w.r.fault(value)
	}
}

// The functions below are the only ones that hand data to the engine. Each turns
// a panic into the removal of the value.

func (w *walker) attribute(p place, ki *keyInfo, value string) (out string, ef redact.Effect) {
	defer func() {
		if recover() != nil {
			w.failed(p)
			out, ef = "", redact.Removed
		}
	}()
	w.given(value)
	if ki.alias {
		out, ef = w.e.AttributeAs(&ki.own, &ki.as, value)
	} else {
		out, ef = w.e.AttributeOf(&ki.own, value)
	}
	if ef != redact.Unchanged {
		w.hit(p)
	}
	return out, ef
}

func (w *walker) bytes(p place, ki *keyInfo, value []byte) (out []byte, ef redact.Effect) {
	defer func() {
		if recover() != nil {
			w.failed(p)
			out, ef = nil, redact.Removed
		}
	}()
	if w.r.fault != nil {
		w.given(string(value))
	}
	if ki.alias {
		out, ef = w.e.AttributeBytesAs(&ki.own, &ki.as, value)
	} else {
		out, ef = w.e.AttributeBytesOf(&ki.own, value)
	}
	if ef != redact.Unchanged {
		w.hit(p)
	}
	return out, ef
}

// badKey is key with a memory: what was found clean stays clean.
func (w *walker) badKey(ki *keyInfo, key string) bool {
	if !ki.clean && w.key(key) {
		w.noteBad(key)
		return true
	}
	ki.clean = true
	return false
}

// key reports whether an attribute must go because of its key.
func (w *walker) key(key string) (remove bool) {
	defer func() {
		if recover() != nil {
			w.failed(placeKey)
			remove = true
		}
	}()
	w.given(key)
	if w.e.AttributeKey(key) == redact.Unchanged {
		return false
	}
	w.hit(placeKey)
	return true
}

func (w *walker) text(p place, value string) (out string, ef redact.Effect) {
	if value == "" {
		return "", redact.Unchanged
	}
	defer func() {
		if recover() != nil {
			w.failed(p)
			out, ef = "", redact.Removed
		}
	}()
	w.given(value)
	out, ef = w.e.Text(value)
	if ef != redact.Unchanged {
		w.hit(p)
	}
	return out, ef
}

func (w *walker) url(p place, value string) (out string, ef redact.Effect) {
	if value == "" {
		return "", redact.Unchanged
	}
	defer func() {
		if recover() != nil {
			w.failed(p)
			out, ef = "", redact.Removed
		}
	}()
	w.given(value)
	out, ef = w.e.URL(value)
	if ef != redact.Unchanged {
		w.hit(p)
	}
	return out, ef
}

// setText redacts a free text that is not an attribute. What must go becomes "".
func (w *walker) setText(p place, value string, set func(string)) {
	out, ef := w.text(p, value)
	switch ef {
	case redact.Changed:
		set(out)
	case redact.Removed:
		set("")
	}
}

// attributes redacts a map whose keys were classified by gather.
func (w *walker) attributes(attrs pcommon.Map, as place) {
	i := -1
	attrs.RemoveIf(func(k string, v pcommon.Value) bool {
		i++
		ki := w.infos[i]
		if ki.stamp || (w.r.strip && ki.captured) {
			return true
		}
		if ki.session && sound(k, v) {
			return false
		}
		p := as
		if p == placeAttribute {
			p = ki.place
		}
		return w.badKey(ki, k) || w.value(p, k, ki, v)
	})
}
