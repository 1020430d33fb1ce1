// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/entity"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// AppendCampaign appends the members of a campaign that are known, each with a comma before
// it.
func AppendCampaign(dst []byte, c *entity.Campaign) []byte {
	dst = AppendIdentity(dst, `,"utm_source":`, c.UTMSource)
	dst = AppendIdentity(dst, `,"utm_medium":`, c.UTMMedium)
	dst = AppendIdentity(dst, `,"utm_campaign":`, c.UTMCampaign)
	dst = AppendIdentity(dst, `,"utm_term":`, c.UTMTerm)
	dst = AppendIdentity(dst, `,"utm_content":`, c.UTMContent)
	dst = AppendIdentity(dst, `,"referrer":`, c.Referrer)
	dst = AppendIdentity(dst, `,"referring_domain":`, c.ReferringDomain)
	return AppendIdentity(dst, `,"gclid":`, c.GCLID)
}

// AppendItems appends an array of the parts of a subscription, with what is known of each. id
// is the key of a part's own id, with comma and colon.
func AppendItems(dst []byte, items []entity.Item, id string) []byte {
	dst = append(dst, '[')
	for i := range items {
		it := &items[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		mark := len(dst)
		dst = AppendIdentity(dst, `,"plan_id":`, it.PlanID)
		dst = AppendIdentity(dst, id, it.ID)
		dst = AppendIdentity(dst, `,"price_id":`, it.PriceID)
		dst = AppendIdentity(dst, `,"unit_of_measure":`, it.UnitOfMeasure)
		if !it.CreatedAt.IsZero() {
			dst = AppendTime(append(dst, `,"created_at":`...), it.CreatedAt)
		}
		const metadata = `,"metadata":`
		inner := len(dst) + len(metadata)
		dst = Close(AppendMetadata(append(dst, metadata...), it.Metadata, AppendNamed), metadata, inner)
		if len(dst) == mark {
			dst = append(dst, '{')
		}
		dst[mark] = '{' // the comma of the first member
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// AppendNamed appends the value of an entry that has a name, for AppendMetadata.
func AppendNamed(dst []byte, kv *exchange.KeyValue) ([]byte, bool) {
	if kv.Key == "" {
		return dst, false
	}
	return AppendValue(dst, kv.Value)
}
