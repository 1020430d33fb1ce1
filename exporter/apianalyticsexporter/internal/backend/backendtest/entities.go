// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/entity"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// EntityKinds are all kinds of entities.
var EntityKinds = []entity.Kind{entity.User, entity.Company, entity.Subscription, entity.Action}

// FullEntity returns an entity with every field set.
func FullEntity(k entity.Kind) *entity.Entity {
	at := time.Date(2026, 1, 31, 10, 11, 12, 345_678_000, time.UTC)
	return &entity.Entity{
		Kind: k, ID: "5f0c2c2e-8b1a-4d3e-9a77-0123456789ab", Time: at,
		UserID: "user-1", CompanyID: "company-1", SubscriptionID: "subscription-1", SessionID: "session-1",
		UserEmail: "ada@example.com", UserName: "Ada Lovelace", ClientAddress: "203.0.113.7", UserAgent: "curl/8.5.0",
		CompanyDomain: "example.com",
		Campaign: entity.Campaign{
			UTMSource: "newsletter", UTMMedium: "email", UTMCampaign: "spring", UTMTerm: "api", UTMContent: "top",
			Referrer: "https://blog.example.com/post?page=2", ReferringDomain: "blog.example.com", GCLID: "gclid-1",
		},
		Status: "active", PeriodStart: at.AddDate(0, 0, -30), PeriodEnd: at,
		Items: []entity.Item{
			{PlanID: "plan-1"},
			{
				ID: "item-2", PlanID: "plan-2", PriceID: "price-2", UnitOfMeasure: "calls", CreatedAt: at,
				Metadata: []exchange.KeyValue{{Key: "tier", Value: "gold"}},
			},
		},
		ActionName: "Signed Up", URL: "https://shop.example.com/signup?plan=pro",
		Metadata: []exchange.KeyValue{
			{Key: "big", Value: int64(1<<62 + 1)}, {Key: "flags", Value: []any{true, "x"}},
			{Key: "nested", Value: map[string]any{"b": 0.5, "a": "é\u2028\"\\"}}, {Key: "plan", Value: "pro"},
		},
		ServiceName: "shop", Environment: "production", RedactionPolicy: "0123456789abcdef",
	}
}

// entityCases returns entities of a kind by name: complete, minimal, masked, hostile.
func entityCases(k entity.Kind) map[string]*entity.Entity {
	cases := map[string]*entity.Entity{"full": FullEntity(k), "empty": {Kind: k}}
	cases["minimal"] = &entity.Entity{
		Kind: k, UserID: "u", CompanyID: "c", SubscriptionID: "s", Status: "active",
		ActionName: "a", URL: "https://example.com/", ID: "5f0c2c2e-8b1a-4d3e-9a77-0123456789ab",
	}
	edit := func(name string, change func(*entity.Entity)) {
		e := FullEntity(k)
		change(e)
		cases[name] = e
	}
	texts := func(e *entity.Entity, f func(string) string) {
		v := reflect.ValueOf(e).Elem()
		for i := range v.NumField() {
			if fv := v.Field(i); fv.Type() == reflect.TypeFor[string]() {
				fv.SetString(f(fv.String()))
			}
		}
		c := reflect.ValueOf(&e.Campaign).Elem()
		for i := range c.NumField() {
			c.Field(i).SetString(f(c.Field(i).String()))
		}
		for i := range e.Items {
			it := &e.Items[i]
			it.ID, it.PlanID, it.PriceID, it.UnitOfMeasure = f(it.ID), f(it.PlanID), f(it.PriceID), f(it.UnitOfMeasure)
		}
	}
	const id = "5f0c2c2e-8b1a-4d3e-9a77-0123456789ab"
	edit("masked", func(e *entity.Entity) { texts(e, func(string) string { return "[REDACTED]" }) })
	edit("masked but ids", func(e *entity.Entity) {
		texts(e, func(string) string { return "[REDACTED]" })
		e.ID, e.UserID, e.CompanyID, e.SubscriptionID = id, "u", "hmac:k1:AAAAAAAAAAAAAAAAAAAAAA", "s"
		e.Status, e.ActionName, e.URL = "active", "a", "https://example.com/?password=[REDACTED]"
	})
	edit("odd texts", func(e *entity.Entity) {
		status, url := e.Status, e.URL
		texts(e, func(s string) string { return s + "\x00\"\\\u2028\t😀</script>" })
		e.ID, e.Status, e.URL = id, status, url
	})
	edit("unknown status", func(e *entity.Entity) { e.Status = "past_due" })
	edit("items without plans", func(e *entity.Entity) { e.Items = []entity.Item{{ID: "i"}, {}} })
	edit("far times", func(e *entity.Entity) {
		e.Time, e.PeriodStart = time.Unix(math.MaxInt64/2, 0), time.Unix(-1<<60, 0)
	})
	edit("metadata of names of ours", func(e *entity.Entity) {
		e.Metadata = []exchange.KeyValue{{Key: "", Value: "x"}, {Key: "email", Value: "app@example.com"}, {Key: "name", Value: "app"}}
	})
	edit("metadata that JSON cannot hold", func(e *entity.Entity) {
		e.Metadata = []exchange.KeyValue{{Key: "nan", Value: math.NaN()}, {Key: "chan", Value: make(chan int)}}
	})
	edit("address with port", func(e *entity.Entity) { e.ClientAddress = "[2001:db8::1%eth0]:8080" })
	edit("no address", func(e *entity.Entity) { e.ClientAddress = "unix:/run/x" })
	return cases
}

// RunEntities is the conformance suite for the entity streams of a backend.
func RunEntities(t *testing.T, vendor Vendor, newEncoder func(testing.TB) backend.Encoder) {
	t.Helper()
	entities, ok := newEncoder(t).(backend.EntityBackend)
	if !ok {
		t.Fatal("the encoder is no backend.EntityBackend")
	}
	encoders := entities.Entities()
	if len(encoders) == 0 {
		t.Fatal("no kinds")
	}
	for _, k := range EntityKinds {
		if enc, ok := encoders[k]; ok {
			t.Run(string(k), func(t *testing.T) {
				t.Parallel()
				entitySuite(t, vendor, k, enc, newEncoder(t))
			})
		}
	}
}

func entitySuite(t *testing.T, vendor Vendor, k entity.Kind, enc backend.EntityEncoder, events backend.Encoder) {
	spec := enc.Spec()
	to := spec.Path + query(enc, nil)
	if spec.Name != events.Spec().Name || to == events.Spec().Path+query(events, nil) || spec.ContentType == "" {
		t.Errorf("Spec %+v does not fit that of the events", spec)
	}
	if spec.MaxItems < 1 || spec.MaxItemBytes < 1024 || spec.MaxRequestBytes < spec.MaxItemBytes+len(spec.Prefix)+len(spec.Suffix) {
		t.Errorf("limits do not fit each other: %+v", spec)
	}
	served, stream := vendor.at(to)
	if stream != string(k) {
		t.Fatalf("the fake serves %q at %s", stream, to)
	}
	known := []backend.Drop{backend.DropNoID, backend.DropIncomplete}
	cases := entityCases(k)
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		x := cases[name]
		before := fmt.Sprintf("%#v", x)
		out, drop := enc.AppendEntity([]byte("before"), x)
		out, ok := bytes.CutPrefix(out, []byte("before"))
		again, _ := enc.AppendEntity(make([]byte, 0, 1<<16), x)
		switch {
		case !ok:
			t.Fatalf("%s: what was in dst is gone", name)
		case drop != backend.Keep:
			if len(out) > 0 || !slices.Contains(known, drop) {
				t.Errorf("%s: dropped as %q with %d bytes appended", name, drop, len(out))
			}
			continue
		case !bytes.Equal(out, again):
			t.Errorf("%s: not the same twice", name)
		case fmt.Sprintf("%#v", x) != before:
			t.Errorf("%s: the entity was changed", name)
		}
		for _, p := range served.Check(out) {
			t.Errorf("%s: %s in %s", name, p, out)
		}
		if bytes.Contains(out, []byte("null")) || strings.Contains(name, "masked") && bytes.Contains(out, []byte(`:"[REDACTED]"`)) {
			t.Errorf("%s: a null or a mask would be written over what is known: %s", name, out)
		}
	}
	for name, kept := range map[string]bool{"full": true, "minimal": true, "masked but ids": true, "empty": false, "masked": false} {
		if _, drop := enc.AppendEntity(nil, cases[name]); (drop == backend.Keep) != kept {
			t.Errorf("%s: dropped as %q, want kept %v", name, drop, kept)
		}
	}
	for _, other := range EntityKinds {
		if other != k {
			if _, drop := enc.AppendEntity(nil, FullEntity(other)); drop != backend.DropNoEntity {
				t.Errorf("an entity of kind %s was taken as %s: %q", other, k, drop)
			}
		}
	}
	entityFraming(t, vendor, k, enc)
}

// entityFraming: items put together as Spec says are a request that the fake takes.
func entityFraming(t *testing.T, vendor Vendor, k entity.Kind, enc backend.EntityEncoder) {
	spec := enc.Spec()
	fake := vendor.New(Settings{})
	total := 0
	for _, n := range []int{1, 2, spec.MaxItems} {
		body := []byte(spec.Prefix)
		item, _ := enc.AppendEntity(nil, FullEntity(k))
		for i := range n {
			if i > 0 {
				body = append(body, spec.Separator...)
			}
			body = append(body, item...)
		}
		body = append(body, spec.Suffix...)
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, spec.Path+query(enc, slices.Repeat([][]byte{item}, n)), bytes.NewReader(body))
		enc.SetHeader(r.Header)
		r.Header.Set("Content-Type", spec.ContentType)
		fake.ServeHTTP(w, r)
		total += n
		if class := enc.Classify(w.Code); class != backend.Delivered || fake.Stats().Entities != total {
			t.Errorf("%d items: answered %d, %d taken: %q", n, w.Code, fake.Stats().Entities, fake.Violations())
		}
	}
	if s := fake.Stats(); s.Accepted != 0 || len(fake.Entities(string(k))) != total {
		t.Errorf("stats %+v, %d in the stream", s, len(fake.Entities(string(k))))
	}
}

// GoldenEntities compares what a backend makes of complete and minimal entities
// with testdata/entities/<kind>_<case>.json of its package, or rewrites those files.
func GoldenEntities(t *testing.T, update bool, enc backend.Encoder) {
	t.Helper()
	entities, ok := enc.(backend.EntityBackend)
	if !ok {
		t.Fatal("the encoder is no backend.EntityBackend")
	}
	for kind, enc := range entities.Entities() {
		for _, name := range []string{"full", "minimal", "masked but ids"} {
			out, drop := enc.AppendEntity(nil, entityCases(kind)[name])
			if drop != backend.Keep {
				t.Fatalf("%s %s: dropped as %s", kind, name, drop)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, out, "", "  "); err != nil {
				t.Fatalf("%s %s: %v", kind, name, err)
			}
			got.WriteByte('\n')
			file := filepath.Join("testdata", "entities", string(kind)+"_"+strings.ReplaceAll(name, " ", "_")+".json")
			if update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v; run the test with -update and review the file", err)
			}
			if line, g, w := firstDifference(got.Bytes(), want); line > 0 {
				t.Errorf("%s differs at line %d:\n got %s\nwant %s", file, line, g, w)
			}
		}
	}
}
