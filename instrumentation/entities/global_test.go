// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package entities

import (
	"context"
	"errors"
	"testing"

	"go.opentelemetry.io/otel/log/global"
)

// TestGlobal: the functions find a provider that is set after the package began.
func TestGlobal(t *testing.T) {
	r := &recorder{}
	before := global.GetLoggerProvider()
	global.SetLoggerProvider(r)
	defer global.SetLoggerProvider(before)
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
	if len(r.records) != 8 {
		t.Errorf("%d records, want 8", len(r.records))
	}
	if err := UpdateUser(ctx, User{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("no id: %v", err)
	}
}
