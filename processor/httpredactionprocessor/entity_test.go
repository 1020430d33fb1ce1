// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/apispan/apispan/internal/httpattr"
)

// entityRecord returns an update of everything, with the secret wherever a user of
// the entities package could have put one.
func entityRecord(event string) (plog.Logs, plog.LogRecord) {
	ld := plog.NewLogs()
	rec := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	rec.SetEventName(event)
	entityAttributes(rec.Attributes())
	return ld, rec
}

func entityAttributes(a pcommon.Map) {
	a.PutStr("user.id", "17")
	a.PutStr("apispan.company.id", "acme")
	a.PutStr("apispan.subscription.id", "sub-1")
	a.PutStr("user.email", "ann@shop.example")
	a.PutStr("user.full_name", "Ann Example")
	a.PutStr("client.address", "203.0.113.77")
	a.PutStr("user_agent.original", "curl/8 (ann@shop.example)")
	a.PutStr("apispan.company.domain", "shop.example")
	a.PutStr("apispan.campaign.utm_content", "for ann@shop.example")
	a.PutStr("apispan.campaign.referrer", "https://shop.example/in?password="+secret+"&page=2")
	a.PutStr("apispan.subscription.status", "active")
	a.PutStr("apispan.subscription.current_period_start", "2026-01-31T10:11:12.345Z")
	a.PutStr("apispan.action.name", "Signed Up")
	a.PutStr("url.full", "https://shop.example/x?password="+secret)
	a.PutStr("apispan.metadata.password", secret)
	a.PutStr("apispan.metadata.note", "card 4111 1111 1111 1111")
	a.PutInt("apispan.metadata.seats", 12)
	profile := a.PutEmptyMap("apispan.metadata.profile")
	profile.PutStr("password", secret)
	profile.PutStr("color", "green")
	item := a.PutEmptySlice("apispan.subscription.items").AppendEmpty().SetEmptyMap()
	item.PutStr("plan_id", "pro")
	item.PutEmptyMap("metadata").PutStr("password", secret)
}

const entityPolicy = `
policy:
  version: 1
  keys: { deny: ["*password*"], hmac: [user.id, apispan.company.id] }
  patterns: { email: mask, card: mask }
  hmac: { keys: [{ id: k1 }] }
hmac_keys: { k1: ` + "0123456789abcdef0123456789abcdef" + ` }
`

// TestEntityUpdatesAreRedactedAsSpansAre: the same attributes come out the same on
// a span and on an update, tokens included, and the update is stamped.
func TestEntityUpdatesAreRedactedAsSpansAre(t *testing.T) {
	t.Parallel()
	td, span := newSpan()
	entityAttributes(span.Attributes())
	ld, _ := entityRecord(httpattr.EventUserUpdate)
	r := redactorFor(t, entityPolicy, nil)
	want := onlySpan(t, r.mustTraces(t, td)).Attributes().AsRaw()
	out := r.mustLogs(t, ld)
	rec := out.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	got := rec.Attributes().AsRaw()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("span and update differ (-span +update)\n%s", d)
	}
	mustNotHold(t, logsText(t, out), secret)
	if got[httpattr.RedactionPolicy] != r.policy.Hash() || rec.EventName() != httpattr.EventUserUpdate {
		t.Errorf("event %q, stamp %v", rec.EventName(), got[httpattr.RedactionPolicy])
	}
	for _, k := range []string{httpattr.RedactionPolicy, httpattr.RedactionCount, httpattr.RedactionRules} {
		delete(got, k)
	}
	token := got["user.id"].(string)
	if len(token) != len("hmac:k1:")+22 {
		t.Errorf("user.id is %q, want a token", token)
	}
	expected := map[string]any{
		"user.id": token, "apispan.company.id": got["apispan.company.id"], "client.address": got["client.address"],
		"apispan.subscription.id": "sub-1", "user.email": "[REDACTED]", "user.full_name": "Ann Example",
		"user_agent.original": "curl/8 ([REDACTED])", "apispan.company.domain": "shop.example",
		"apispan.campaign.utm_content": "for [REDACTED]",
		"apispan.campaign.referrer":    "https://shop.example/in?password=[REDACTED]&page=2",
		"apispan.subscription.status":  "active", "apispan.subscription.current_period_start": "2026-01-31T10:11:12.345Z",
		"apispan.action.name": "Signed Up", "url.full": "https://shop.example/x?password=[REDACTED]",
		"apispan.metadata.password": "[REDACTED]", "apispan.metadata.note": "card [REDACTED]", "apispan.metadata.seats": int64(12),
		"apispan.metadata.profile":   map[string]any{"password": "[REDACTED]", "color": "green"},
		"apispan.subscription.items": []any{map[string]any{"plan_id": "pro", "metadata": map[string]any{"password": "[REDACTED]"}}},
	}
	if d := cmp.Diff(expected, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// TestEntityUpdatesSurviveStrictPolicies: under an allowlist the values go, and
// what an exporter needs to know the update by stays.
func TestEntityUpdatesSurviveStrictPolicies(t *testing.T) {
	t.Parallel()
	for _, preset := range []string{"default", "pci", "headers-safe", "schema-only", "allowlist"} {
		for _, event := range []string{
			httpattr.EventUserUpdate, httpattr.EventCompanyUpdate, httpattr.EventSubscriptionUpdate, httpattr.EventAction,
		} {
			for _, older := range []bool{false, true} {
				ld, rec := entityRecord(event)
				if older { // a producer without the field EventName
					rec.SetEventName("")
					rec.Attributes().PutStr(httpattr.EventName, event)
				}
				r := redactorFor(t, "preset: "+preset, nil)
				out := r.mustLogs(t, ld)
				mustNotHold(t, logsText(t, out), secret)
				rec = out.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
				got := rec.Attributes().AsRaw()
				name := rec.EventName()
				if older {
					name, _ = got[httpattr.EventName].(string)
				}
				want := map[string]any{
					"apispan.subscription.status": "active", "apispan.action.name": "Signed Up",
					"apispan.subscription.current_period_start": "2026-01-31T10:11:12.345Z",
					httpattr.RedactionPolicy:                    r.policy.Hash(),
				}
				have := maps.Clone(want)
				for k := range want {
					have[k] = got[k]
				}
				if d := cmp.Diff(want, have); d != "" || name != event {
					t.Errorf("%s: event %q became %q (-want +got)\n%s", preset, event, name, d)
				}
			}
		}
	}
}

// TestForeignEventNamesAreRedacted: only our own names are exempt.
func TestForeignEventNamesAreRedacted(t *testing.T) {
	t.Parallel()
	ld, rec := entityRecord("apispan.user.update ann@shop.example")
	rec.SetEventName(rec.EventName())
	out := redactorFor(t, entityPolicy, nil).mustLogs(t, ld)
	mustNotHold(t, logsText(t, out), "ann@shop.example")
}
