// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
)

// memoryStorage is a storage extension that outlives the exporters in a test, as
// a file outlives processes.
type memoryStorage struct {
	component.StartFunc
	component.ShutdownFunc

	mu   sync.Mutex
	data map[string][]byte
	// full, if set, makes transactions that store something fail.
	full bool
	// applied, if set, is called after each transaction, under the lock.
	applied func()
}

func (m *memoryStorage) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return storageClient{m}, nil
}

// items returns the keys of stored requests.
func (m *memoryStorage) items() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for _, k := range slices.Sorted(maps.Keys(m.data)) {
		if _, err := strconv.Atoi(k); err == nil {
			keys = append(keys, k)
		}
	}
	return keys
}

type storageClient struct{ *memoryStorage }

func (c storageClient) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c storageClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c storageClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c storageClient) Close(context.Context) error { return nil }

func (c storageClient) Batch(_ context.Context, ops ...*storage.Operation) error {
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
		c.applied()
	}
	return nil
}

// copy is the storage as a crash at this moment would leave it.
func (m *memoryStorage) copy() *memoryStorage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memoryStorage{data: maps.Clone(m.data)}
}

func (m *memoryStorage) setFull(full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = full
}

// durableRig is an exporter with its queue in the storage.
func durableRig(t *testing.T, endpoint string, store *memoryStorage, change func(*Config)) *rig {
	t.Helper()
	id := component.MustNewID("memory_storage")
	cfg := testConfig(endpoint)
	cfg.QueueConfig.Get().StorageID = &id
	if change != nil {
		change(cfg)
	}
	r := newRig(t, cfg)
	r.host.extensions = map[component.ID]component.Component{id: store}
	return r.start()
}

func newStore() *memoryStorage { return &memoryStorage{data: map[string][]byte{}} }

func slowRetry(cfg *Config) {
	cfg.RetryConfig.InitialInterval, cfg.RetryConfig.MaxInterval = time.Hour, time.Hour
}

func withBatch(cfg *Config) {
	b := cfg.QueueConfig.Get().Batch.GetOrInsertDefault()
	b.FlushTimeout, b.MinSize, b.MaxSize = 10*time.Millisecond, 25, 100
}

// TestRestart stops the exporter while the backend is down and starts another on
// the same storage.
func TestRestart(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){"plain": func(*Config) {}, "batch": withBatch} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := backendtest.NewMoesif(backendtest.Settings{Credential: appID})
			fake.Script(backendtest.Fault{Status: 503, Count: -1})
			srv := httptest.NewServer(fake)
			defer srv.Close()
			store := newStore()

			first := durableRig(t, srv.URL, store, func(cfg *Config) { slowRetry(cfg); change(cfg) })
			for i := range 20 {
				if err := first.exp.ConsumeTraces(context.Background(), traces(10*i, 10)); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "delivery was tried", func() bool { return first.counts().Requests["retry"] > 0 })
			first.shutdown()
			if c := first.counts(); c.Translated != 200 || c.Sent != 0 || c.droppedAll() != 0 {
				t.Errorf("before the restart: %+v", c)
			}
			if len(store.items()) == 0 {
				t.Fatal("nothing is stored")
			}

			fake.Heal()
			second := durableRig(t, srv.URL, store, change)
			waitFor(t, "everything is delivered", func() bool { return fake.Stats().Accepted == 200 })
			waitFor(t, "the storage is empty", func() bool { return len(store.items()) == 0 })
			second.shutdown()
			if c := second.counts(); c.Sent != 200 || c.Translated != 0 || c.droppedAll() != 0 {
				t.Errorf("after the restart: %+v", c)
			}
			if s := fake.Stats(); s.Duplicates != 0 || s.Violations != 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// TestSameIDsAfterRestart: what was taken without an answer before the restart is
// sent again with the ids it had.
func TestSameIDsAfterRestart(t *testing.T) {
	t.Parallel()
	fake := backendtest.NewMoesif(backendtest.Settings{Credential: appID})
	fake.Script(backendtest.Fault{Take: true, Reset: true, Count: -1})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	store := newStore()
	first := durableRig(t, srv.URL, store, slowRetry)
	if err := first.exp.ConsumeTraces(context.Background(), traces(0, 50)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the backend has the events", func() bool { return first.counts().Requests["no_answer"] == 1 })
	first.shutdown()
	fake.Heal()
	second := durableRig(t, srv.URL, store, nil)
	waitFor(t, "they came again", func() bool { return second.counts().Sent == 50 })
	second.shutdown()
	if s := fake.Stats(); s.Accepted != 50 || s.Duplicates != 50 {
		t.Errorf("stats %+v, want the same 50 ids twice", s)
	}
}

// TestDamagedStorage: a request that cannot be read back is counted and logged
// with its size; the others are delivered.
func TestDamagedStorage(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){"plain": oneConsumer, "batch": withBatch} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := backendtest.NewMoesif(backendtest.Settings{Credential: appID})
			fake.Script(backendtest.Fault{Status: 503, Count: -1})
			srv := httptest.NewServer(fake)
			defer srv.Close()
			store := newStore()
			first := durableRig(t, srv.URL, store, func(cfg *Config) { slowRetry(cfg); oneConsumer(cfg) })
			for i := range 5 {
				if err := first.exp.ConsumeTraces(context.Background(), traces(10*i, 10)); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "one request is being sent", func() bool { return first.counts().Requests["retry"] == 1 })
			first.shutdown()

			keys := store.items()
			if len(keys) != 5 {
				t.Fatalf("stored %v", keys)
			}
			store.mu.Lock()
			flipped := store.data[keys[0]] // was being sent, so the queue stores it once more
			flipped[len(flipped)/2] ^= 1
			store.data[keys[3]] = []byte("from a newer version")
			store.mu.Unlock()

			fake.Heal()
			second := durableRig(t, srv.URL, store, change)
			waitFor(t, "the readable ones are delivered", func() bool { return second.counts().Sent == 30 })
			waitFor(t, "the others are counted", func() bool { return second.counts().Unreadable == 2 })
			waitFor(t, "the storage is empty", func() bool { return len(store.items()) == 0 })
			second.shutdown()
			var sizes []int64
			for _, e := range second.logs.FilterMessageSnippet("could not be read").All() {
				sizes = append(sizes, e.ContextMap()["bytes"].(int64))
			}
			slices.Sort(sizes)
			if len(sizes) != 2 || sizes[0] != 20 || sizes[1] != int64(len(flipped)) {
				t.Errorf("logged sizes %v, want 20 and %d", sizes, len(flipped))
			}
			checkSilence(t, second, srv.URL)
		})
	}
}

// TestBackendChangedUnderQueue: events in another backend's format are never sent.
func TestBackendChangedUnderQueue(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(http.NotFoundHandler())
	defer down.Close()
	store := newStore()
	first := durableRig(t, down.URL, store, slowRetry)
	if err := first.exp.ConsumeTraces(context.Background(), traces(0, 10)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "delivery was tried", func() bool { return first.counts().Requests["outage"] == 1 })
	first.shutdown()

	fake := backendtest.NewReadMe(backendtest.Settings{})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	second := durableRig(t, srv.URL, store, func(cfg *Config) {
		def := createDefaultConfig().(*Config)
		cfg.Moesif = def.Moesif
		cfg.ReadMe = configoptional.Some(ReadMeConfig{APIKey: configopaque.String("key"), Development: "auto", Gates: Gates{Bodies: BodiesAll, Headers: true}})
	})
	waitFor(t, "the events are dropped", func() bool { return second.counts().Dropped["wrong_backend"] == 10 })
	if err := second.exp.ConsumeTraces(context.Background(), traces(0, 10)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "new events are delivered", func() bool { return fake.Stats().Accepted == 10 })
	second.shutdown()
	if s := fake.Stats(); s.Violations != 0 || s.Requests != 1 {
		t.Errorf("stats %+v %v", s, fake.Violations())
	}
}

// TestNothingBeforeStart: a receiver that serves traces and logs may listen before this
// exporter has started. What comes then is refused, and costs nothing that is stored.
func TestNothingBeforeStart(t *testing.T) {
	t.Parallel()
	fake := backendtest.New("moesif", backendtest.Settings{})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	disk := &memoryStorage{data: map[string][]byte{}}
	open := func(endpoint string) *rig {
		cfg := testConfig(endpoint)
		id := component.MustNewID("disk")
		cfg.QueueConfig.Get().StorageID = &id
		r := newRig(t, cfg)
		r.host.extensions = map[component.ID]component.Component{id: disk}
		return r
	}
	down := open("http://127.0.0.1:1").start()
	for i := range 4 {
		if err := down.exp.ConsumeTraces(context.Background(), traces(i, 1)); err != nil {
			t.Fatal(err)
		}
	}
	down.shutdown()

	r := open(srv.URL)
	for range 3 {
		if err := r.exp.ConsumeTraces(context.Background(), traces(9, 1)); !errors.Is(err, errNotStarted) || consumererror.IsPermanent(err) {
			t.Errorf("before start: %v", err)
		}
	}
	r.start()
	waitFor(t, "what is stored is delivered", func() bool { return r.counts().Sent == 4 })
	if err := r.exp.ConsumeTraces(context.Background(), traces(9, 1)); err != nil {
		t.Errorf("after start: %v", err)
	}
	waitFor(t, "the new one is delivered, too", func() bool { return r.counts().Sent == 5 })
	r.shutdown()
	if s := fake.Stats(); s.Accepted != 5 || r.counts().Unreadable != 0 {
		t.Errorf("%d events arrived, counts %+v", s.Accepted, r.counts())
	}

	logs := newLogsRig(t, testConfig(srv.URL))
	if err := logs.exp.ConsumeLogs(context.Background(), entityLogs(userUpdate("u", 1))); !errors.Is(err, errNotStarted) {
		t.Errorf("logs before start: %v", err)
	}
	logs.start()
	logs.send(userUpdate("u", 1))
}
