// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"cmp"
	"maps"
	"slices"

	"go.opentelemetry.io/otel/attribute"
)

// guard runs code of the application. A panic in it is counted and ends there.
func (c *config) guard(f func()) (ok bool) {
	defer func() {
		if !ok {
			_ = recover()
			c.drops.add(reasonCallbackPanic, 1)
		}
	}()
	f()
	return true
}

// anyCallback reports whether anybody asks to see an Exchange.
func (c *config) anyCallback() bool { return len(c.skip)+len(c.identity)+len(c.metadata) > 0 }

func (c *config) callSkip(ex Exchange) bool {
	for _, f := range c.skip {
		skip := true
		c.guard(func() { skip = f(ex) })
		if skip {
			return true
		}
	}
	return false
}

func (c *config) callIdentity(ex Exchange, id *Identity) {
	for _, f := range c.identity {
		c.guard(func() {
			got := f(ex)
			id.merge(&got)
		})
	}
}

// callMetadata adds what callbacks give to what SetMetadata gave, in the order of
// keys, so that the limit does not depend on the order of a map.
func (c *config) callMetadata(ex Exchange, meta []attribute.KeyValue) (_ []attribute.KeyValue, over int) {
	for _, f := range c.metadata {
		var m map[string]any
		c.guard(func() { m = f(ex) })
		for _, key := range slices.SortedFunc(maps.Keys(m), cmp.Compare[string]) {
			kv, ok := c.metadataAttr(key, m[key])
			if ok {
				meta, ok = putMetadata(meta, 0, kv, false)
			}
			if !ok && m[key] != nil {
				over++
			}
		}
	}
	return meta, over
}
