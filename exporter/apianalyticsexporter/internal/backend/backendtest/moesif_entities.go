// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import "encoding/json"

// moesifMaxActionBytes is the documented limit of a batch of actions; the one of
// events stands in where none is documented.
const moesifMaxActionBytes = 15_000_000

// moesifStreams are the users, companies, subscriptions and actions of
// https://www.moesif.com/docs/api (checked 2026-11-20). The documentation lets
// most members be null or empty; the fake does not, since what is there is written
// over what was known.
var moesifStreams = map[string]vendorStream{
	"/v1/users/batch": {
		name: "users", idField: "user_id", maxBytes: moesifMaxBytes, check: entityCheck(moesifUser),
	},
	"/v1/companies/batch": {
		name: "companies", idField: "company_id", maxBytes: moesifMaxBytes, check: entityCheck(moesifCompany),
	},
	"/v1/subscriptions/batch": {
		name: "subscriptions", idField: "subscription_id", maxBytes: moesifMaxBytes, check: entityCheck(moesifSubscription),
	},
	"/v1/actions/batch": {
		name: "actions", idField: "transaction_id", maxBytes: moesifMaxActionBytes, check: entityCheck(moesifAction),
	},
}

var (
	moesifUser = object(fields{
		"user_id": required(isFilled), "company_id": optional(isFilled), "session_token": optional(isFilled),
		"modified_time": optional(isTime), "ip_address": optional(isIP), "user_agent_string": optional(isFilled),
		"campaign": optional(moesifCampaign), "metadata": optional(filledObject),
	})
	moesifCompany = object(fields{
		"company_id": required(isFilled), "company_domain": optional(isFilled), "session_token": optional(isFilled),
		"modified_time": optional(isTime), "ip_address": optional(isIP),
		"campaign": optional(moesifCampaign), "metadata": optional(filledObject),
	})
	moesifSubscription = object(fields{
		"subscription_id": required(isFilled), "company_id": required(isFilled),
		// Optional in a batch to the vendor, required by its SDKs.
		"status":               required(oneOf("active", "cancelled", "paused", "trialing", "pending", "draft", "future")),
		"current_period_start": optional(isTime), "current_period_end": optional(isTime),
		"items": optional(array(1, 1000, object(fields{
			"plan_id": required(isFilled), "subscription_item_id": optional(isFilled), "price_id": optional(isFilled),
			"unit_of_measure": optional(isFilled), "created_at": optional(isTime), "metadata": optional(filledObject),
		}))),
		"metadata": optional(filledObject),
	})
	moesifAction = object(fields{
		"action_name": required(isFilled),
		"request": required(object(fields{
			"uri": required(isAbsoluteURL), "time": optional(isTime), "ip_address": optional(isIP),
			"user_agent_string": optional(isFilled),
		})),
		// Optional to the vendor; retries are safe only with it.
		"transaction_id": required(isUUID),
		"user_id":        optional(isFilled), "company_id": optional(isFilled), "subscription_id": optional(isFilled),
		"session_token": optional(isFilled), "metadata": optional(filledObject),
	})
	moesifCampaignSchema = object(fields{
		"utm_source": optional(isFilled), "utm_medium": optional(isFilled), "utm_campaign": optional(isFilled),
		"utm_term": optional(isFilled), "utm_content": optional(isFilled), "referrer": optional(isFilled),
		"referring_domain": optional(isFilled), "gclid": optional(isFilled),
	})
)

func entityCheck(schema func(*checker, string, json.RawMessage)) func(item []byte) []string {
	return func(item []byte) []string { return checkEvent(item, schema) }
}

// filledObject wants an object with members.
func filledObject(c *checker, path string, v json.RawMessage) {
	if got, ok := c.members(path, v); ok && len(got) == 0 {
		c.fail(path, "empty; leave the field out")
	}
}

func moesifCampaign(c *checker, path string, v json.RawMessage) {
	moesifCampaignSchema(c, path, v)
	filledObject(c, path, v)
}
