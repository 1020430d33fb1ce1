// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardedstorageextension

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/extension/guardedstorageextension/internal/metadata"
)

var (
	innerID   = component.MustNewID("memory_storage")
	guardedID = component.NewID(metadata.Type)
)

// memory is a storage that outlives exporters, as a file outlives processes.
type memory struct {
	component.StartFunc
	component.ShutdownFunc

	mu      sync.Mutex
	data    map[string][]byte
	full    bool
	applied func(map[string][]byte)
}

func (m *memory) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return client{m}, nil
}

type client struct{ *memory }

func (c client) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c client) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c client) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c client) Close(context.Context) error { return nil }

func (c client) Batch(_ context.Context, ops ...*storage.Operation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full && slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Type != storage.Get }) {
		return errors.New("no space left on device")
	}
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = slices.Clone(c.data[op.Key])
		case storage.Set:
			c.data[op.Key] = slices.Clone(op.Value)
		case storage.Delete:
			delete(c.data, op.Key)
		}
	}
	if c.applied != nil {
		c.applied(maps.Clone(c.data))
	}
	return nil
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// life is one run of an exporter of somebody else.
type life struct {
	exporter.Traces

	mu        sync.Mutex
	down      bool
	tries     int
	delivered map[string]int
}

func newLife(t *testing.T, store *memory, down bool) *life {
	t.Helper()
	l := &life{down: down, delivered: map[string]int{}}
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.StorageID, queue.NumConsumers = &guardedID, 4
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval, retry.MaxInterval, retry.MaxElapsedTime = 5*time.Millisecond, 5*time.Millisecond, 0
	if down {
		retry.InitialInterval, retry.MaxInterval = time.Hour, time.Hour
	}
	var err error
	l.Traces, err = exporterhelper.NewTraces(context.Background(), exportertest.NewNopSettings(component.MustNewType("other")), &struct{}{}, l.push,
		exporterhelper.WithQueue(configoptional.Some(queue)), exporterhelper.WithRetry(retry))
	if err != nil {
		t.Fatal(err)
	}
	ext := newGuarded(extensiontest.NewNopSettings(metadata.Type), &Config{Storage: innerID})
	h := host{innerID: store, guardedID: ext}
	if err := errors.Join(ext.Start(context.Background(), h), l.Start(context.Background(), h)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Shutdown(context.Background()) })
	return l
}

func (l *life) push(_ context.Context, td ptrace.Traces) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tries++
	if l.down {
		return errors.New("down")
	}
	for _, rs := range td.ResourceSpans().All() {
		l.delivered[rs.ScopeSpans().At(0).Spans().At(0).Name()]++
	}
	return nil
}

func (l *life) offer(name string) error {
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName(name)
	return l.ConsumeTraces(context.Background(), td)
}

func (l *life) wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		ok := cond()
		l.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("timeout waiting until %s", what)
		}
	}
}

// TestCrashPoints: whatever transaction of a start is the last one, with a full disk
// or not, everything acknowledged is delivered by the next life.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	const n = 12
	store := &memory{data: map[string][]byte{}}
	first := newLife(t, store, true)
	for i := range n {
		if err := first.offer(fmt.Sprint("request ", i)); err != nil {
			t.Fatal(err)
		}
	}
	first.wait(t, "all consumers are busy", func() bool { return first.tries == 4 })
	store.mu.Lock()
	crashed := maps.Clone(store.data)
	store.mu.Unlock()

	for name, full := range map[string]bool{"room": false, "full": true} {
		points := []map[string][]byte{crashed}
		again := &memory{data: maps.Clone(crashed), full: full}
		again.applied = func(data map[string][]byte) { points = append(points, data) }
		second := newLife(t, again, true)
		second.wait(t, "all consumers are busy", func() bool { return second.tries == 4 })
		again.mu.Lock()
		again.applied = nil
		again.mu.Unlock()
		t.Logf("%s: %d crash points", name, len(points))
		for i, data := range points {
			t.Run(fmt.Sprint(name, i), func(t *testing.T) {
				t.Parallel()
				last := newLife(t, &memory{data: maps.Clone(data)}, false)
				last.wait(t, "everything is delivered", func() bool { return len(last.delivered) == n })
			})
		}
	}
}

// TestFullDisk: what is stored is delivered while nothing can be written.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	const n = 12
	store := &memory{data: map[string][]byte{}}
	first := newLife(t, store, true)
	for i := range n {
		if err := first.offer(fmt.Sprint("request ", i)); err != nil {
			t.Fatal(err)
		}
	}
	store.mu.Lock()
	again := &memory{data: maps.Clone(store.data), full: true}
	store.mu.Unlock()
	second := newLife(t, again, false)
	second.wait(t, "everything is delivered", func() bool { return len(second.delivered) == n })
	if err := second.offer("refused"); err == nil {
		t.Error("a full disk took a request")
	}
	again.mu.Lock()
	again.full = false
	again.mu.Unlock()
	if err := second.offer("taken"); err != nil {
		t.Error(err)
	}
	second.wait(t, "it is delivered", func() bool { return second.delivered["taken"] == 1 })
	if second.delivered["refused"] != 0 {
		t.Error("a refused request was delivered")
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	ext := newGuarded(extensiontest.NewNopSettings(metadata.Type), &Config{Storage: innerID})
	for what, h := range map[string]host{
		"service::extensions": {},
		"no storage":          {innerID: struct{ component.Component }{}},
	} {
		if err := ext.Start(context.Background(), h); err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), innerID.String()) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := (&Config{}).Validate(); err == nil || !strings.Contains(err.Error(), "`storage`") {
		t.Errorf("no storage: %v", err)
	}
}
