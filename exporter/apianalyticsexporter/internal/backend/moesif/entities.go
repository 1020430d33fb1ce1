// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesif

import (
	"slices"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/entity"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// Paths of https://www.moesif.com/docs/api (users, companies, subscriptions,
// actions; checked 2026-11-20). Each takes a bare array and updates what is there
// ("upsert"); a member that is left out stays as it is.
var entityPaths = map[entity.Kind]string{
	entity.User:         "/v1/users/batch",
	entity.Company:      "/v1/companies/batch",
	entity.Subscription: "/v1/subscriptions/batch",
	entity.Action:       "/v1/actions/batch",
}

// statuses of a subscription that Moesif knows.
var statuses = []string{"active", "cancelled", "paused", "trialing", "pending", "draft", "future"}

var _ backend.EntityBackend = (*Encoder)(nil)

// Entities implements [backend.EntityBackend].
func (e *Encoder) Entities() map[entity.Kind]backend.EntityEncoder {
	m := make(map[entity.Kind]backend.EntityEncoder, len(entityPaths))
	for k, path := range entityPaths {
		m[k] = &entityEncoder{Base: e.Base, kind: k, path: path, sessionAsToken: e.settings.SessionIDAsToken}
	}
	return m
}

// entityEncoder implements [backend.EntityEncoder]. The limits are those of
// events: the documentation gives none for entities but 15 MB for a batch of
// actions.
type entityEncoder struct {
	backend.Base

	kind           entity.Kind
	path           string
	sessionAsToken bool
}

// Spec implements [backend.Endpoint].
func (e *entityEncoder) Spec() backend.Spec {
	return backend.Spec{
		Name:            "moesif",
		Path:            e.path,
		Frame:           backend.JSONArray,
		MaxItems:        maxItems,
		MaxItemBytes:    maxItemBytes,
		MaxRequestBytes: maxRequestBytes,
	}
}

// AppendEntity implements [backend.EntityEncoder].
func (e *entityEncoder) AppendEntity(dst []byte, x *entity.Entity) ([]byte, backend.Drop) {
	switch {
	case x.Kind != e.kind:
		return dst, backend.DropNoEntity
	case e.kind == entity.Action:
		return e.appendAction(dst, x)
	case !wire.Identifies(x.OwnID()):
		return dst, backend.DropNoID
	case e.kind == entity.User:
		return e.appendUser(dst, x), backend.Keep
	case e.kind == entity.Company:
		return e.appendCompany(dst, x), backend.Keep
	default:
		return e.appendSubscription(dst, x)
	}
}

func (e *entityEncoder) appendUser(dst []byte, x *entity.Entity) []byte {
	dst = append(dst, `{"user_id":`...)
	dst = wire.AppendString(dst, x.UserID)
	dst = appendTime(dst, `,"modified_time":`, x.Time)
	dst = wire.AppendIdentity(dst, `,"company_id":`, x.CompanyID)
	dst = e.appendSession(dst, x)
	dst = appendIP(dst, `,"ip_address":`, x.ClientAddress)
	dst = wire.AppendIdentity(dst, `,"user_agent_string":`, x.UserAgent)
	dst = appendCampaign(dst, &x.Campaign)
	// Moesif has no fields for these; its portal shows these members of metadata.
	own := []exchange.KeyValue{{Key: "email", Value: x.UserEmail}, {Key: "name", Value: x.UserName}}
	dst = appendEntityMetadata(dst, x.Metadata, own...)
	return append(dst, '}')
}

func (e *entityEncoder) appendCompany(dst []byte, x *entity.Entity) []byte {
	dst = append(dst, `{"company_id":`...)
	dst = wire.AppendString(dst, x.CompanyID)
	dst = appendTime(dst, `,"modified_time":`, x.Time)
	dst = wire.AppendIdentity(dst, `,"company_domain":`, x.CompanyDomain)
	dst = e.appendSession(dst, x)
	dst = appendIP(dst, `,"ip_address":`, x.ClientAddress)
	dst = appendCampaign(dst, &x.Campaign)
	dst = appendEntityMetadata(dst, x.Metadata)
	return append(dst, '}')
}

func (e *entityEncoder) appendSubscription(dst []byte, x *entity.Entity) ([]byte, backend.Drop) {
	if !wire.Identifies(x.CompanyID) || !slices.Contains(statuses, x.Status) {
		return dst, backend.DropIncomplete
	}
	dst = append(dst, `{"subscription_id":`...)
	dst = wire.AppendString(dst, x.SubscriptionID)
	dst = wire.AppendIdentity(dst, `,"company_id":`, x.CompanyID)
	dst = wire.AppendText(dst, `,"status":`, x.Status) // there is no modified_time
	dst = appendTime(dst, `,"current_period_start":`, x.PeriodStart)
	dst = appendTime(dst, `,"current_period_end":`, x.PeriodEnd)
	// A part without a plan is none.
	items := slices.DeleteFunc(slices.Clone(x.Items), func(it entity.Item) bool { return !wire.Identifies(it.PlanID) })
	if len(items) > 0 {
		dst = wire.AppendItems(append(dst, `,"items":`...), items, `,"subscription_item_id":`)
	}
	dst = appendEntityMetadata(dst, x.Metadata)
	return append(dst, '}'), backend.Keep
}

func (e *entityEncoder) appendAction(dst []byte, x *entity.Entity) ([]byte, backend.Drop) {
	if !wire.Identifies(x.ActionName) || x.URL == "" {
		return dst, backend.DropIncomplete
	}
	dst = append(dst, `{"action_name":`...)
	dst = wire.AppendString(dst, x.ActionName)
	dst = append(dst, `,"request":{"uri":`...)
	dst = wire.AppendString(dst, x.URL)
	dst = appendTime(dst, `,"time":`, x.Time)
	dst = appendIP(dst, `,"ip_address":`, x.ClientAddress)
	dst = wire.AppendIdentity(dst, `,"user_agent_string":`, x.UserAgent)
	dst = append(dst, '}')
	if wire.IsUUID(x.ID) {
		dst = wire.AppendText(dst, `,"transaction_id":`, x.ID)
	}
	dst = wire.AppendIdentity(dst, `,"user_id":`, x.UserID)
	dst = wire.AppendIdentity(dst, `,"company_id":`, x.CompanyID)
	dst = wire.AppendIdentity(dst, `,"subscription_id":`, x.SubscriptionID)
	dst = e.appendSession(dst, x)
	dst = appendEntityMetadata(dst, x.Metadata)
	return append(dst, '}'), backend.Keep
}

func (e *entityEncoder) appendSession(dst []byte, x *entity.Entity) []byte {
	if !e.sessionAsToken {
		return dst
	}
	return wire.AppendIdentity(dst, `,"session_token":`, x.SessionID)
}

func appendTime(dst []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return dst
	}
	dst = append(dst, key...)
	return wire.AppendTime(dst, t)
}

func appendIP(dst []byte, key, address string) []byte {
	mark := len(dst)
	dst = append(dst, key...)
	dst, ok := wire.AppendIP(dst, address)
	if !ok {
		return dst[:mark]
	}
	return dst
}

// appendCampaign appends what is known; nothing known is no member, since an empty
// object could erase what Moesif has.
func appendCampaign(dst []byte, c *entity.Campaign) []byte {
	const key = `,"campaign":`
	dst, mark := wire.Open(dst, key)
	return wire.Close(wire.AppendCampaign(dst, c), key, mark)
}

// appendEntityMetadata appends the application's metadata, and of own what is
// known and not among it. An own value that was masked is left out: the mask would
// overwrite what Moesif has.
func appendEntityMetadata(dst []byte, list []exchange.KeyValue, own ...exchange.KeyValue) []byte {
	const key = `,"metadata":`
	dst, mark := wire.Open(dst, key)
	dst = wire.AppendMetadata(dst, list, wire.AppendNamed)
	for i := range own {
		has := slices.ContainsFunc(list, func(kv exchange.KeyValue) bool { return kv.Key == own[i].Key })
		if s, _ := own[i].Value.(string); wire.Identifies(s) && !has {
			dst = wire.AppendMetadata(dst, own[i:i+1], wire.AppendNamed)
		}
	}
	return wire.Close(dst, key, mark)
}
