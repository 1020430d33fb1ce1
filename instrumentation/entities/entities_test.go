// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package entities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/embedded"
	"go.opentelemetry.io/otel/log/noop"
)

// secret stands in every value of the tests of errors.
const secret = "SECRET-d41d8cd9"

type recorder struct {
	embedded.LoggerProvider

	mu      sync.Mutex
	scope   string
	records []log.Record
	panics  bool
}

func (r *recorder) Logger(name string, _ ...log.LoggerOption) log.Logger {
	r.scope = name
	return recordingLogger{r: r}
}

type recordingLogger struct {
	noop.Logger

	r *recorder
}

func (l recordingLogger) Emit(_ context.Context, rec log.Record) { l.r.emit(rec) }

func (r *recorder) emit(rec log.Record) {
	if r.panics {
		panic(secret)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, rec.Clone())
}

var testTime = time.Date(2026, 1, 31, 10, 11, 12, 345_000_000, time.UTC)

func newTestClient() (*Client, *recorder) {
	r := &recorder{}
	c := New(nil, WithLoggerProvider(nil), WithLoggerProvider(r))
	c.now = func() time.Time { return testTime }
	return c, r
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	campaign := Campaign{
		UTMSource: "s", UTMMedium: "m", UTMCampaign: "c", UTMTerm: "t", UTMContent: "x",
		Referrer: "https://example.com/a", ReferringDomain: "example.com", GCLID: "g",
	}
	campaignWant := map[string]any{
		"apispan.campaign.utm_source": "s", "apispan.campaign.utm_medium": "m", "apispan.campaign.utm_campaign": "c",
		"apispan.campaign.utm_term": "t", "apispan.campaign.utm_content": "x",
		"apispan.campaign.referrer": "https://example.com/a", "apispan.campaign.referring_domain": "example.com",
		"apispan.campaign.gclid": "g",
	}
	with := func(more map[string]any) map[string]any {
		maps.Copy(more, campaignWant)
		return more
	}
	ctx := context.Background()
	modified := testTime.Add(-time.Hour)
	for _, tc := range []struct {
		name  string
		call  func(c *Client) error
		event string
		at    time.Time
		want  map[string]any
	}{
		{
			name: "user", event: "apispan.user.update", at: modified,
			call: func(c *Client) error {
				return c.UpdateUser(ctx, User{
					ID: "u1", CompanyID: "c1", SessionID: "s1", Email: "ada@example.com", FullName: "Ada L",
					ClientAddress: "::ffff:203.0.113.7", UserAgent: "curl/8", Campaign: campaign,
					Metadata: Metadata{"plan": "pro"}, ModifiedAt: modified,
				})
			},
			want: with(map[string]any{
				"user.id": "u1", "apispan.company.id": "c1", "session.id": "s1", "user.email": "ada@example.com",
				"user.full_name": "Ada L", "client.address": "203.0.113.7", "user_agent.original": "curl/8",
				"apispan.metadata.plan": "pro",
			}),
		},
		{
			name: "only an id", event: "apispan.user.update", at: testTime,
			call: func(c *Client) error { return c.UpdateUser(ctx, User{ID: "u1"}) },
			want: map[string]any{"user.id": "u1"},
		},
		{
			name: "company", event: "apispan.company.update", at: testTime,
			call: func(c *Client) error {
				return c.UpdateCompany(ctx, Company{
					ID: "c1", Domain: "example.com", SessionID: "s1", ClientAddress: "2001:db8::1", Campaign: campaign,
					Metadata: Metadata{"seats": 3},
				})
			},
			want: with(map[string]any{
				"apispan.company.id": "c1", "apispan.company.domain": "example.com", "session.id": "s1",
				"client.address": "2001:db8::1", "apispan.metadata.seats": int64(3),
			}),
		},
		{
			name: "subscription", event: "apispan.subscription.update", at: testTime,
			call: func(c *Client) error {
				return c.UpdateSubscription(ctx, Subscription{
					ID: "sub1", CompanyID: "c1", Status: StatusTrialing,
					PeriodStart: testTime, PeriodEnd: testTime.AddDate(0, 1, 0).In(time.FixedZone("", 3600)),
					Items: []SubscriptionItem{
						{PlanID: "p1"},
						{PlanID: "p2", ID: "i2", PriceID: "pr2", UnitOfMeasure: "calls", CreatedAt: testTime, Metadata: Metadata{"a": true}},
					},
					Metadata: Metadata{"x": 1.5},
				})
			},
			want: map[string]any{
				"apispan.subscription.id": "sub1", "apispan.company.id": "c1", "apispan.subscription.status": "trialing",
				"apispan.subscription.current_period_start": "2026-01-31T10:11:12.345Z",
				"apispan.subscription.current_period_end":   "2026-03-03T10:11:12.345Z",
				"apispan.subscription.items": []any{
					map[string]any{"plan_id": "p1"},
					map[string]any{
						"plan_id": "p2", "subscription_item_id": "i2", "price_id": "pr2", "unit_of_measure": "calls",
						"created_at": "2026-01-31T10:11:12.345Z", "metadata": map[string]any{"a": true},
					},
				},
				"apispan.metadata.x": 1.5,
			},
		},
		{
			name: "action", event: "apispan.action", at: modified,
			call: func(c *Client) error {
				return c.RecordAction(ctx, Action{
					Name: "Signed Up", URL: "https://example.com/signup?a=b", UserID: "u1", CompanyID: "c1", SubscriptionID: "sub1",
					SessionID: "s1", ClientAddress: "203.0.113.7", UserAgent: "curl/8",
					ID: "5f0c2c2e-8b1a-4d3e-9a77-0123456789ab", Metadata: Metadata{"k": "v"}, Time: modified,
				})
			},
			want: map[string]any{
				"apispan.action.name": "Signed Up", "url.full": "https://example.com/signup?a=b", "user.id": "u1",
				"apispan.company.id": "c1", "apispan.subscription.id": "sub1", "session.id": "s1",
				"client.address": "203.0.113.7", "user_agent.original": "curl/8",
				"apispan.event.id": "5f0c2c2e-8b1a-4d3e-9a77-0123456789ab", "apispan.metadata.k": "v",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, r := newTestClient()
			if err := tc.call(c); err != nil {
				t.Fatal(err)
			}
			if len(r.records) != 1 || r.scope != scopeName {
				t.Fatalf("%d records of scope %q", len(r.records), r.scope)
			}
			rec := r.records[0]
			if rec.EventName() != tc.event || !rec.Timestamp().Equal(tc.at) || !rec.ObservedTimestamp().Equal(testTime) || rec.Severity() != log.SeverityInfo {
				t.Errorf("%s at %v, observed %v, severity %v", rec.EventName(), rec.Timestamp(), rec.ObservedTimestamp(), rec.Severity())
			}
			if d := cmp.Diff(tc.want, attributesOf(t, rec)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestActionsGetIDs(t *testing.T) {
	t.Parallel()
	c, r := newTestClient()
	a := Action{Name: "n", URL: "https://example.com/"}
	if err := c.RecordActions(context.Background(), []Action{a, a}); err != nil {
		t.Fatal(err)
	}
	first, second := attributesOf(t, r.records[0])["apispan.event.id"].(string), attributesOf(t, r.records[1])["apispan.event.id"].(string)
	if !isUUID(first) || first == second || first[14] != '4' || !strings.ContainsAny(first[19:20], "89ab") {
		t.Errorf("ids %q and %q", first, second)
	}
}

type color int

func (color) String() string { return "green" }

type stamp struct{}

func (stamp) MarshalText() ([]byte, error) { return []byte("text"), nil }

type address struct {
	City string `json:"city"`
	Zip  int64  `json:"zip"`
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	var nilPointer *address
	text := "s"
	c, r := newTestClient()
	err := c.UpdateUser(context.Background(), User{ID: "u", Metadata: Metadata{
		"string": "é", "bool": true, "int": 7, "int8": int8(-8), "uint64": uint64(math.MaxUint64), "uint": uint(9),
		"float": 0.5, "float32": float32(0.25), "time": testTime, "stringer": color(1), "text": stamp{},
		"error": errors.New("e"), "strings": []string{"a", "b"}, "ints": []int{1, 2}, "mixed": []any{1, "x", nil},
		"nested": map[string]any{"b": map[string]any{"c": 1 << 60}, "none": nil}, "struct": address{"Paris", 9007199254740993},
		"pointer": &text, "nil": nil, "nil pointer": nilPointer, "bools": []bool{true}, "floats": []float64{1.5},
		"int64s": []int64{3}, "number": json.Number("12"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"string": "é", "bool": true, "int": int64(7), "int8": int64(-8), "uint64": "18446744073709551615", "uint": int64(9),
		"float": 0.5, "float32": 0.25, "time": "2026-01-31T10:11:12.345Z", "stringer": "green", "text": "text",
		"error": "e", "strings": []any{"a", "b"}, "ints": []any{int64(1), int64(2)}, "mixed": []any{int64(1), "x", nil},
		"nested": map[string]any{"b": map[string]any{"c": int64(1 << 60)}},
		"struct": map[string]any{"city": "Paris", "zip": int64(9007199254740993)}, "pointer": "s",
		"bools": []any{true}, "floats": []any{1.5}, "int64s": []any{int64(3)}, "number": int64(12),
	}
	got := map[string]any{}
	for k, v := range attributesOf(t, r.records[0]) {
		if name, ok := strings.CutPrefix(k, "apispan.metadata."); ok {
			got[name] = v
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

type panicker struct{}

func (panicker) String() string { panic(secret) }

type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return nil, errors.New(secret) }

// TestErrors: every error names the field and holds no value, and nothing is
// emitted.
func TestErrors(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	long, bad := strings.Repeat(secret, 1000), secret+"\xff"
	sub := func(change func(*Subscription)) func(*Client) error {
		s := Subscription{ID: "s", CompanyID: "c", Status: StatusActive}
		change(&s)
		return func(c *Client) error { return c.UpdateSubscription(ctx, s) }
	}
	user := func(u User) func(*Client) error {
		return func(c *Client) error { return c.UpdateUser(ctx, u) }
	}
	meta := func(v any) func(*Client) error { return user(User{ID: "u", Metadata: Metadata{"key": v}}) }
	act := func(a Action) func(*Client) error {
		return func(c *Client) error { return c.RecordAction(ctx, a) }
	}
	deep := any(secret)
	for range 20 {
		deep = []any{deep}
	}
	many := Metadata{}
	for i := range 65 {
		many[fmt.Sprint(i)] = secret
	}
	for _, tc := range []struct {
		want string
		call func(*Client) error
	}{
		{"User.ID is empty", user(User{Email: secret})},
		{"User.ID is longer", user(User{ID: long})},
		{"User.ID is not valid UTF-8", user(User{ID: bad})},
		{"User.CompanyID", user(User{ID: "u", CompanyID: bad})},
		{"User.SessionID", user(User{ID: "u", SessionID: long})},
		{"User.Email", user(User{ID: "u", Email: bad})},
		{"User.FullName", user(User{ID: "u", FullName: long})},
		{"User.ClientAddress is no IP", user(User{ID: "u", ClientAddress: secret})},
		{"User.ClientAddress is no IP", user(User{ID: "u", ClientAddress: "203.0.113.7:80"})},
		{"User.UserAgent", user(User{ID: "u", UserAgent: bad})},
		{"User.ModifiedAt", user(User{ID: "u", ModifiedAt: time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC)})},
		{"Campaign.UTMTerm", user(User{ID: "u", Campaign: Campaign{UTMTerm: long}})},
		{"Campaign.Referrer", user(User{ID: "u", Campaign: Campaign{Referrer: bad}})},
		{"User.Metadata has more than 64 keys", user(User{ID: "u", Metadata: many})},
		{"User.Metadata has a key that is empty", user(User{ID: "u", Metadata: Metadata{"": secret}})},
		{"User.Metadata has a key that is not valid", user(User{ID: "u", Metadata: Metadata{bad: secret}})},
		{"User.Metadata has a key that is longer", user(User{ID: "u", Metadata: Metadata{long: secret}})},
		{`User.Metadata["key"] is longer`, meta(long)},
		{`User.Metadata["key"] is not valid UTF-8`, meta([]string{bad})},
		{`User.Metadata["key"] is not a finite`, meta(math.Inf(1))},
		{`User.Metadata["key"] is nested`, meta(deep)},
		{`User.Metadata["key"] has more than`, meta(make([]bool, 5000))},
		{`User.Metadata["key"] panicked`, meta(panicker{})},
		{`User.Metadata["key"] cannot be converted`, meta(failing{})},
		{`User.Metadata["key"] cannot be converted`, meta(make(chan int))},
		{`User.Metadata["key"] has a key that`, meta(map[string]any{bad: 1})},
		{`User.Metadata["key"] is a time`, meta(time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC))},
		{"Company.ID is empty", func(c *Client) error { return c.UpdateCompany(ctx, Company{Domain: secret}) }},
		{"Company.Domain", func(c *Client) error { return c.UpdateCompany(ctx, Company{ID: "c", Domain: bad}) }},
		{"Subscription.ID is empty", sub(func(s *Subscription) { s.ID = "" })},
		{"Subscription.CompanyID is empty", sub(func(s *Subscription) { s.CompanyID = "" })},
		{"Subscription.Status is not one of", sub(func(s *Subscription) { s.Status = secret })},
		{"Subscription.Status is not one of", sub(func(s *Subscription) { s.Status = "" })},
		{"Subscription.PeriodEnd is before", sub(func(s *Subscription) { s.PeriodStart, s.PeriodEnd = testTime, testTime.Add(-1) })},
		{"Subscription.PeriodStart is outside", sub(func(s *Subscription) { s.PeriodStart = time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC) })},
		{"Subscription.Items has more than", sub(func(s *Subscription) { s.Items = make([]SubscriptionItem, 101) })},
		{"Subscription.Items[1].PlanID is empty", sub(func(s *Subscription) { s.Items = []SubscriptionItem{{PlanID: "p"}, {ID: secret}} })},
		{`Subscription.Items[0].Metadata["key"]`, sub(func(s *Subscription) { s.Items = []SubscriptionItem{{PlanID: "p", Metadata: Metadata{"key": bad}}} })},
		{"Action.Name is empty", act(Action{URL: "https://example.com"})},
		{"Action.URL is empty", act(Action{Name: "n"})},
		{"Action.URL is not an absolute", act(Action{Name: "n", URL: "/" + secret})},
		{"Action.ID is not a UUID", act(Action{Name: "n", URL: "https://example.com", ID: secret})},
	} {
		c, r := newTestClient()
		err := tc.call(c)
		switch {
		case err == nil || !errors.Is(err, ErrInvalid) || !strings.HasPrefix(err.Error(), "entities: invalid: "+tc.want):
			t.Errorf("%s: error %v", tc.want, err)
		case strings.Contains(err.Error(), "SECRET"):
			t.Errorf("%s: the error holds the value", tc.want)
		}
		if len(r.records) != 0 {
			t.Errorf("%s: emitted although invalid", tc.want)
		}
	}
}

// TestBatch: the valid ones are emitted, the others named by index.
func TestBatch(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c, r := newTestClient()
	err := errors.Join(
		c.UpdateUsers(ctx, []User{{ID: "a"}, {}, {ID: "b"}}),
		c.UpdateCompanies(ctx, []Company{{}, {ID: "c"}}),
		c.UpdateSubscriptions(ctx, []Subscription{{ID: "s", CompanyID: "c", Status: StatusActive}}),
	)
	want := "user 1: entities: invalid: User.ID is empty; it is required\n" +
		"company 0: entities: invalid: Company.ID is empty; it is required"
	if err == nil || err.Error() != want || !errors.Is(err, ErrInvalid) {
		t.Errorf("error %v", err)
	}
	var got []string
	for _, rec := range r.records {
		a := attributesOf(t, rec)
		got = append(got, fmt.Sprint(rec.EventName(), a["user.id"], a["apispan.company.id"]))
	}
	if d := cmp.Diff([]string{"apispan.user.updatea<nil>", "apispan.user.updateb<nil>", "apispan.company.update<nil>c", "apispan.subscription.update<nil>c"}, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// TestNeverPanics: nil clients, nil contexts, broken providers.
func TestNeverPanics(t *testing.T) {
	t.Parallel()
	var none *Client
	if err := none.UpdateUser(context.Background(), User{}); err != nil {
		t.Error(err)
	}
	c, r := newTestClient()
	if err := c.UpdateUser(nil, User{ID: "u"}); err != nil || len(r.records) != 1 { //nolint:staticcheck // on purpose
		t.Errorf("%v, %d records", err, len(r.records))
	}
	r.panics = true
	if err := c.UpdateUser(context.Background(), User{ID: "u"}); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("error %v", err)
	}
	if err := New().UpdateUser(context.Background(), User{ID: "u"}); err != nil {
		t.Error(err)
	}
}

// TestEmptyValues: what is empty and not nil is kept, and nothing else is in a record.
func TestEmptyValues(t *testing.T) {
	t.Parallel()
	c, r := newTestClient()
	given := map[string]any{"list": []any{map[string]any{}, []any{}, []any{nil}}, "map": map[string]any{}}
	if err := c.UpdateUser(context.Background(), User{ID: "u", Metadata: Metadata{
		"text": "", "false": false, "zero": 0, "list": []any{}, "map": map[string]any{}, "bytes": []byte{1, 2}, "in": given,
		"date": json.Number("1e3"), "duration": time.Second, "array": [2]int8{1, 2},
	}}); err != nil {
		t.Fatal(err)
	}
	given["list"].([]any)[0] = "changed later"
	want := map[string]any{
		"user.id": "u", "apispan.metadata.text": "", "apispan.metadata.false": false, "apispan.metadata.zero": int64(0),
		"apispan.metadata.list": []any{}, "apispan.metadata.map": map[string]any{}, "apispan.metadata.bytes": "AQI=",
		"apispan.metadata.in": map[string]any{
			"list": []any{map[string]any{}, []any{}, []any{nil}}, "map": map[string]any{},
		},
		"apispan.metadata.date": 1000.0, "apispan.metadata.duration": "1s", "apispan.metadata.array": []any{int64(1), int64(2)},
	}
	if d := cmp.Diff(want, attributesOf(t, r.records[0])); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	rec := onWire(t, r.records[0])
	if rec.GetBody().GetValue() != nil || rec.GetSeverityText() != "" || rec.GetEventName() != "apispan.user.update" || rec.GetSeverityNumber() != 9 {
		t.Errorf("record on the wire: %v", rec)
	}
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	c, r := newTestClient()
	meta := Metadata{"a": 1, "b": []string{"x"}}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				_ = c.UpdateUser(context.Background(), User{ID: fmt.Sprint(i), Metadata: meta})
			}
		})
	}
	wg.Wait()
	if len(r.records) != 400 {
		t.Errorf("%d records", len(r.records))
	}
}
