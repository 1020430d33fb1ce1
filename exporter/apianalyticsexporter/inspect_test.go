// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cerberus/cerberustest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/vendors"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
	"github.com/apispan/apispan/internal/inspect/inspecttest"
	"github.com/apispan/apispan/internal/queueguard/storagetest"
)

// inspector is an extension that records.
type inspector struct{ *inspecttest.Recorder }

func (inspector) Start(context.Context, component.Host) error { return nil }

var inspectorID = component.MustNewID("api_inspector")

// looked lets a recorder look at the exporter, before its start.
func (r *rig) looked(rec *inspecttest.Recorder) *rig {
	id := inspectorID
	r.exp.cfg.Inspector = &id
	if r.host.extensions == nil {
		r.host.extensions = map[component.ID]component.Component{}
	}
	r.host.extensions[id] = inspector{rec}
	return r
}

func keyOfSpan(s ptrace.Span) inspect.Key {
	return inspect.Key{Trace: s.TraceID(), Span: s.SpanID()}
}

func TestInspectorMissing(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"api_inspector/other": "`inspector` names api_inspector/other, which is not among `service::extensions`",
		"health_check":        "`inspector` names health_check, which is no inspector",
	} {
		cfg := testConfig("http://127.0.0.1:1")
		cid := component.MustNewIDWithName(strings.Split(id+"/", "/")[0], strings.Split(id+"/", "/")[1])
		cfg.Inspector = &cid
		r := newRig(t, cfg)
		r.host.extensions = map[component.ID]component.Component{component.MustNewID("health_check"): nil}
		if err := r.exp.Start(context.Background(), r.host); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", id, err)
		}
		_ = r.exp.Shutdown(context.Background())
	}
}

// TestInspected: what the inspector is told of three exchanges that are sent.
func TestInspected(t *testing.T) {
	t.Parallel()
	var content atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		content.Store(n)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"ok":"`+appID+`"}`+strings.Repeat("x", 5000))
	}))
	defer srv.Close()
	rec := &inspecttest.Recorder{Unwanted: func(k inspect.Key) bool { return k.Span[3] == 1 }}
	cfg := testConfig(srv.URL)
	withoutQueue(cfg)
	r := newRig(t, cfg).looked(rec).start()
	td := traces(0, 3)
	spanAt(td, 0).SetKind(ptrace.SpanKindServer)
	spanAt(td, 2).Attributes().PutStr(httpattr.GuardAction, "would_block")
	spanAt(td, 2).Attributes().PutStr(httpattr.GuardRule, "quota-7")
	more := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	more.SetKind(ptrace.SpanKindInternal)
	if err := consume(r, td); err != nil {
		t.Fatal(err)
	}
	r.shutdown()

	if a := rec.Calls("Attach"); len(a) != 1 || a[0].Source.Backend != "moesif" || "http://"+a[0].Source.Target != srv.URL || a[0].Source.DryRun {
		t.Errorf("Attach: %+v", a)
	}
	if saw := rec.Calls("Saw"); len(saw) != 1 || len(saw[0].All) != 3 || saw[0].All[1].Place.Route != "/orders" || !saw[0].All[1].Bodies || saw[0].All[2].Micros != 20_000 {
		t.Errorf("Saw: %+v", saw)
	}
	if a := rec.Calls("Arrived"); len(a) != 1 || a[0].Kinds["internal"] != 1 {
		t.Errorf("Arrived: %+v", a)
	}
	read := rec.Calls("Read")
	if len(read) != 2 || string(read[1].Exchange.Request.Body.Data) != `{"note":"`+marker+`"}` || read[1].Key != keyOfSpan(spanAt(td, 2)) {
		t.Errorf("Read: %+v", read)
	}
	encoded := rec.Calls("Encoded")
	if len(encoded) != 2 || encoded[0].Event.Media != "application/json" || !strings.Contains(string(encoded[0].Event.Data), `"verb":"POST"`) || encoded[0].Event.ID != read[0].Exchange.ID {
		t.Fatalf("Encoded: %+v", encoded)
	}
	sent := rec.Calls("Sent")
	if len(sent) != 1 {
		t.Fatalf("Sent: %+v", sent)
	}
	q := sent[0].Request
	if q.Events != 3 || len(q.Items) != 2 || q.Items[0] != encoded[0].Event.Item || q.Items[1] != encoded[1].Event.Item {
		t.Errorf("items %v of %v and %v, of %d events", q.Items, encoded[0].Event.Item, encoded[1].Event.Item, q.Events)
	}
	if q.Status != 201 || q.Outcome != "delivered" || q.Attempt != 1 || q.Method != http.MethodPost || !strings.HasSuffix(q.URL, "/v1/events/batch") || q.Coding != "gzip" || q.Prefix != "[" {
		t.Errorf("%+v", q)
	}
	if q.Encoded != int(content.Load()) || q.Encoded == 0 || q.Encoded >= q.Bytes {
		t.Errorf("%d bytes were sent for %d, and %d are told", content.Load(), q.Bytes, q.Encoded)
	}
	if x := read[1].Exchange; x.GuardAction != "would_block" || x.GuardRule != "quota-7" {
		t.Errorf("the guard did %q by %q", x.GuardAction, x.GuardRule)
	}
	if len(q.Answer) > inspect.MaxAnswer || !strings.HasPrefix(string(q.Answer), `{"ok":"[hidden]"}xxx`) {
		t.Errorf("answer %.50q", q.Answer)
	}
	d := rec.Calls("Delivery")
	if last := d[len(d)-1].Delivery; last.Sent != 3 || last.Waiting != 0 || last.OldestWaiting != 0 || last.Skipped["span_kind"] != 1 {
		t.Errorf("%+v", last)
	}
	if all := rec.Calls(""); all[len(all)-1].Method != "Detach" {
		t.Errorf("the last word is %s", all[len(all)-1].Method)
	}
}

// TestInspectedLeft: every exchange that becomes no event says why.
func TestInspectedLeft(t *testing.T) {
	t.Parallel()
	rec := &inspecttest.Recorder{}
	cfg := testConfig("http://127.0.0.1:1")
	cfg.DryRun = true
	cfg.Moesif.Get().Gates.Direction = DirectionIncoming
	withoutQueue(cfg)
	r := newRig(t, cfg).looked(rec).start()
	td := traces(0, 5)
	spanAt(td, 0).Attributes().PutBool("apispan.skip", true)
	spanAt(td, 1).Attributes().Remove("apispan.redaction.policy")
	spanAt(td, 2).SetKind(ptrace.SpanKindClient)
	r.exp.translator.sampler = &sampler{percent: 100, rates: func() backend.Rates { return onlyZero{spanAt(td, 3).SpanID()} }}
	if err := consume(r, td); err != nil {
		t.Fatal(err)
	}
	r.shutdown()
	got := map[byte]string{}
	for _, c := range rec.Calls("Left") {
		got[c.Key.Span[3]] = c.Reason
	}
	want := map[byte]string{0: "requested", 1: "unredacted", 2: "direction", 3: "sampled"}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	// Of what was not redacted nothing is shown but what no caller has written.
	bare := uint64(0)
	for _, c := range rec.Calls("") {
		if c.Key.Span[3] == 1 && c.Method != "Left" {
			t.Errorf("%s of a span that was not redacted", c.Method)
		}
		if c.Key.Span[3] == 1 {
			bare = c.Key.Hash()
		}
	}
	all := rec.Calls("Saw")[0].All
	if !slices.ContainsFunc(all, func(s inspect.Tally) bool { return s.ID == bare }) {
		t.Error("what was not redacted is not counted")
	}
	for _, s := range all {
		if s.ID == bare && (s.Caller != nil || s.Place.Operation != "" || s.Place.Route == "" || s.Place.Guessed) {
			t.Errorf("%+v %+v", s.Place, s.Caller)
		}
	}
	sent := rec.Calls("Sent")
	if len(sent) != 1 || sent[0].Request.Outcome != "dry_run" || !sent[0].Request.DryRun || len(sent[0].Request.Items) != 1 {
		t.Errorf("Sent: %+v", sent)
	}
	if !rec.Calls("Attach")[0].Source.DryRun {
		t.Error("Attach does not say that this is a dry run")
	}
}

type onlyZero struct{ span [8]byte }

func (o onlyZero) Rate(ex *exchange.Exchange) float64 {
	if ex.SpanID == o.span {
		return 0
	}
	return 100
}

// TestInspectedAfterTheQueue: events are found again behind a queue on disk, at each
// attempt, when they are halved, made smaller and given up.
func TestInspectedAfterTheQueue(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if requests.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer srv.Close()
	rec := &inspecttest.Recorder{}
	id := component.MustNewID("memory_storage")
	cfg := testConfig(srv.URL)
	cfg.QueueConfig.Get().StorageID = &id
	r := newRig(t, cfg).looked(rec)
	r.host.extensions[id] = storagetest.New(nil)
	r.start()
	if err := consume(r, traces(0, 2)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "it is sent", func() bool { return r.counts().Sent == 2 })
	waitFor(t, "it is told", func() bool { return len(rec.Calls("Sent")) == 3 })
	sent := rec.Calls("Sent")
	for i, want := range []string{"retry", "retry", "delivered"} {
		if q := sent[i].Request; q.Outcome != want || q.Attempt != i+1 || len(q.Items) != 2 || (q.Problem == "") != (i == 2) {
			t.Errorf("attempt %d: %+v", i+1, q)
		}
	}
	if !slices.Equal(sent[0].Request.Items, sent[2].Request.Items) || sent[0].Request.Items[0] != rec.Calls("Encoded")[0].Event.Item {
		t.Error("the items are others")
	}
	r.shutdown()
	d := rec.Calls("Delivery")
	if last := d[len(d)-1].Delivery; !last.QueueOnDisk || last.Retried != 4 || last.Waiting != 0 || last.LastProblem == "" || last.LastProblemAt.IsZero() {
		t.Errorf("%+v", last)
	}
	if !r.exp.tel.watch.items.none() {
		t.Error("delivered events are still remembered")
	}
}

// TestInspectedDegraded: the smaller event is shown, is the one that is sent, and one that
// is given up says why.
func TestInspectedDegraded(t *testing.T) {
	t.Parallel()
	_, srv := newCerberus(t)
	rec := &inspecttest.Recorder{}
	cfg := wsConfig(srv)
	withoutQueue(cfg)
	r := newRig(t, cfg).looked(rec).start()
	td := traces(0, 10)
	spanAt(td, 2).Attributes().PutStr("http.request.body.content", `{"q":"`+cerberustest.Attack+`"}`)
	spanAt(td, 6).Attributes().PutEmptySlice("http.request.header.referer").AppendEmpty().SetStr(cerberustest.Attack)
	if err := consume(r, td); err != nil {
		t.Fatal(err)
	}
	r.shutdown()
	less := map[inspect.Key]uint64{}
	for _, c := range rec.Calls("Encoded") {
		if c.Event.Cut {
			less[c.Key] = c.Event.Item
			if strings.Contains(string(c.Event.Data), cerberustest.Attack) && c.Key == keyOfSpan(spanAt(td, 2)) {
				t.Error("the event that was made smaller holds the body")
			}
		}
	}
	item, ok := less[keyOfSpan(spanAt(td, 2))]
	if !ok {
		t.Fatalf("no smaller event: %v", less)
	}
	if !slices.ContainsFunc(rec.Calls("Sent"), func(c inspecttest.Call) bool {
		return c.Request.Outcome == "delivered" && slices.Equal(c.Request.Items, []uint64{item})
	}) {
		t.Error("the smaller event was not shown as delivered")
	}
	if left := rec.Calls("Left"); len(left) != 1 || left[0].Key != keyOfSpan(spanAt(td, 6)) || left[0].Reason != "rejected_degraded" {
		t.Errorf("Left: %+v", left)
	}
}

// TestInspectorNeverHarms: one that panics in every method costs no event.
func TestInspectorNeverHarms(t *testing.T) {
	t.Parallel()
	fake := vendors.All["moesif"].New(backendtest.Settings{})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	rec := &inspecttest.Recorder{Block: func() { panic("of the inspector") }, Unwanted: func(k inspect.Key) bool {
		if k.Span[3] > 10 {
			panic("of the inspector")
		}
		return false
	}}
	cfg := testConfig(srv.URL)
	withoutQueue(cfg)
	r := newRig(t, cfg).looked(rec).start()
	td := traces(0, 20)
	spanAt(td, 0).SetKind(ptrace.SpanKindInternal)
	if err := consume(r, td); err != nil {
		t.Fatal(err)
	}
	r.shutdown()
	if c := r.checkBooks(); c.Sent != 19 || c.droppedAll() != 0 {
		t.Errorf("%+v", c)
	}
}

// TestInspectedSecrets: no credential of any backend is given, in no place and no
// spelling, although it was captured, is echoed, and stands in the URL; in a dry run
// neither.
func TestInspectedSecrets(t *testing.T) {
	t.Parallel()
	const tenant, inPath, inQuery = "opaque-header-77aa", "path-s3cret-91f2", "query-s3cret-5d0c"
	for name := range vendors.All {
		for _, dry := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", name, dry), func(t *testing.T) {
				t.Parallel()
				var secrets []string
				srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					fmt.Fprintf(w, "%v %v %v", r.URL, r.Header, secrets)
				}))
				defer srv.Close()
				endpoint := srv.URL + "/" + inPath
				if name == "webhook" || name == "cloudevents" {
					endpoint += "?token=" + inQuery
				}
				cfg := backendConfig(t, name, endpoint)
				secrets = append(secrets, setSecrets(reflect.ValueOf(&cfg.Backends).Elem(), name)...)
				if len(secrets) == 0 {
					t.Fatal("the backend has no credential: the test would prove nothing")
				}
				secrets = append(secrets, tenant, inPath)
				if name == "webhook" || name == "cloudevents" {
					secrets = append(secrets, inQuery)
				}
				cfg.ClientConfig.Headers = configopaque.MapList{{Name: "X-Tenant", Value: tenant}, {Name: "User-Agent", Value: "agent " + tenant}}
				cfg.DryRun = dry
				rec := &inspecttest.Recorder{}
				r := newRig(t, cfg).looked(rec).start()
				td := traces(0, 2)
				for _, s := range secrets {
					a := spanAt(td, 0).Attributes()
					a.PutStr("http.request.body.content", fmt.Sprintf(`{"key":%q}`, strings.Join(secrets, " ")))
					a.PutStr("http.response.body.content", strings.Join(secrets, "/"))
					a.PutEmptySlice("http.request.header.x-key").AppendEmpty().SetStr("Basic " + base64.StdEncoding.EncodeToString([]byte(s+":")))
					a.PutStr("url.query", "k="+strings.Join(secrets, ","))
					a.PutStr("url.path", "/a/"+s)
					a.PutStr("apispan.metadata.k", s)
					a.PutStr("apispan.consumer.id", s)
					spanAt(td, 1).Attributes().PutEmptyBytes("http.request.body.content").FromRaw([]byte("\xff" + s))
				}
				if err := consume(r, td); err != nil {
					t.Fatal(err)
				}
				r.shutdown()
				if len(rec.Calls("Sent")) == 0 || len(rec.Calls("Encoded")) == 0 {
					t.Fatalf("nothing was shown: %+v", r.counts())
				}
				for _, s := range secrets {
					for _, form := range []string{s, base64.StdEncoding.EncodeToString([]byte(s + ":"))} {
						if where := rec.Holds(form); where != nil {
							t.Errorf("%q was given by %v", form, where)
						}
					}
				}
				for _, c := range rec.Calls("Encoded") {
					if raw := string(c.Event.Data); strings.Contains(raw, base64.StdEncoding.EncodeToString([]byte("\xff" + secrets[0]))[4:20]) {
						t.Errorf("a secret is given in base64: %s", raw)
					}
				}
			})
		}
	}
}

// setSecrets fills every opaque field of the backend's block, and returns the values.
func setSecrets(backends reflect.Value, name string) (secrets []string) {
	for i := range backends.NumField() {
		if backends.Type().Field(i).Tag.Get("mapstructure") != name {
			continue
		}
		block := backends.Field(i).Addr().MethodByName("Get").Call(nil)[0].Elem()
		for j := range block.NumField() {
			f := block.Field(j)
			if f.Type() != reflect.TypeFor[configopaque.String]() {
				continue
			}
			s := fmt.Sprintf("s3cret<&%d>-of-%s-0123456789abcdef", j, name)
			f.SetString(s)
			secrets = append(secrets, s)
		}
	}
	return secrets
}

// TestTrackedBounds: what is remembered stays bounded, and the oldest is forgotten.
func TestTrackedBounds(t *testing.T) {
	t.Parallel()
	var tr tracked
	item := func(i int) []byte { return fmt.Appendf(nil, `{"event":%d,"x":"%s"}`, i, strings.Repeat("y", i%300)) }
	for i := range 3 * maxTracked {
		tr.add(inspect.Key{}, "", "", item(i))
		if i%3 == 0 {
			tr.take(item(i))
		}
	}
	if len(tr.items) > maxTracked || len(tr.order) > 2*maxTracked {
		t.Errorf("%d items, %d in order", len(tr.items), len(tr.order))
	}
	if _, ok := tr.take(item(1)); ok {
		t.Error("the oldest is still known")
	}
	if _, ok := tr.take(item(3*maxTracked - 1)); !ok {
		t.Error("the newest is not known")
	}
	for i := range 3 * maxTracked {
		tr.take(item(i))
	}
	for i, n := range tr.near {
		if n != 0 || tr.lens[i] != 0 {
			t.Fatalf("near[%d] = %d, lens[%d] = %d after all are gone", i, n, i, tr.lens[i])
		}
	}
}

// BenchmarkTracked is what an event costs that is not shown, among many that are.
func BenchmarkTracked(b *testing.B) {
	var tr tracked
	for i := range 500 {
		tr.add(inspect.Key{}, "", "", fmt.Appendf(nil, "%s %d", strings.Repeat("z", 2000+i), i))
	}
	items := make([][]byte, 256)
	for i := range items {
		items[i] = fmt.Appendf(nil, "%d %s %d", i, strings.Repeat("z", 2000+i), i)
	}
	for b.Loop() {
		tr.tried(items)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(items)), "ns/event")
}

// none wants nothing and keeps nothing: what is left is what the exporter does for it.
type none struct{ inspector }

func (none) Wants(*inspect.Key) bool        { return false }
func (none) Saw(string, []inspect.Tally)    {}
func (none) Arrived(string, map[string]int) {}

// BenchmarkInspected is what all exchanges cost whose details nobody wants; compare the
// figures of one run.
func BenchmarkInspected(b *testing.B) {
	for _, name := range []string{"without", "with"} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, benchConfig("moesif"))
			if name == "with" {
				r.looked(&inspecttest.Recorder{})
				r.host.extensions[inspectorID] = none{inspector{&inspecttest.Recorder{}}}
			}
			r.start()
			td := benchTraces(1024)
			n := 0
			for b.Loop() {
				n += len(r.exp.translator.translate(context.Background(), td).items)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
		})
	}
}

// BenchmarkRead is what an exchange costs when it is read whose details nobody wants.
func BenchmarkRead(b *testing.B) {
	w := &watch{component: "api_analytics", sink: none{inspector{&inspecttest.Recorder{}}}, names: inspect.NewNames(nil)}
	var all [256]exchange.Exchange
	start := time.Now()
	for i := range all {
		all[i] = exchange.Exchange{
			TraceID: [16]byte{byte(i), 1}, SpanID: [8]byte{1}, ServiceName: "checkout", Method: "POST", Route: fmt.Sprintf("/api/v1/orders/r%d/{id}", i%40),
			UserID: fmt.Sprint("user-", i%100), Start: start, End: start.Add(time.Second), RedactionPolicy: "p",
		}
	}
	l := look{sums: w.names.Begin()}
	for i := 0; b.Loop(); i++ {
		w.read(&l, &all[i%len(all)], true)
	}
}
