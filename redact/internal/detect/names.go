// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

// Detectors in the order of infos.
const (
	detUserinfo uint8 = iota
	detPrivateKey
	detJWT
	detBearer
	detBasic
	detAWSKey
	detAWSSecret
	detGitHub
	detGitLab
	detSlack
	detStripe
	detGoogle
	detVendor
	detCard
	detEmail
	detIP
	detPhone
	detIBAN
	detSSN
	detHash
	detProse
	numDetectors
)

// Info describes a built-in detector.
type Info struct {
	Name    string
	Doc     string // one line
	Default bool   // on in a policy with `defaults: true`
}

var infos = [numDetectors]Info{
	detUserinfo:   {"url_userinfo", "user and password before the @ of a URL's authority (also a user alone, also after backslashes)", true},
	detPrivateKey: {"private_key", "PEM and OpenSSH private keys, with or without their END or BEGIN line", true},
	detJWT:        {"jwt", "JSON web tokens: signed, unsigned, detached and encrypted (JWE)", true},
	detBearer:     {"bearer", "the credential after the word Bearer", true},
	detBasic:      {"basic_auth", "the credential after the word Basic, if it decodes to user:password", true},
	detAWSKey:     {"aws_access_key", "AWS access key ids (AKIA, ASIA, ...) and session tokens", true},
	detAWSSecret:  {"aws_secret_key", "AWS secret access keys that stand after their name or beside a key id", true},
	detGitHub:     {"github_token", "GitHub tokens (ghp_, gho_, ghu_, ghs_, ghr_, github_pat_)", true},
	detGitLab:     {"gitlab_token", "GitLab tokens (glpat-, gldt-, glrt-, ...)", true},
	detSlack:      {"slack_token", "Slack tokens (xoxb-, xoxp-, xapp-, ...) and webhook URLs", true},
	detStripe:     {"stripe_key", "Stripe secret, restricted and webhook keys (sk_live_, rk_live_, whsec_, ...)", true},
	detGoogle:     {"google_api_key", "Google API keys (AIza), OAuth tokens (ya29.) and client secrets (GOCSPX-)", true},
	detVendor:     {"vendor_key", "keys of other vendors that are known by their form (npm, PyPI, SendGrid, OpenAI, Vault, Discord, ...)", true},
	detCard:       {"card", "payment card numbers of 13 to 19 digits with a known issuer prefix and a valid check digit (Luhn)", true},
	detEmail:      {"email", "e-mail addresses", false},
	detIP:         {"ip", "IPv4 and IPv6 addresses; not version numbers, times or MAC addresses", false},
	detPhone:      {"phone", "telephone numbers in international (+) and North American form", false},
	detIBAN:       {"iban", "international bank account numbers with a valid check (ISO 13616, mod 97)", false},
	detSSN:        {"ssn", "US social security numbers with separators and a valid area, group and serial", false},
	detHash:       {"password_hash", "hashes of passwords: bcrypt, crypt, Argon2, scrypt, PBKDF2, phpass, SCRAM, LDAP, MySQL", true},
	detProse:      {"prose_secret", "what a sentence gives as a password, token, key, PIN or one-time code (my password is hunter2, 482113 is your code)", true},
}

// aliases are other names that policies use.
var aliases = map[string]string{
	"userinfo": "url_userinfo", "url_credentials": "url_userinfo", "pem": "private_key", "basic": "basic_auth",
	"aws": "aws_access_key", "aws_key": "aws_access_key", "aws_access_key_id": "aws_access_key",
	"aws_secret": "aws_secret_key", "aws_secret_access_key": "aws_secret_key",
	"github": "github_token", "github_pat": "github_token", "gitlab": "gitlab_token", "gitlab_pat": "gitlab_token",
	"slack": "slack_token", "stripe": "stripe_key", "google": "google_api_key", "google_key": "google_api_key",
	"vendor": "vendor_key", "vendor_keys": "vendor_key", "credit_card": "card", "pan": "card", "card_number": "card",
	"e-mail": "email", "mail": "email", "ip_address": "ip", "ipv4": "ip", "ipv6": "ip", "phone_number": "phone",
	"social_security_number": "ssn", "us_ssn": "ssn",
}

// List returns the built-in detectors in a fixed order.
func List() []Info { return append([]Info(nil), infos[:]...) }

// Names returns the names of all built-in detectors.
func Names() []string {
	out := make([]string, 0, len(infos))
	for _, i := range infos {
		out = append(out, i.Name)
	}
	return out
}

// DefaultNames returns the names of those that are on by default.
func DefaultNames() []string {
	var out []string
	for _, i := range infos {
		if i.Default {
			out = append(out, i.Name)
		}
	}
	return out
}

// Lookup returns the name of the built-in detector that name, in any case, or
// one of its aliases, means.
func Lookup(name string) (canonical string, ok bool) {
	d, ok := lookup(name)
	if !ok {
		return "", false
	}
	return infos[d].Name, true
}

func lookup(name string) (uint8, bool) {
	name = strings.ToLower(name)
	if to, ok := aliases[name]; ok {
		name = to
	}
	for d, i := range infos {
		if i.Name == name {
			return uint8(d), true
		}
	}
	return 0, false
}
