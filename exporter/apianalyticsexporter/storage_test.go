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
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/readme/readmetest"
	"github.com/apispan/apispan/internal/queueguard/storagetest"
)

// stored returns the keys of stored requests.
func stored(store *storagetest.Storage) []string {
	var keys []string
	for _, k := range slices.Sorted(maps.Keys(store.Data())) {
		if _, err := strconv.Atoi(k); err == nil {
			keys = append(keys, k)
		}
	}
	return keys
}

// durableRig is an exporter with its queue in the storage.
func durableRig(t *testing.T, endpoint string, store *storagetest.Storage, change func(*Config)) *rig {
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
			fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
			fake.Script(backendtest.Fault{Status: 503, Count: -1})
			srv := httptest.NewServer(fake)
			defer srv.Close()
			store := storagetest.New(nil)

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
			if len(stored(store)) == 0 {
				t.Fatal("nothing is stored")
			}

			fake.Heal()
			second := durableRig(t, srv.URL, store, change)
			waitFor(t, "everything is delivered", func() bool { return fake.Stats().Accepted == 200 })
			waitFor(t, "the storage is empty", func() bool { return len(stored(store)) == 0 })
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
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	fake.Script(backendtest.Fault{Take: true, Reset: true, Count: -1})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	store := storagetest.New(nil)
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
			fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
			fake.Script(backendtest.Fault{Status: 503, Count: -1})
			srv := httptest.NewServer(fake)
			defer srv.Close()
			store := storagetest.New(nil)
			first := durableRig(t, srv.URL, store, func(cfg *Config) { slowRetry(cfg); oneConsumer(cfg) })
			for i := range 5 {
				if err := first.exp.ConsumeTraces(context.Background(), traces(10*i, 10)); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "one request is being sent", func() bool { return first.counts().Requests["retry"] == 1 })
			first.shutdown()

			keys := stored(store)
			if len(keys) != 5 {
				t.Fatalf("stored %v", keys)
			}
			flipped := slices.Clone(store.Data()[keys[0]]) // was being sent, so the queue stores it once more
			flipped[len(flipped)/2] ^= 1
			store.Set(keys[0], flipped)
			store.Set(keys[3], []byte("from a newer version"))

			fake.Heal()
			second := durableRig(t, srv.URL, store, change)
			waitFor(t, "the readable ones are delivered", func() bool { return second.counts().Sent == 30 })
			waitFor(t, "the others are counted", func() bool { return second.counts().Unreadable == 2 })
			waitFor(t, "the storage is empty", func() bool { return len(stored(store)) == 0 })
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
	store := storagetest.New(nil)
	first := durableRig(t, down.URL, store, slowRetry)
	if err := first.exp.ConsumeTraces(context.Background(), traces(0, 10)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "delivery was tried", func() bool { return first.counts().Requests["outage"] == 1 })
	first.shutdown()

	fake := readmetest.Vendor.New(backendtest.Settings{})
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

// TestFormChangedUnderQueue: events in a form that the configuration no longer has are
// not sent in the frame of the one that it has.
func TestFormChangedUnderQueue(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(http.NotFoundHandler())
	defer down.Close()
	format := func(f string) func(*Config) {
		return func(cfg *Config) {
			slowRetry(cfg)
			cfg.Moesif = createDefaultConfig().(*Config).Moesif
			cfg.Webhook = configoptional.Some(WebhookConfig{Format: f, Gates: Gates{Bodies: BodiesAll, Headers: true}})
		}
	}
	for from, to := range map[string]string{"ndjson": "har", "har": "ndjson"} {
		store := storagetest.New(nil)
		first := durableRig(t, down.URL, store, format(from))
		if err := first.exp.ConsumeTraces(context.Background(), traces(0, 10)); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "delivery was tried", func() bool { return first.counts().Requests["outage"] == 1 })
		first.shutdown()
		second := durableRig(t, down.URL, store, format(to))
		waitFor(t, "the events are dropped", func() bool { return second.counts().Dropped["wrong_backend"] == 10 })
		second.shutdown()
	}
}

// TestNothingBeforeStart: a receiver that serves traces and logs may listen before this
// exporter has started. What comes then is refused, and costs nothing that is stored.
func TestNothingBeforeStart(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	disk := storagetest.New(nil)
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
