// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "time"

// Config is a policy before it is compiled. It has the same fields as the YAML
// form; docs/policy.md explains the language. The zero Config with Version 1 is
// "nothing is selected": set Defaults to get the built-in rules.
type Config struct {
	// Version of the language; 1, which is also what 0 means.
	Version int
	// Defaults adds the built-in key list, the default detectors and the default
	// client address rule. Default in YAML: true.
	Defaults bool
	// Except names entries of the built-in key list, as printed in docs/policy.md,
	// that do not apply. Any other name is one for Keys.Except.
	Except []string
	// Mask is the text that replaces a value. Default "[REDACTED]".
	Mask string
	// MaskByType keeps the JSON type visible: "[REDACTED:number]". Default false.
	MaskByType bool
	// Keys are the rules for every place.
	Keys Keys
	// In narrows or adds rules for one place; Places lists the names.
	In map[string]PlaceRules
	// Rules apply only to the exchanges that their When selects.
	Rules []ScopedRules
	// Patterns are value detectors by name.
	Patterns map[string]string
	// PatternKeep is what stays of what a detector masks, by its name.
	PatternKeep map[string]Keep `json:",omitempty"`
	// Regex are detectors given as regular expressions (RE2 syntax).
	Regex []Regex
	// HMAC holds the keys of the hmac and encrypt actions.
	HMAC HMAC
	// OnUnparsable says what to do with a structured body that cannot be read as
	// what its content type says nor as anything else: "redact" (default) replaces
	// it, "text" reads it as text.
	OnUnparsable string
	// Limits bound the work.
	Limits Limits
	// Audit is "off", "counts" (default) or "rules".
	Audit string
	// DryRun counts but changes nothing.
	DryRun bool
}

// Keys are key rules by action. A name is folded (case, separators and Unicode
// variants do not matter); "*" makes it a glob on the folded key; a leading "$"
// makes it a path from the root of a body.
type Keys struct {
	Deny, Drop, HMAC, Encrypt []KeyRule
	// Allow, if not empty, makes every place an allowlist.
	Allow []KeyRule
	// Truncate leaves a prefix of addresses; what is no address is masked.
	Truncate []KeyRule `json:",omitempty"`
	// Except keeps values that weaker rules would take; docs/policy.md has the table.
	Except []KeyRule `json:",omitempty"`
}

// KeyRule selects keys.
type KeyRule struct {
	Name string
	// Lower lowers the value before it is tokenised (hmac only).
	Lower bool
	// Scope separates tokens: equal values under different scopes give different
	// tokens (hmac only). Default "".
	Scope string
	// KeepFirst and KeepLast are how many letters and digits of a number stay at its
	// ends (deny only).
	KeepFirst int `json:",omitempty"`
	KeepLast  int `json:",omitempty"`
	// V4 and V6 are prefix lengths in bits (truncate only). Default 24 and 48.
	V4 int `json:",omitempty"`
	V6 int `json:",omitempty"`

	line int
	// shipped: from a preset.
	shipped bool
}

// PlaceRules are rules for one place.
type PlaceRules struct {
	Keys

	// Action applies to all values of the place: keep, mask, drop, hmac, encrypt.
	// Default "": no such rule.
	Action string
	// TruncateV4 and TruncateV6 are prefix lengths in bits that stay of an address
	// (client_ip only). Both 0: addresses are not truncated.
	TruncateV4, TruncateV6 int

	line    int
	shipped bool
}

// ScopedRules are rules for some exchanges.
type ScopedRules struct {
	When When
	Keys Keys
	In   map[string]PlaceRules

	line int
}

// When selects exchanges. Each list is a choice, empty means any; what is given
// must hold together. Hosts, content types, tenants and values of fields are globs,
// routes are globs or templates.
//
// What is not known of an exchange selects it, so that a rule is applied rather
// than missed; but a rule that lets something through (allow, except, keep) applies
// only where everything that is asked for is known.
type When struct {
	Host, Route, Method []string
	// Direction is incoming or outgoing.
	Direction string
	// Status has codes, classes (5xx), ranges (500-599) and bounds (>=500).
	Status []string `json:",omitempty"`
	// ContentType is the media type of the message that the value belongs to.
	ContentType []string `json:",omitempty"`
	// Tenant is the id of the caller's company.
	Tenant []string `json:",omitempty"`
	// Header and ResponseHeader select by values of header fields.
	Header         map[string][]string `json:",omitempty"`
	ResponseHeader map[string][]string `json:",omitempty"`
	// Not are conditions none of which may hold.
	Not []When `json:",omitempty"`
}

// Regex is a user-defined detector.
type Regex struct {
	ID, Regex, Action string
	// KeepFirst and KeepLast are as in KeyRule (mask only).
	KeepFirst int `json:",omitempty"`
	KeepLast  int `json:",omitempty"`

	line int
}

// Keep is how many letters and digits of a match stay at its ends.
type Keep struct{ First, Last int }

// HMAC configures tokens.
type HMAC struct {
	// Active is the id of the key that makes tokens. Default: the first key.
	Active string
	Keys   []HMACKey
	// Rotate, if not zero, derives a new key each period. At least one hour.
	Rotate time.Duration

	line int
}

// HMACKey is one key of at least 32 bytes. Exactly one of File, Env, Value and Source
// is set.
type HMACKey struct {
	ID    string
	File  string
	Env   string
	Value string
	// Source names a key source of the program that runs the policy, see
	// Policy.SetKeySource. Until it has a key, the key is missing.
	Source string `json:",omitempty"` // so that the hash of other policies is as it was

	line int
}

// Limits bound the work on one value.
type Limits struct {
	// Depth of containers in one document. Default and maximum 512.
	Depth int
	// Nested is how many encoded documents may stand inside each other. Default 4,
	// maximum 8.
	Nested int
	// Body is how many bytes of a value are read; the rest is cut off. Default 1 MiB.
	Body int
}

// Places are the names under "in:".
func Places() []string {
	return []string{
		"attributes", "request_headers", "response_headers", "headers", "cookies", "set_cookies",
		"query", "path", "request_body", "response_body", "body", "client_ip", "text",
	}
}

// placeSet is a bit set of places.
type placeSet uint16

const allPlaces = placeSet(1<<numPlaces - 1)

func placesOf(name string) (placeSet, bool) {
	switch name {
	case "attributes":
		return 1 << placeAttribute, true
	case "request_headers":
		return 1 << placeRequestHeader, true
	case "response_headers":
		return 1 << placeResponseHeader, true
	case "headers":
		return 1<<placeRequestHeader | 1<<placeResponseHeader, true
	case "cookies":
		return 1<<placeCookie | 1<<placeSetCookie, true
	case "set_cookies":
		return 1 << placeSetCookie, true
	case "query":
		return 1 << placeQuery, true
	case "path":
		return 1 << placePath, true
	case "request_body":
		return 1 << placeRequestBody, true
	case "response_body":
		return 1 << placeResponseBody, true
	case "body":
		return 1<<placeRequestBody | 1<<placeResponseBody, true
	case "client_ip":
		return 1 << placeClientIP, true
	case "text":
		return 1 << placeText, true
	}
	return 0, false
}

func (p place) String() string {
	return [...]string{
		"attribute", "request_header", "response_header", "cookie", "set_cookie",
		"query", "path", "request_body", "response_body", "client_ip", "text",
	}[p]
}

func (a action) String() string {
	switch a {
	case actAllow:
		return "allow"
	case actTruncate:
		return "truncate"
	case actHMAC:
		return "hmac"
	case actEncrypt:
		return "encrypt"
	case actMask, actMiss:
		return "mask"
	case actDrop:
		return "drop"
	default:
		return "none"
	}
}

func (o outcome) String() string {
	return [...]string{"ok", "truncated", "malformed", "unsupported", "limit", "no_key"}[o]
}
