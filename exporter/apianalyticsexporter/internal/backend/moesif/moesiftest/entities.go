// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesiftest

import (
	"encoding/json"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest/check"
)

// maxActionBytes is the documented limit of a batch of actions; the one of
// events stands in where none is documented.
const maxActionBytes = 15_000_000

// streams are the users, companies, subscriptions and actions of
// https://www.moesif.com/docs/api (checked 2026-11-20). The documentation lets
// most members be null or empty; the fake does not, since what is there is written
// over what was known.
var streams = map[string]backendtest.Stream{
	"/v1/users/batch": {
		Name: "users", IDField: "user_id", MaxBytes: maxBytes, Check: entityCheck(userRule),
	},
	"/v1/companies/batch": {
		Name: "companies", IDField: "company_id", MaxBytes: maxBytes, Check: entityCheck(companyRule),
	},
	"/v1/subscriptions/batch": {
		Name: "subscriptions", IDField: "subscription_id", MaxBytes: maxBytes, Check: entityCheck(subscriptionRule),
	},
	"/v1/actions/batch": {
		Name: "actions", IDField: "transaction_id", MaxBytes: maxActionBytes, Check: entityCheck(actionRule),
	},
}

var (
	userRule = check.Object(check.Fields{
		"user_id": check.Required(check.Filled), "company_id": check.Optional(check.Filled), "session_token": check.Optional(check.Filled),
		"modified_time": check.Optional(check.Time), "ip_address": check.Optional(check.IP), "user_agent_string": check.Optional(check.Filled),
		"campaign": check.Optional(campaignRule), "metadata": check.Optional(check.FilledObject),
	})
	companyRule = check.Object(check.Fields{
		"company_id": check.Required(check.Filled), "company_domain": check.Optional(check.Filled), "session_token": check.Optional(check.Filled),
		"modified_time": check.Optional(check.Time), "ip_address": check.Optional(check.IP),
		"campaign": check.Optional(campaignRule), "metadata": check.Optional(check.FilledObject),
	})
	subscriptionRule = check.Object(check.Fields{
		"subscription_id": check.Required(check.Filled), "company_id": check.Required(check.Filled),
		// Optional in a batch to the vendor, required by its SDKs.
		"status":               check.Required(check.OneOf("active", "cancelled", "paused", "trialing", "pending", "draft", "future")),
		"current_period_start": check.Optional(check.Time), "current_period_end": check.Optional(check.Time),
		"items": check.Optional(check.Array(1, 1000, check.Object(check.Fields{
			"plan_id": check.Required(check.Filled), "subscription_item_id": check.Optional(check.Filled), "price_id": check.Optional(check.Filled),
			"unit_of_measure": check.Optional(check.Filled), "created_at": check.Optional(check.Time), "metadata": check.Optional(check.FilledObject),
		}))),
		"metadata": check.Optional(check.FilledObject),
	})
	actionRule = check.Object(check.Fields{
		"action_name": check.Required(check.Filled),
		"request": check.Required(check.Object(check.Fields{
			"uri": check.Required(check.AbsoluteURL), "time": check.Optional(check.Time), "ip_address": check.Optional(check.IP),
			"user_agent_string": check.Optional(check.Filled),
		})),
		// Optional to the vendor; retries are safe only with it.
		"transaction_id": check.Required(check.UUID),
		"user_id":        check.Optional(check.Filled), "company_id": check.Optional(check.Filled), "subscription_id": check.Optional(check.Filled),
		"session_token": check.Optional(check.Filled), "metadata": check.Optional(check.FilledObject),
	})
	campaignSchema = check.Object(check.Fields{
		"utm_source": check.Optional(check.Filled), "utm_medium": check.Optional(check.Filled), "utm_campaign": check.Optional(check.Filled),
		"utm_term": check.Optional(check.Filled), "utm_content": check.Optional(check.Filled), "referrer": check.Optional(check.Filled),
		"referring_domain": check.Optional(check.Filled), "gclid": check.Optional(check.Filled),
	})
)

func entityCheck(schema check.Rule) func(item []byte) []string {
	return func(item []byte) []string { return check.Event(item, schema) }
}

func campaignRule(c *check.Checker, path string, v json.RawMessage) {
	campaignSchema(c, path, v)
	check.FilledObject(c, path, v)
}
