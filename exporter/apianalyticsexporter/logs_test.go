// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/entity"
	"github.com/apispan/apispan/internal/queueguard/storagetest"
)

// update is one log record for entityLogs: event name and attributes.
type update struct {
	event string
	attrs map[string]any
}

func userUpdate(id string, n int) update {
	return update{"apispan.user.update", map[string]any{"user.id": id, "apispan.metadata.n": n, "user.email": "ada-" + marker + "@example.com"}}
}

func companyUpdate(id string) update {
	return update{"apispan.company.update", map[string]any{"apispan.company.id": id}}
}

func subscriptionUpdate(id string) update {
	return update{"apispan.subscription.update", map[string]any{
		"apispan.subscription.id": id, "apispan.company.id": "c", "apispan.subscription.status": "active",
	}}
}

func action(name string) update {
	return update{"apispan.action", map[string]any{"apispan.action.name": name, "url.full": "https://example.com/x", "user.id": "u"}}
}

// entityLogs returns redacted log records.
func entityLogs(updates ...update) plog.Logs {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, u := range updates {
		rec := records.AppendEmpty()
		rec.SetTimestamp(pcommon.NewTimestampFromTime(spanStart))
		rec.SetEventName(u.event)
		if err := rec.Attributes().FromRaw(u.attrs); err != nil {
			panic(err)
		}
		rec.Attributes().PutStr("apispan.redaction.policy", "policy-1")
	}
	return ld
}

// logsRig is a logs exporter under test; its counts are those of rig.
type logsRig struct {
	*rig

	exp *logsExporter
}

func newLogsRig(t testing.TB, cfg *Config) *logsRig {
	t.Helper()
	r := newRig(t, cfg) // for its telemetry; the traces exporter is not started
	exp, err := newLogsExporter(context.Background(), r.set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &logsRig{rig: r, exp: exp}
}

func (r *logsRig) start() *logsRig {
	r.t.Helper()
	if err := r.exp.Start(context.Background(), r.host); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(r.shutdown)
	return r
}

func (r *logsRig) shutdown() {
	r.t.Helper()
	if r.exp.stopping.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.exp.Shutdown(ctx); err != nil {
		r.t.Errorf("Shutdown: %v", err)
	}
}

func (r *logsRig) send(updates ...update) {
	r.t.Helper()
	if err := r.exp.ConsumeLogs(context.Background(), entityLogs(updates...)); err != nil {
		r.t.Fatal(err)
	}
}

func idsOf(events []backendtest.Event) (ids []string) {
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

// TestEntityDelivery: each kind arrives at its path, gzipped and in order, and the
// books balance.
func TestEntityDelivery(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not compressed", r.URL.Path)
		}
		fake.ServeHTTP(w, r)
	}))
	defer srv.Close()
	r := newLogsRig(t, testConfig(srv.URL)).start()
	r.send(userUpdate("u1", 1), companyUpdate("c1"), userUpdate("u2", 1), subscriptionUpdate("s1"), action("a1"), userUpdate("u1", 2))
	r.send(companyUpdate("c2"))
	waitFor(t, "all is delivered", func() bool { return fake.Stats().Entities == 7 })
	r.shutdown()
	for stream, want := range map[string][]string{
		"users": {"u1", "u2", "u1"}, "companies": {"c1", "c2"}, "subscriptions": {"s1"},
	} {
		if d := cmp.Diff(want, idsOf(fake.Entities(stream))); d != "" {
			t.Errorf("%s (-want +got)\n%s", stream, d)
		}
	}
	if len(fake.Entities("actions")) != 1 || len(fake.Violations()) != 0 {
		t.Errorf("%d actions; violations %v", len(fake.Entities("actions")), fake.Violations())
	}
	c := r.checkBooks()
	if c.Translated != 7 || c.Sent != 7 || c.Requests["delivered"] != 5 {
		t.Errorf("counts %+v", c)
	}
}

// TestEntityDrops: what is no update is skipped, what cannot be one is dropped, each
// with its reason.
func TestEntityDrops(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	r := newLogsRig(t, testConfig(srv.URL)).start()
	big := userUpdate("big", 1)
	big.attrs["apispan.metadata.big"] = strings.Repeat("x", 1<<20)
	older := update{"", map[string]any{"event.name": "apispan.user.update", "user.id": "older"}}
	ld := entityLogs(
		userUpdate("u", 1), older, big,
		update{"", nil}, update{"com.example.event", map[string]any{"user.id": "u"}},
		update{"apispan.user.update", nil},
		update{"apispan.user.update", map[string]any{"user.id": "[REDACTED]"}},
		update{"apispan.subscription.update", map[string]any{"apispan.subscription.id": "s"}},
		update{"apispan.action", map[string]any{"apispan.action.name": "a"}},
	)
	bare := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty()
	bare.SetEventName("apispan.user.update")
	bare.Attributes().PutStr("user.id", "not-redacted-"+marker)
	if err := r.exp.ConsumeLogs(context.Background(), ld); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "two are delivered", func() bool { return fake.Stats().Entities == 2 })
	r.shutdown()
	c := r.checkBooks()
	if d := cmp.Diff(map[string]int64{"too_large": 1, "no_id": 2, "incomplete": 2, "unredacted": 1}, c.Dropped); d != "" {
		t.Errorf("dropped (-want +got)\n%s", d)
	}
	if c.Translated != 8 || c.Sent != 2 || c.RecordsSkipped["event_name"] != 2 {
		t.Errorf("counts %+v", c)
	}
	if n := r.logs.FilterMessageSnippet("put the processor into this logs pipeline").Len(); n != 1 {
		t.Errorf("%d warnings about redaction", n)
	}
	for _, e := range r.logs.All() {
		if strings.Contains(fmt.Sprint(e.Message, e.ContextMap()), marker) {
			t.Errorf("a log line holds captured data: %s", e.Message)
		}
	}
}

// panickingEncoder fails on one user.
type panickingEncoder struct{ backend.EntityEncoder }

func (e panickingEncoder) AppendEntity(dst []byte, x *entity.Entity) ([]byte, backend.Drop) {
	if x.UserID == "bad" {
		panic(marker)
	}
	return e.EntityEncoder.AppendEntity(dst, x)
}

// TestEntityPanic: one record does not take its neighbours along.
func TestEntityPanic(t *testing.T) {
	t.Parallel()
	r := newLogsRig(t, testConfig("http://127.0.0.1:1"))
	tr := r.exp.translator
	tr.encoders[entity.User] = panickingEncoder{tr.encoders[entity.User]}
	req := tr.translate(context.Background(), entityLogs(userUpdate("a", 1), userUpdate("bad", 1), userUpdate("b", 1)))
	if len(req.items) != 2 || len(req.streams) != 2 || req.size != len(req.items[0])+len(req.items[1]) {
		t.Errorf("%d items, %d streams, size %d", len(req.items), len(req.streams), req.size)
	}
	if c := r.counts(); c.Translated != 3 || c.Dropped["internal"] != 1 {
		t.Errorf("counts %+v", c)
	}
}

// TestBackendWithoutEntities: a logs pipeline with such a backend does not start, and
// the error says what to do.
func TestBackendWithoutEntities(t *testing.T) {
	t.Parallel()
	cfg := testConfig("https://example.com")
	cfg.Moesif = createDefaultConfig().(*Config).Moesif
	cfg.ReadMe = configoptional.Some(ReadMeConfig{APIKey: configopaque.String("key"), Development: "auto", Gates: all()})
	set := newRig(t, cfg).set
	_, err := NewFactory().CreateLogs(context.Background(), set, cfg)
	if err == nil || !strings.Contains(err.Error(), "the backend readme has no users") || !strings.Contains(err.Error(), "out of the logs pipelines") {
		t.Errorf("error %v", err)
	}
	if _, err := NewFactory().CreateTraces(context.Background(), set, cfg); err != nil {
		t.Errorf("traces: %v", err)
	}
}

// TestEntityOrder: with faults on the way, updates of one user arrive in their order,
// whatever num_consumers says.
func TestEntityOrder(t *testing.T) {
	t.Parallel()
	for _, batch := range []bool{false, true} {
		t.Run(fmt.Sprintf("batch=%v", batch), func(t *testing.T) {
			t.Parallel()
			fake := moesiftest.Vendor.New(backendtest.Settings{})
			srv := httptest.NewServer(fake)
			defer srv.Close()
			cfg := testConfig(srv.URL)
			if batch {
				q := *cfg.QueueConfig.Get()
				q.Batch = configoptional.Some(exporterhelper.BatchConfig{FlushTimeout: 5 * time.Millisecond, Sizer: itemsSizer, MinSize: 7, MaxSize: 9})
				cfg.QueueConfig = configoptional.Some(q)
			}
			for i := range 6 {
				fake.Script(backendtest.Fault{Status: 200 + i%2*303, Take: i%2 == 0, Delay: time.Duration(i) * time.Millisecond})
			}
			r := newLogsRig(t, cfg).start()
			const n = 60
			for i := range n {
				r.send(userUpdate("u1", i), companyUpdate(fmt.Sprint("c", i)))
			}
			waitFor(t, "all is delivered", func() bool { return fake.Stats().Entities >= 2*n })
			r.shutdown()
			last := int64(-1)
			for _, e := range fake.Entities("users") {
				var user struct{ Metadata struct{ N int64 } }
				if err := json.Unmarshal(e.JSON, &user); err != nil {
					t.Fatal(err)
				}
				if user.Metadata.N < last {
					t.Fatalf("update %d arrived after %d", user.Metadata.N, last)
				}
				last = user.Metadata.N
			}
			if c := r.checkBooks(); c.Sent != 2*n || last != n-1 {
				t.Errorf("counts %+v, last %d", c, last)
			}
		})
	}
}

// TestEntityRefusedAlone: the one that the backend refuses is dropped, its
// neighbours arrive.
func TestEntityRefusedAlone(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fake.ServeHTTP(w, r) }))
	defer srv.Close()
	cfg := testConfig(srv.URL)
	withoutQueue(cfg)
	r := newLogsRig(t, cfg).start()
	// Longer than the fake takes an event to be, yet below our own limit.
	r.exp.translator.limits["users"] = 2_000_000
	poison := userUpdate("poison", 1)
	poison.attrs["apispan.metadata.big"] = strings.Repeat("x", 1_100_000)
	r.send(userUpdate("a", 1), poison, userUpdate("b", 1), companyUpdate("c"))
	if d := cmp.Diff([]string{"a", "b"}, idsOf(fake.Entities("users"))); d != "" || len(fake.Entities("companies")) != 1 {
		t.Errorf("(-want +got)\n%s", d)
	}
	if c := r.checkBooks(); c.Dropped["rejected"] != 1 || c.Sent != 3 {
		t.Errorf("counts %+v", c)
	}
}

// TestEntityPartlySent: what one stream got through is not sent again when the next
// one fails, and the caller gets the error.
func TestEntityPartlySent(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "companies") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fake.ServeHTTP(w, r)
	}))
	defer srv.Close()
	cfg := testConfig(srv.URL)
	withoutQueue(cfg)
	cfg.RetryConfig.MaxElapsedTime = 20 * time.Millisecond
	r := newLogsRig(t, cfg).start()
	err := r.exp.ConsumeLogs(context.Background(), entityLogs(userUpdate("a", 1), companyUpdate("c"), userUpdate("b", 1), subscriptionUpdate("s")))
	if err == nil || strings.Contains(err.Error(), marker) {
		t.Errorf("error %v", err)
	}
	if d := cmp.Diff([]string{"a", "b"}, idsOf(fake.Entities("users"))); d != "" || fake.Stats().Entities != 2 {
		t.Errorf("(-want +got)\n%s", d)
	}
	if c := r.checkBooks(); c.Sent != 2 || c.Dropped["refused"] != 2 {
		t.Errorf("counts %+v", c)
	}
}

// TestEntityRestart: what was acknowledged while the backend was down is delivered
// by the next exporter on the same storage, each to its stream.
func TestEntityRestart(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer down.Close()
	store := storagetest.New(nil)
	durable := func(endpoint string, change func(*Config)) *logsRig {
		id := component.MustNewID("memory_storage")
		cfg := testConfig(endpoint)
		cfg.QueueConfig.Get().StorageID = &id
		change(cfg)
		r := newLogsRig(t, cfg)
		r.host.extensions = map[component.ID]component.Component{id: store}
		return r.start()
	}
	first := durable(down.URL, slowRetry)
	first.send(userUpdate("u1", 1), companyUpdate("c1"), subscriptionUpdate("s1"))
	first.send(userUpdate("u2", 1), action("a1"))
	waitFor(t, "it was tried", func() bool { return first.counts().Requests["retry"] > 0 })
	first.shutdown()
	if n := len(stored(store)); n != 2 {
		t.Fatalf("%d requests are stored, want 2", n)
	}

	fake := moesiftest.Vendor.New(backendtest.Settings{})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	second := durable(srv.URL, func(*Config) {})
	waitFor(t, "all is delivered", func() bool { return fake.Stats().Entities == 5 })
	second.shutdown()
	if n := len(stored(store)); n != 0 {
		t.Errorf("%d requests are left in the storage", n)
	}
	if len(fake.Entities("users")) != 2 || len(fake.Entities("companies")) != 1 || len(fake.Entities("subscriptions")) != 1 || len(fake.Entities("actions")) != 1 {
		t.Errorf("%+v", fake.Entities(""))
	}
	if len(fake.Violations()) != 0 {
		t.Error(fake.Violations())
	}
}
