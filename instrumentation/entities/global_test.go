// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package entities

import (
	"context"
	"errors"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/log/global"
	"go.opentelemetry.io/otel/log/noop"
)

// early is made before a global provider is set, which counts once in a process.
var early = New()

var globalRecorder = sync.OnceValue(func() *recorder {
	r := &recorder{}
	global.SetLoggerProvider(r)
	return r
})

// TestGlobalProvider: a provider that is set later is used.
func TestGlobalProvider(t *testing.T) {
	r := globalRecorder()
	before := len(r.records)
	if err := early.UpdateUser(context.Background(), User{ID: "u"}); err != nil || len(r.records) != before+1 {
		t.Errorf("%v, %d records", err, len(r.records)-before)
	}
}

// TestGlobal: the functions find a provider that is set after the package began.
func TestGlobal(t *testing.T) {
	r := globalRecorder()
	before := len(r.records)
	ctx := context.Background()
	if err := errors.Join(
		UpdateUser(ctx, User{ID: "u"}), UpdateUsers(ctx, []User{{ID: "u"}}),
		UpdateCompany(ctx, Company{ID: "c"}), UpdateCompanies(ctx, []Company{{ID: "c"}}),
		UpdateSubscription(ctx, Subscription{ID: "s", CompanyID: "c", Status: "active"}),
		UpdateSubscriptions(ctx, []Subscription{{ID: "s", CompanyID: "c", Status: "active"}}),
		RecordAction(ctx, Action{Name: "Signed Up", URL: "https://example.com/"}),
		RecordActions(ctx, []Action{{Name: "Signed Up", URL: "https://example.com/"}}),
	); err != nil {
		t.Fatal(err)
	}
	if n := len(r.records) - before; n != 8 {
		t.Errorf("%d records, want 8", n)
	}
	if err := UpdateUser(ctx, User{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("no id: %v", err)
	}
}

// BenchmarkUpdateUser: go test -run '^$' -bench . -benchmem ./instrumentation/entities
func BenchmarkUpdateUser(b *testing.B) {
	client := New(WithLoggerProvider(noop.NewLoggerProvider()))
	u := User{ID: "12345", CompanyID: "67890", Email: "ada@example.com", Metadata: Metadata{"plan": "pro", "seats": 12, "tags": []string{"a", "b"}}}
	b.ReportAllocs()
	for b.Loop() {
		if err := client.UpdateUser(b.Context(), u); err != nil {
			b.Fatal(err)
		}
	}
}
