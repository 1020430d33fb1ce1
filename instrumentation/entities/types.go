// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package entities

import "time"

// User is what is known about an end user. Only ID is required.
type User struct {
	// ID is the user as in httpcapture.Identity.UserID (user.id).
	ID string
	// CompanyID is the company that the user belongs to.
	CompanyID string
	// SessionID is a session of the user: an id, never the session's secret.
	SessionID string

	Email    string
	FullName string
	// ClientAddress is the IP address that the user was last seen at, without port.
	ClientAddress string
	// UserAgent is the User-Agent header that the user was last seen with.
	UserAgent string

	// Campaign says where the user came from.
	Campaign Campaign
	// Metadata is anything else; see [Metadata].
	Metadata Metadata
	// ModifiedAt is since when the user is like this; zero means now.
	ModifiedAt time.Time
}

// Company is what is known about an account or tenant. Only ID is required.
type Company struct {
	// ID is the company as in httpcapture.Identity.CompanyID.
	ID string
	// Domain is the company's domain name, such as "example.com"; backends use it
	// to find public facts about the company.
	Domain string
	// SessionID is a session of the company: an id, never the session's secret.
	SessionID string
	// ClientAddress is the IP address that the company was last seen at.
	ClientAddress string

	Campaign Campaign
	Metadata Metadata
	// ModifiedAt is since when the company is like this; zero means now.
	ModifiedAt time.Time
}

// Subscription is what is known about a subscription of a company to a plan. ID,
// CompanyID and Status are required.
type Subscription struct {
	// ID is the subscription as in httpcapture.Identity.SubscriptionID.
	ID string
	// CompanyID is the company that pays.
	CompanyID string
	Status    SubscriptionStatus

	// PeriodStart and PeriodEnd bound the current billing period; zero means
	// unknown.
	PeriodStart time.Time
	PeriodEnd   time.Time

	// Items are the priced parts; at most 100. None means unknown.
	Items    []SubscriptionItem
	Metadata Metadata
	// ModifiedAt is since when the subscription is like this; zero means now.
	ModifiedAt time.Time
}

// SubscriptionStatus is where a subscription stands. Values are Moesif's
// (https://www.moesif.com/docs/api#subscriptions).
type SubscriptionStatus string

// The statuses.
const (
	StatusActive    SubscriptionStatus = "active"
	StatusCancelled SubscriptionStatus = "cancelled"
	StatusPaused    SubscriptionStatus = "paused"
	StatusTrialing  SubscriptionStatus = "trialing"
	StatusPending   SubscriptionStatus = "pending"
	StatusDraft     SubscriptionStatus = "draft"
	StatusFuture    SubscriptionStatus = "future"
)

// SubscriptionItem is one priced part of a subscription. PlanID is required.
type SubscriptionItem struct {
	PlanID string
	// ID is the item's own id in the billing system.
	ID            string
	PriceID       string
	UnitOfMeasure string
	// CreatedAt is when the item was added; zero means unknown.
	CreatedAt time.Time
	Metadata  Metadata
}

// Campaign says where a user or company came from. Empty fields are unknown.
type Campaign struct {
	UTMSource   string
	UTMMedium   string
	UTMCampaign string
	UTMTerm     string
	UTMContent  string
	// Referrer is the URL of the page that led here.
	Referrer string
	// ReferringDomain is its domain.
	ReferringDomain string
	// GCLID is Google's click id.
	GCLID string
}

// Action is something that a user did which is no API call, such as "Signed Up".
// Name and URL are required.
type Action struct {
	Name string
	// URL is where it happened: an absolute URL.
	URL string

	UserID         string
	CompanyID      string
	SubscriptionID string
	// SessionID is an id, never the session's secret.
	SessionID string

	// ClientAddress is the user's IP address, without port.
	ClientAddress string
	UserAgent     string

	// ID is a UUID by which a repeated action is recognised; empty means a new
	// one, so that a retry of the SDK or the Collector is one action. Give one if
	// your own code may repeat the call.
	ID       string
	Metadata Metadata
	// Time is when it happened; zero means now.
	Time time.Time
}

// Metadata holds facts of your own. As with httpcapture.SetMetadata, booleans,
// integers, floats, strings and slices of them keep their type; a time.Time
// becomes RFC 3339, a fmt.Stringer or encoding.TextMarshaler its text. Unlike
// there, map[string]any and []any keep their structure, since backends merge it;
// anything else is converted by its JSON form. Nil values are left out.
type Metadata = map[string]any
