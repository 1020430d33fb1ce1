// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardedstorageextension

import (
	"context"
	"errors"
	"fmt"
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
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/extension/guardedstorageextension/internal/metadata"
	"github.com/apispan/apispan/internal/queueguard/storagetest"
)

var (
	innerID   = component.MustNewID("memory_storage")
	guardedID = component.NewID(metadata.Type)
)

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

func newLife(t *testing.T, store *storagetest.Storage, down bool) *life {
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
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
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
	store := storagetest.New(nil)
	first := newLife(t, store, true)
	for i := range n {
		if err := first.offer(fmt.Sprint("request ", i)); err != nil {
			t.Fatal(err)
		}
	}
	first.wait(t, "all consumers are busy", func() bool { return first.tries == 4 })
	crashed := store.Data()

	for name, full := range map[string]bool{"room": false, "full": true} {
		points := []map[string][]byte{crashed}
		again := storagetest.New(crashed)
		again.SetFull(full)
		again.Watch(func(data map[string][]byte) { points = append(points, data) })
		second := newLife(t, again, true)
		second.wait(t, "all consumers are busy", func() bool { return second.tries == 4 })
		again.Watch(nil)
		t.Logf("%s: %d crash points", name, len(points))
		for i, data := range points {
			t.Run(fmt.Sprint(name, i), func(t *testing.T) {
				t.Parallel()
				last := newLife(t, storagetest.New(data), false)
				last.wait(t, "everything is delivered", func() bool { return len(last.delivered) == n })
			})
		}
	}
}

// TestFullDisk: what is stored is delivered while nothing can be written.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	const n = 12
	store := storagetest.New(nil)
	first := newLife(t, store, true)
	for i := range n {
		if err := first.offer(fmt.Sprint("request ", i)); err != nil {
			t.Fatal(err)
		}
	}
	again := storagetest.New(store.Data())
	again.SetFull(true)
	second := newLife(t, again, false)
	second.wait(t, "everything is delivered", func() bool { return len(second.delivered) == n })
	if err := second.offer("refused"); err == nil {
		t.Error("a full disk took a request")
	}
	again.SetFull(false)
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
	if err := (&Config{Storage: component.MustNewIDWithName("guarded_storage", "other")}).Validate(); err == nil || !strings.Contains(err.Error(), "guards a storage itself") {
		t.Error(err)
	}
	if err := (&Config{}).Validate(); err == nil || !strings.Contains(err.Error(), "`storage`") {
		t.Errorf("no storage: %v", err)
	}
}
