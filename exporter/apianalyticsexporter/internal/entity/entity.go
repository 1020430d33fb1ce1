// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package entity is the neutral model of what is said about users, companies and
// subscriptions, and of actions that are no API call. Package fromlog fills it;
// an encoder whose backend has such things reads it. It imports the standard
// library only.
//
// Guarantees that encoders may rely on: every string is valid UTF-8; no number in
// a metadata value is NaN or infinite; Metadata is in key order, each key once.
package entity

import (
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// Kind is what an entity is. Values name streams, which are stored: they never
// change.
type Kind string

// The kinds.
const (
	User         Kind = "users"
	Company      Kind = "companies"
	Subscription Kind = "subscriptions"
	Action       Kind = "actions"
)

// Entity is one update of a user, company or subscription, or one action. Zero
// values mean "unknown": what is unknown stays as the backend has it.
type Entity struct {
	Kind Kind

	// ID identifies one update; always 36 characters. It is the same each time
	// the same update is read.
	ID string
	// Time is when the entity was like this, or when the action took place. UTC.
	Time time.Time

	UserID         string
	CompanyID      string
	SubscriptionID string
	SessionID      string

	UserEmail     string
	UserName      string // user.full_name, else user.name
	ClientAddress string
	UserAgent     string

	CompanyDomain string
	Campaign      Campaign

	// Status, PeriodStart, PeriodEnd and Items belong to a subscription.
	Status      string
	PeriodStart time.Time
	PeriodEnd   time.Time
	Items       []Item

	// ActionName and URL belong to an action. URL is absolute or a path.
	ActionName string
	URL        string

	// Metadata is in key order; values are those of exchange.KeyValue.
	Metadata []exchange.KeyValue

	ServiceName string
	Environment string

	// RedactionPolicy is the stamp of the redaction processor; empty if the
	// record was not redacted.
	RedactionPolicy string
}

// OwnID returns the id of what the entity is, by its kind; of an action, its name.
func (e *Entity) OwnID() string {
	switch e.Kind {
	case User:
		return e.UserID
	case Company:
		return e.CompanyID
	case Subscription:
		return e.SubscriptionID
	case Action:
		return e.ActionName
	}
	return ""
}

// Campaign says where a user or company came from.
type Campaign struct {
	UTMSource, UTMMedium, UTMCampaign, UTMTerm, UTMContent string
	Referrer, ReferringDomain, GCLID                       string
}

// Item is one priced part of a subscription.
type Item struct {
	ID            string
	PlanID        string
	PriceID       string
	UnitOfMeasure string
	CreatedAt     time.Time
	Metadata      []exchange.KeyValue
}
