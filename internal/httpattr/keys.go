// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpattr

// Semantic-convention keys (checked 2026-11-20 against semantic-conventions main).
const (
	RequestMethod         = "http.request.method"
	RequestMethodOriginal = "http.request.method_original"
	ResponseStatusCode    = "http.response.status_code"
	Route                 = "http.route"

	// RequestHeaderPrefix and ResponseHeaderPrefix are followed by the
	// lower-case header name; the value is a string array.
	RequestHeaderPrefix  = "http.request.header."
	ResponseHeaderPrefix = "http.response.header."

	// RequestBody and ResponseBody hold a string if the content is textual and
	// a byte slice otherwise. Content codings are removed; never base64.
	RequestBody  = "http.request.body.content"
	ResponseBody = "http.response.body.content"

	// RequestBodySize and ResponseBodySize count bytes on the wire.
	RequestBodySize  = "http.request.body.size"
	ResponseBodySize = "http.response.body.size"

	URLFull     = "url.full"
	URLScheme   = "url.scheme"
	URLPath     = "url.path"
	URLQuery    = "url.query"
	URLTemplate = "url.template"

	ServerAddress        = "server.address"
	ServerPort           = "server.port"
	ClientAddress        = "client.address"
	ClientPort           = "client.port"
	NetworkPeerAddress   = "network.peer.address"
	NetworkPeerPort      = "network.peer.port"
	NetworkLocalAddress  = "network.local.address"
	NetworkLocalPort     = "network.local.port"
	NetworkProtocolName  = "network.protocol.name"
	NetworkProtocolVer   = "network.protocol.version"
	UserAgent            = "user_agent.original"
	UserID               = "user.id"
	UserName             = "user.name"
	UserEmail            = "user.email"
	UserFullName         = "user.full_name"
	EndUserID            = "enduser.id"
	SessionID            = "session.id"
	ErrorType            = "error.type"
	ServiceName          = "service.name"
	ServiceVersion       = "service.version"
	DeploymentEnv        = "deployment.environment.name"
	LegacyDeploymentEnv  = "deployment.environment"
	TelemetrySDKLanguage = "telemetry.sdk.language"
)

// Own keys. docs/attributes.md explains each.
const (
	// RequestBodyTruncated and ResponseBodyTruncated are true if the content
	// attribute holds only a prefix because of the size limit.
	RequestBodyTruncated  = "apispan.request.body.truncated"
	ResponseBodyTruncated = "apispan.response.body.truncated"
	// RequestBodyIncomplete and ResponseBodyIncomplete are true if reading or
	// writing stopped before the end of the body (error, early close, unread).
	RequestBodyIncomplete  = "apispan.request.body.incomplete"
	ResponseBodyIncomplete = "apispan.response.body.incomplete"
	// Hijacked is true if the handler took the connection over.
	Hijacked = "apispan.hijacked"

	CompanyID      = "apispan.company.id"
	SubscriptionID = "apispan.subscription.id"
	// ConsumerID, ConsumerLabel and ConsumerEmail name the API consumer (the
	// owner of the API key that made the call; ReadMe's group).
	ConsumerID    = "apispan.consumer.id"
	ConsumerLabel = "apispan.consumer.label"
	ConsumerEmail = "apispan.consumer.email"

	// SessionKey is a pseudonym of the credential that the caller showed, made
	// before it was redacted; SessionAuthType is how it was shown: basic, header,
	// jwt or session_cookie. A type without a key means that none was shown, a key
	// without a type that it stands for the caller's address.
	SessionKey      = "apispan.session.key"
	SessionAuthType = "apispan.session.auth_type"

	// MetadataPrefix is followed by a key chosen by the application.
	MetadataPrefix = "apispan.metadata."

	// CompanyDomain is the domain name of a company.
	CompanyDomain = "apispan.company.domain"

	// The subscription's status is one of Moesif's; the times are RFC 3339 texts;
	// the items are maps with the keys Item….
	SubscriptionStatus      = "apispan.subscription.status"
	SubscriptionPeriodStart = "apispan.subscription.current_period_start"
	SubscriptionPeriodEnd   = "apispan.subscription.current_period_end"
	SubscriptionItems       = "apispan.subscription.items"

	// Campaign… say where a user or company came from; the names are those of the
	// parameters of campaign URLs.
	CampaignSource          = "apispan.campaign.utm_source"
	CampaignMedium          = "apispan.campaign.utm_medium"
	CampaignName            = "apispan.campaign.utm_campaign"
	CampaignTerm            = "apispan.campaign.utm_term"
	CampaignContent         = "apispan.campaign.utm_content"
	CampaignReferrer        = "apispan.campaign.referrer"
	CampaignReferringDomain = "apispan.campaign.referring_domain"
	CampaignGCLID           = "apispan.campaign.gclid"

	// ActionName is what a user did.
	ActionName = "apispan.action.name"

	EventID    = "apispan.event.id"
	APIVersion = "apispan.api.version"
	// Weight is how many exchanges this one stands for (int, >= 1).
	Weight = "apispan.weight"
	// Captured is true on a span on which capture found nothing else to record that
	// would tell it from one that was only traced.
	Captured = "apispan.captured"
	// Skip is true if the exchange must not be exported as an API event.
	Skip      = "apispan.skip"
	BlockedBy = "apispan.blocked_by"

	GuardAction = "apispan.guard.action"
	GuardRule   = "apispan.guard.rule"

	// RedactionPolicy is the hash of the policy that was applied; the exporter
	// refuses spans without it unless require_redaction is false.
	RedactionPolicy = "apispan.redaction.policy"
	// RedactionCount is how many values the policy masked, dropped, hashed,
	// encrypted or truncated in this span.
	RedactionCount = "apispan.redaction.count"
	// RedactionRules lists the ids of the rules that acted (audit: rules).
	RedactionRules = "apispan.redaction.rules"
	// RedactionDecisions lists what was done, where and by which rule: "mask
	// request_body $.user.password default:*password*" (audit: rules).
	RedactionDecisions = "apispan.redaction.decisions"
	// RedactionDryRun lists the decisions that a dry run did not carry out.
	RedactionDryRun = "apispan.redaction.dry_run"
	// RedactionUpstreamPolicy, …Count and …Rules are what redactions before the last
	// one have left: the one in the application, that of an agent's Collector.
	RedactionUpstreamPolicy = "apispan.redaction.upstream.policy"
	RedactionUpstreamCount  = "apispan.redaction.upstream.count"
	RedactionUpstreamRules  = "apispan.redaction.upstream.rules"
)

// IsRedactionStamp reports whether a key is one that only a redaction writes.
func IsRedactionStamp(key string) bool {
	switch key {
	case RedactionPolicy, RedactionCount, RedactionRules, RedactionDecisions, RedactionDryRun,
		RedactionUpstreamPolicy, RedactionUpstreamCount, RedactionUpstreamRules:
		return true
	}
	return false
}

// Keys of one element of SubscriptionItems.
const (
	ItemPlanID    = "plan_id"
	ItemID        = "subscription_item_id"
	ItemPriceID   = "price_id"
	ItemUnit      = "unit_of_measure"
	ItemCreatedAt = "created_at" // RFC 3339
	ItemMetadata  = "metadata"
)

// Names of the log events about users, companies and subscriptions, and about
// actions. They stand in the record's EventName field, or in the attribute
// EventName where a producer is older than that field.
const (
	EventUserUpdate         = "apispan.user.update"
	EventCompanyUpdate      = "apispan.company.update"
	EventSubscriptionUpdate = "apispan.subscription.update"
	EventAction             = "apispan.action"

	EventName = "event.name"
)

// IsEventName reports whether name is one of ours.
func IsEventName(name string) bool {
	switch name {
	case EventUserUpdate, EventCompanyUpdate, EventSubscriptionUpdate, EventAction:
		return true
	}
	return false
}

// OwnPrefix starts every key that this project adds.
const OwnPrefix = "apispan."
