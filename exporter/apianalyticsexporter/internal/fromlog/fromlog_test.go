// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromlog

import (
	"math"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/entity"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

var at = time.Date(2026, 1, 31, 10, 11, 12, 345_000_000, time.UTC)

func record(event string, attributes map[string]any) plog.LogRecord {
	rec := plog.NewLogRecord()
	rec.SetEventName(event)
	rec.SetTimestamp(pcommon.NewTimestampFromTime(at))
	if err := rec.Attributes().FromRaw(attributes); err != nil {
		panic(err)
	}
	return rec
}

func resource() pcommon.Resource {
	r := pcommon.NewResource()
	r.Attributes().PutStr("service.name", "shop")
	r.Attributes().PutStr("deployment.environment.name", "production")
	return r
}

func TestRead(t *testing.T) {
	t.Parallel()
	const id = "5f0c2c2e-8b1a-4d3e-9a77-0123456789ab"
	rec := record("apispan.subscription.update", map[string]any{
		"user.id": "u", "apispan.company.id": "c", "apispan.subscription.id": "s", "session.id": "x",
		"user.email": "e", "user.full_name": "n", "client.address": "[2001:db8::1]:80", "user_agent.original": "curl",
		"apispan.company.domain": "d", "apispan.subscription.status": "active",
		"apispan.subscription.current_period_start": "2026-01-31T11:11:12.345+01:00",
		"apispan.subscription.current_period_end":   "[REDACTED]",
		"apispan.subscription.items": []any{
			map[string]any{
				"plan_id": "p", "subscription_item_id": "i", "price_id": "pr", "unit_of_measure": "m",
				"created_at": "2026-01-31T10:11:12.345Z", "metadata": map[string]any{"b": 1, "a": true}, "other": "x",
			},
			"no map",
		},
		"apispan.campaign.utm_source": "1", "apispan.campaign.utm_medium": "2", "apispan.campaign.utm_campaign": "3",
		"apispan.campaign.utm_term": "4", "apispan.campaign.utm_content": "5", "apispan.campaign.referrer": "6",
		"apispan.campaign.referring_domain": "7", "apispan.campaign.gclid": "8",
		"apispan.action.name": "a", "url.full": "HTTPS://u:p@Example.com:443/a b?q={1}#frag", "apispan.event.id": id,
		"apispan.metadata.z": []any{"x", 1}, "apispan.metadata.y": map[string]any{"k": 1.5}, "apispan.metadata.": "no key",
		"apispan.redaction.policy": "hash", "something.else": "x",
	})
	got, ok := Read(resource(), rec)
	want := &entity.Entity{
		Kind: entity.Subscription, ID: id, Time: at, UserID: "u", CompanyID: "c", SubscriptionID: "s", SessionID: "x",
		UserEmail: "e", UserName: "n", ClientAddress: "2001:db8::1", UserAgent: "curl", CompanyDomain: "d",
		Campaign: entity.Campaign{
			UTMSource: "1", UTMMedium: "2", UTMCampaign: "3", UTMTerm: "4", UTMContent: "5",
			Referrer: "6", ReferringDomain: "7", GCLID: "8",
		},
		Status: "active", PeriodStart: at,
		Items: []entity.Item{{
			ID: "i", PlanID: "p", PriceID: "pr", UnitOfMeasure: "m", CreatedAt: at,
			Metadata: []exchange.KeyValue{{Key: "a", Value: true}, {Key: "b", Value: int64(1)}},
		}},
		ActionName: "a", URL: "https://example.com/a%20b?q=%7B1%7D",
		Metadata: []exchange.KeyValue{
			{Key: "y", Value: map[string]any{"k": 1.5}}, {Key: "z", Value: []any{"x", int64(1)}},
		},
		ServiceName: "shop", Environment: "production", RedactionPolicy: "hash",
	}
	if d := cmp.Diff(want, got); d != "" || !ok {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]entity.Kind{
		"apispan.user.update": entity.User, "apispan.company.update": entity.Company,
		"apispan.subscription.update": entity.Subscription, "apispan.action": entity.Action,
		"": "", "apispan.user": "", "APISPAN.USER.UPDATE": "", "http.request": "",
	} {
		if got, ok := KindOf(record(name, nil)); got != want || ok != (want != "") {
			t.Errorf("%q: %q %v", name, got, ok)
		}
		// Older producers.
		if got, _ := KindOf(record("", map[string]any{"event.name": name})); got != want {
			t.Errorf("attribute %q: %q", name, got)
		}
	}
	// The field wins.
	if k, ok := KindOf(record("other", map[string]any{"event.name": "apispan.user.update"})); ok {
		t.Errorf("the attribute won over the field: %q", k)
	}
	if _, ok := Read(resource(), record("other", map[string]any{"user.id": "u"})); ok {
		t.Error("a record of another name was read")
	}
}

// TestFallbacks: older names count if the newer ones are missing, and the observed
// time if there is no other.
func TestFallbacks(t *testing.T) {
	t.Parallel()
	rec := record("apispan.user.update", map[string]any{
		"enduser.id": "u", "company.id": "c", "subscription.id": "s", "user.name": "n",
	})
	rec.SetTimestamp(0)
	rec.SetObservedTimestamp(pcommon.NewTimestampFromTime(at))
	e, _ := Read(resource(), rec)
	if e.UserID != "u" || e.CompanyID != "c" || e.SubscriptionID != "s" || e.UserName != "n" || !e.Time.Equal(at) {
		t.Errorf("%+v", e)
	}
	rec.SetObservedTimestamp(0)
	if e, _ := Read(resource(), rec); !e.Time.IsZero() {
		t.Errorf("time %v without any", e.Time)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	read := func(change func(plog.LogRecord)) string {
		rec := record("apispan.action", map[string]any{"apispan.action.name": "a", "user.id": "u"})
		change(rec)
		e, _ := Read(resource(), rec)
		if len(e.ID) != 36 {
			t.Errorf("id %q", e.ID)
		}
		return e.ID
	}
	first := read(func(plog.LogRecord) {})
	if again := read(func(plog.LogRecord) {}); again != first {
		t.Error("not the same id twice")
	}
	for name, change := range map[string]func(plog.LogRecord){
		"time": func(r plog.LogRecord) { r.SetTimestamp(1) },
		"user": func(r plog.LogRecord) { r.Attributes().PutStr("user.id", "v") },
		"span": func(r plog.LogRecord) { r.SetSpanID([8]byte{1}) },
		"given": func(r plog.LogRecord) {
			r.Attributes().PutStr("apispan.event.id", "5f0c2c2e-8b1a-4d3e-9a77-0123456789ab")
		},
	} {
		if read(change) == first {
			t.Errorf("another %s has the same id", name)
		}
	}
	if read(func(r plog.LogRecord) { r.Attributes().PutStr("apispan.event.id", "not a uuid") }) != first {
		t.Error("an id that is no UUID counts")
	}
}

// FuzzRead: whatever arrives, it is read without a panic into valid UTF-8.
func FuzzRead(f *testing.F) {
	ld := plog.NewLogs()
	rec := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record("apispan.user.update", map[string]any{
		"user.id": "u\xff", "apispan.metadata.a\xff": math.Inf(1), "apispan.subscription.items": []any{map[string]any{"plan_id": 1}},
		"apispan.subscription.current_period_start": []any{1}, "url.full": "http://\xff", "client.address": true,
	}).CopyTo(rec)
	seed, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, wire []byte) {
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wire)
		if err != nil {
			return
		}
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, rec := range sl.LogRecords().All() {
					e, ok := Read(rl.Resource(), rec)
					if !ok {
						continue
					}
					for _, s := range []string{e.ID, e.UserID, e.CompanyID, e.UserEmail, e.URL, e.Campaign.Referrer, e.ServiceName} {
						if !utf8.ValidString(s) {
							t.Errorf("not UTF-8: %q", s)
						}
					}
					for i, kv := range e.Metadata {
						if !utf8.ValidString(kv.Key) || i > 0 && kv.Key <= e.Metadata[i-1].Key {
							t.Errorf("metadata key %q is out of order or not UTF-8", kv.Key)
						}
						if f, ok := kv.Value.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
							t.Errorf("metadata %q is %v", kv.Key, f)
						}
					}
				}
			}
		}
	})
}
