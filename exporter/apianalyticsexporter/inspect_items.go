// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"sync"
	"time"

	"github.com/apispan/apispan/internal/inspect"
)

// tracked are the events that are shown and not settled yet. The queue, which may be on
// disk, knows nothing of them: they are found again by the bytes of the item. The zero
// value is empty.
type tracked struct {
	mu    sync.Mutex
	items map[uint64]*trackedItem
	order []uint64 // as added; some may be gone
	// lens counts items by their length, and near by a hash of their ends, so that nearly all
	// others cost some nanoseconds.
	lens, near [1 << 12]uint16
}

type trackedItem struct {
	key       inspect.Key
	id, media string
	since     time.Time
	tries     int
	len, near uint64
	// twin is the event that was made of this one or of which this one was made: they
	// go together. 0 without one.
	twin uint64
}

// maxTracked bounds the events that are found again; some 200 bytes each.
const maxTracked = 8192

// endBytes is how much of an item's ends is hashed first.
const endBytes = 64

func lenOf(item []byte) uint64 { return uint64(len(item)) & (1<<12 - 1) }

func nearOf(item []byte) uint64 {
	h := uint64(len(item)) * 0x9e3779b97f4a7c15
	h ^= inspect.Fingerprint(item[:min(len(item), endBytes)])
	h ^= inspect.Fingerprint(item[max(0, len(item)-endBytes):]) << 1
	return (h >> 20) & (1<<12 - 1)
}

// knownItem is one of some items that is tracked, by its place among them.
type knownItem struct {
	at int
	fp uint64
}

// add remembers an item, and forgets the oldest if there are too many.
func (t *tracked) add(k inspect.Key, id, media string, item []byte) uint64 {
	fp, size, near := inspect.Fingerprint(item), lenOf(item), nearOf(item)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.items == nil {
		t.items = make(map[uint64]*trackedItem)
	}
	if old := t.items[fp]; old == nil {
		t.lens[size]++
		t.near[near]++
		t.order = append(t.order, fp)
	}
	t.items[fp] = &trackedItem{key: k, id: id, media: media, since: now(), len: size, near: near}
	for len(t.items) > maxTracked || len(t.order) > 2*maxTracked {
		oldest := t.order[0]
		t.order = t.order[1:]
		t.remove(oldest)
	}
	return fp
}

func (t *tracked) remove(fp uint64) {
	if it := t.items[fp]; it != nil {
		t.lens[it.len]--
		t.near[it.near]--
		delete(t.items, fp)
		t.remove(it.twin)
	}
	if len(t.items) == 0 {
		t.order = nil
	}
}

func (t *tracked) none() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.items) == 0
}

// find is called under the lock.
func (t *tracked) find(item []byte) (uint64, *trackedItem) {
	if len(t.items) == 0 || t.lens[lenOf(item)] == 0 || t.near[nearOf(item)] == 0 {
		return 0, nil
	}
	fp := inspect.Fingerprint(item)
	return fp, t.items[fp]
}

// take removes an item and returns what is known of it.
func (t *tracked) take(item []byte) (trackedItem, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fp, it := t.find(item)
	if it == nil {
		return trackedItem{}, false
	}
	t.remove(fp)
	return *it, true
}

// get returns what is known of an item.
func (t *tracked) get(item []byte) (fp uint64, _ trackedItem, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fp, it := t.find(item)
	if it == nil {
		return 0, trackedItem{}, false
	}
	return fp, *it, true
}

// pair makes two items go together.
func (t *tracked) pair(a, b uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x, y := t.items[a], t.items[b]; x != nil && y != nil && a != b {
		x.twin, y.twin = b, a
	}
}

// forget removes those of some known items that stand before a place.
func (t *tracked) forget(known []knownItem, before int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range known {
		if k.at < before {
			t.remove(k.fp)
		}
	}
}

// tried counts an attempt to send items, and returns those of them that are known, and
// which attempt that was. Nearly all are not: this is the only look at them.
func (t *tracked) tried(items [][]byte) (known []knownItem, tries int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.items) == 0 {
		return nil, 0
	}
	for i, item := range items {
		if fp, it := t.find(item); it != nil {
			it.tries++
			known, tries = append(known, knownItem{i, fp}), max(tries, it.tries)
		}
	}
	return known, tries
}

// oldest is how long the oldest item waits; 0 without one.
func (t *tracked) oldest(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.order) > 0 {
		if it := t.items[t.order[0]]; it != nil {
			return now.Sub(it.since)
		}
		t.order = t.order[1:]
	}
	return 0
}
