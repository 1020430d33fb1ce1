// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/entity"
)

var _ backend.EntityBackend = (*Encoder)(nil)

// Entities implements [backend.EntityBackend]: a table for each kind, and a row for each
// update, since a row that replaces another would erase what it does not know.
func (e *Encoder) Entities() map[entity.Kind]backend.EntityEncoder {
	m := map[entity.Kind]backend.EntityEncoder{}
	for _, k := range []entity.Kind{entity.User, entity.Company, entity.Subscription, entity.Action} {
		m[k] = &entityEncoder{table: e.newTable(string(k), e.userAgent), kind: k}
	}
	return m
}

type entityEncoder struct {
	table

	kind entity.Kind
}

// AppendEntity implements [backend.EntityEncoder].
func (e *entityEncoder) AppendEntity(dst []byte, x *entity.Entity) ([]byte, backend.Drop) {
	id := map[entity.Kind]string{
		entity.User: x.UserID, entity.Company: x.CompanyID, entity.Subscription: x.SubscriptionID, entity.Action: x.ActionName,
	}[e.kind]
	switch {
	case x.Kind != e.kind:
		return dst, backend.DropNoEntity
	case id == "" || wire.IsMask(id) || !wire.IsUUID(x.ID):
		return dst, backend.DropNoID
	}
	dst = wire.AppendString(append(dst, `{"update_id":`...), x.ID)
	for _, f := range [...]field{
		{`,"id":`, id}, {`,"user_id":`, x.UserID}, {`,"company_id":`, x.CompanyID}, {`,"subscription_id":`, x.SubscriptionID},
		{`,"session_id":`, x.SessionID}, {`,"email":`, x.UserEmail}, {`,"name":`, x.UserName}, {`,"client_address":`, x.ClientAddress},
		{`,"user_agent":`, x.UserAgent}, {`,"company_domain":`, x.CompanyDomain}, {`,"status":`, x.Status}, {`,"url":`, x.URL},
		{`,"service":`, x.ServiceName}, {`,"environment":`, x.Environment}, {`,"redaction_policy":`, x.RedactionPolicy},
		{`,"utm_source":`, x.Campaign.UTMSource}, {`,"utm_medium":`, x.Campaign.UTMMedium}, {`,"utm_campaign":`, x.Campaign.UTMCampaign},
		{`,"utm_term":`, x.Campaign.UTMTerm}, {`,"utm_content":`, x.Campaign.UTMContent}, {`,"referrer":`, x.Campaign.Referrer},
		{`,"referring_domain":`, x.Campaign.ReferringDomain}, {`,"gclid":`, x.Campaign.GCLID},
	} {
		dst = wire.AppendIdentity(dst, f.key, f.value)
	}
	dst = appendTime(dst, `,"time":`, x.Time)
	dst = appendTime(dst, `,"period_start":`, x.PeriodStart)
	dst = appendTime(dst, `,"period_end":`, x.PeriodEnd)
	if len(x.Items) > 0 {
		list := make([]any, len(x.Items))
		for i := range x.Items {
			list[i] = item(&x.Items[i])
		}
		doc, _ := wire.AppendValue(nil, list)
		dst = wire.AppendText(dst, `,"items":`, string(doc))
	}
	return append(appendMetadata(dst, x.Metadata), '}'), backend.Keep
}

// item is one part of a subscription, with what is known of it.
func item(it *entity.Item) map[string]any {
	m, metadata := map[string]any{}, map[string]any{}
	for _, f := range []field{{"id", it.ID}, {"plan_id", it.PlanID}, {"price_id", it.PriceID}, {"unit_of_measure", it.UnitOfMeasure}} {
		if f.value != "" && !wire.IsMask(f.value) {
			m[f.key] = f.value
		}
	}
	if !it.CreatedAt.IsZero() {
		m["created_at"] = it.CreatedAt.UTC().Format(time.RFC3339Nano)
	}
	for _, kv := range it.Metadata {
		metadata[kv.Key], m["metadata"] = kv.Value, metadata
	}
	return m
}
