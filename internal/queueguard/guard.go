// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package queueguard

import (
	"context"
	"maps"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// probeEvery is how often a write is tried while the storage refuses to store.
const probeEvery = time.Second

// Guard guards the storage of one exporter.
type Guard struct {
	// StandIn returns what stands for a stored request whose write failed: the
	// queue counts it although it is not there. It must decode to a request of the
	// same sizes and without content. Required.
	StandIn func(stored []byte) []byte
	// OnFailure is called, under a lock, when the storage refuses a write. Nil means
	// nothing.
	OnFailure func(error)
	// OnDamage is called, under a lock, for a stored request that is not as it was when
	// it was stored; the queue then gets bytes that no encoding reads. Nil means nothing.
	OnDamage func(error)

	refused atomic.Int64 // when a request could not be stored, in Unix nanoseconds; 0 means it can be
}

// Refuse reports whether the storage refused a request a moment ago, so that there
// is no use in offering another. One request a second is let through to see.
func (g *Guard) Refuse(now time.Time) bool {
	last := g.refused.Load()
	if last == 0 {
		return false
	}
	if now.Sub(time.Unix(0, last)) < probeEvery {
		return true
	}
	// Only one of those who come now may try.
	return !g.refused.CompareAndSwap(last, now.UnixNano())
}

// Wrapper is a storage extension that guards another one.
type Wrapper interface{ Unwrap() storage.Extension }

// Host returns a host whose storage extension id is guarded, once.
func (g *Guard) Host(host component.Host, id component.ID) component.Host {
	ext, ok := host.GetExtensions()[id].(storage.Extension)
	if !ok {
		return host // the queue reports what is wrong
	}
	if w, ok := ext.(Wrapper); ok {
		ext = w.Unwrap()
	}
	all := maps.Clone(host.GetExtensions())
	all[id] = &extension{Extension: ext, guard: g}
	return &guardedHost{Host: host, extensions: all}
}

type guardedHost struct {
	component.Host

	extensions map[component.ID]component.Component
}

var _ componentstatus.Reporter = (*guardedHost)(nil)

// GetExtensions implements component.Host.
func (h *guardedHost) GetExtensions() map[component.ID]component.Component { return h.extensions }

// Report implements componentstatus.Reporter.
func (h *guardedHost) Report(e *componentstatus.Event) { componentstatus.ReportStatus(h.Host, e) }

type extension struct {
	storage.Extension

	guard *Guard
}

// GetClient implements storage.Extension.
func (e *extension) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	return e.guard.Client(ctx, e.Extension, kind, id, name)
}

// Client returns a guarded client of the storage extension. A storage whose file is
// damaged is an error that says what to do.
func (g *Guard) Client(ctx context.Context, ext storage.Extension, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	inner := &safe{file: fileName(kind, id, name)}
	if err := g.check(ext, inner.file); err != nil {
		return nil, err
	}
	err := inner.do(func() (err error) {
		inner.Client, err = ext.GetClient(ctx, kind, id, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	// What is damaged deep inside would be found when it is too late to tell.
	if w, ok := inner.Client.(storage.Walker); ok {
		err := inner.do(func() error {
			return w.Walk(ctx, func(string, []byte) ([]*storage.Operation, error) { return nil, ctx.Err() })
		})
		if err != nil {
			_ = inner.Close(ctx)
			return nil, err
		}
	}
	c, err := newClient(ctx, inner, g)
	if err != nil {
		_ = inner.Close(ctx)
		return nil, err
	}
	return c, nil
}
