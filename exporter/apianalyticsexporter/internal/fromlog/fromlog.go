// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package fromlog reads an update of a user, company or subscription, or an
// action, out of a log record. The record is known by its event name
// (docs/attributes.md); everything else is no entity.
//
// Guarantees: no input makes it panic, whatever the types and lengths of the
// attributes are; the work is linear in the size of the record apart from sorting
// metadata; the result keeps the promises of package entity; the same record
// always gives the same id.
//
// It does not redact and drops nothing for a backend's sake.
package fromlog

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/entity"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/fromspan"
	"github.com/apispan/apispan/internal/httpattr"
)

// maxItems bounds the parts of a subscription.
const maxItems = 1000

var kinds = map[string]entity.Kind{
	httpattr.EventUserUpdate:         entity.User,
	httpattr.EventCompanyUpdate:      entity.Company,
	httpattr.EventSubscriptionUpdate: entity.Subscription,
	httpattr.EventAction:             entity.Action,
}

// KindOf returns what the record is about, and false if it is no entity. The
// field EventName wins over the attribute of older producers.
func KindOf(rec plog.LogRecord) (entity.Kind, bool) {
	name := rec.EventName()
	if name == "" {
		if v, ok := rec.Attributes().Get(httpattr.EventName); ok && v.Type() == pcommon.ValueTypeStr {
			name = v.Str()
		}
	}
	k, ok := kinds[name]
	return k, ok
}

// Read reads one record, and reports false if it is no entity. res is the
// resource that it belongs to.
func Read(res pcommon.Resource, rec plog.LogRecord) (*entity.Entity, bool) {
	kind, ok := KindOf(rec)
	if !ok {
		return nil, false
	}
	e := &entity.Entity{Kind: kind, Time: timeOf(rec)}
	e.ServiceName, e.Environment = fromspan.ResourceText(res)
	// Older names give way to newer ones, whatever their order.
	var endUser, company, subscription, shortName, eventID string
	for key, v := range rec.Attributes().All() {
		switch key {
		case httpattr.UserID:
			e.UserID = fromspan.Text(v)
		case httpattr.EndUserID:
			endUser = fromspan.Text(v)
		case httpattr.CompanyID:
			e.CompanyID = fromspan.Text(v)
		case "company.id":
			company = fromspan.Text(v)
		case httpattr.SubscriptionID:
			e.SubscriptionID = fromspan.Text(v)
		case "subscription.id":
			subscription = fromspan.Text(v)
		case httpattr.SessionID:
			e.SessionID = fromspan.Text(v)
		case httpattr.UserEmail:
			e.UserEmail = fromspan.Text(v)
		case httpattr.UserFullName:
			e.UserName = fromspan.Text(v)
		case httpattr.UserName:
			shortName = fromspan.Text(v)
		case httpattr.ClientAddress:
			e.ClientAddress = fromspan.BareAddress(fromspan.Text(v))
		case httpattr.UserAgent:
			e.UserAgent = fromspan.Text(v)
		case httpattr.CompanyDomain:
			e.CompanyDomain = fromspan.Text(v)
		case httpattr.SubscriptionStatus:
			e.Status = fromspan.Text(v)
		case httpattr.SubscriptionPeriodStart:
			e.PeriodStart = instant(v)
		case httpattr.SubscriptionPeriodEnd:
			e.PeriodEnd = instant(v)
		case httpattr.SubscriptionItems:
			e.Items = items(v)
		case httpattr.ActionName:
			e.ActionName = fromspan.Text(v)
		case httpattr.URLFull:
			e.URL = fromspan.AbsoluteURL(fromspan.Text(v))
		case httpattr.EventID:
			eventID = fromspan.Text(v)
		case httpattr.RedactionPolicy:
			e.RedactionPolicy = fromspan.Text(v)
		default:
			if name, ok := strings.CutPrefix(key, httpattr.MetadataPrefix); ok {
				e.Metadata = addMetadata(e.Metadata, name, v)
			} else if field := campaignField(&e.Campaign, key); field != nil {
				*field = fromspan.Text(v)
			}
		}
	}
	e.UserID = cmp.Or(e.UserID, endUser)
	e.CompanyID = cmp.Or(e.CompanyID, company)
	e.SubscriptionID = cmp.Or(e.SubscriptionID, subscription)
	e.UserName = cmp.Or(e.UserName, shortName)
	e.Metadata = sorted(e.Metadata)
	e.ID = id(eventID, e, rec)
	return e, true
}

// timeOf returns the record's time, else when it was observed, else the zero
// time.
func timeOf(rec plog.LogRecord) time.Time {
	for _, ts := range []pcommon.Timestamp{rec.Timestamp(), rec.ObservedTimestamp()} {
		if ts != 0 {
			return ts.AsTime()
		}
	}
	return time.Time{}
}

func campaignField(c *entity.Campaign, key string) *string {
	switch key {
	case httpattr.CampaignSource:
		return &c.UTMSource
	case httpattr.CampaignMedium:
		return &c.UTMMedium
	case httpattr.CampaignName:
		return &c.UTMCampaign
	case httpattr.CampaignTerm:
		return &c.UTMTerm
	case httpattr.CampaignContent:
		return &c.UTMContent
	case httpattr.CampaignReferrer:
		return &c.Referrer
	case httpattr.CampaignReferringDomain:
		return &c.ReferringDomain
	case httpattr.CampaignGCLID:
		return &c.GCLID
	}
	return nil
}

// instant reads an RFC 3339 text; anything else, a mask for instance, is unknown.
func instant(v pcommon.Value) time.Time {
	t, err := time.Parse(time.RFC3339Nano, fromspan.Text(v))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func addMetadata(list []exchange.KeyValue, name string, v pcommon.Value) []exchange.KeyValue {
	if name == "" {
		return list
	}
	x, ok := fromspan.MetadataValue(v)
	if !ok {
		return list
	}
	return append(list, exchange.KeyValue{Key: fromspan.ValidUTF8(name), Value: x})
}

// sorted puts metadata in key order; of equal keys the first stays.
func sorted(list []exchange.KeyValue) []exchange.KeyValue {
	slices.SortStableFunc(list, func(a, b exchange.KeyValue) int { return cmp.Compare(a.Key, b.Key) })
	return slices.CompactFunc(list, func(a, b exchange.KeyValue) bool { return a.Key == b.Key })
}

// items reads a list of maps; what is no map is left out.
func items(v pcommon.Value) (list []entity.Item) {
	if v.Type() != pcommon.ValueTypeSlice {
		return nil
	}
	for _, elem := range v.Slice().All() {
		if elem.Type() != pcommon.ValueTypeMap || len(list) == maxItems {
			continue
		}
		var it entity.Item
		for key, v := range elem.Map().All() {
			switch key {
			case httpattr.ItemPlanID:
				it.PlanID = fromspan.Text(v)
			case httpattr.ItemID:
				it.ID = fromspan.Text(v)
			case httpattr.ItemPriceID:
				it.PriceID = fromspan.Text(v)
			case httpattr.ItemUnit:
				it.UnitOfMeasure = fromspan.Text(v)
			case httpattr.ItemCreatedAt:
				it.CreatedAt = instant(v)
			case httpattr.ItemMetadata:
				if v.Type() == pcommon.ValueTypeMap {
					for k, m := range v.Map().All() {
						it.Metadata = addMetadata(it.Metadata, k, m)
					}
					it.Metadata = sorted(it.Metadata)
				}
			}
		}
		list = append(list, it)
	}
	return list
}

// id returns the given id if it is a UUID, else one derived from what tells one
// record from another.
func id(given string, e *entity.Entity, rec plog.LogRecord) string {
	if u, ok := fromspan.UUID(given); ok {
		return u
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(rec.Timestamp()))
	b = binary.BigEndian.AppendUint64(b, uint64(rec.ObservedTimestamp()))
	for _, s := range []string{
		string(e.Kind), e.UserID, e.CompanyID, e.SubscriptionID, e.SessionID, e.ActionName, e.URL, e.ServiceName,
	} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return httpattr.NewEventID(rec.TraceID(), rec.SpanID(), b)
}
