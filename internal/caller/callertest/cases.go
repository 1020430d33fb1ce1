// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package callertest has the cases of who called. They run through package caller,
// through the wrapper in the application and through the processor in the Collector,
// which must agree.
package callertest

import (
	"encoding/base64"
	"strings"
)

// Source is a source as either side configures it; one field is set.
type Source struct {
	Header, Cookie, Query string
	// Claim is read out of Field, or out of Authorization.
	Claim, Field string
	BasicUser    bool
	JSONBody     string
}

// Case is a request, and what it says of its caller.
type Case struct {
	Name    string
	Sources []Source
	// Target is the attribute; user.id if empty.
	Target string
	// Policy is a policy in YAML; "" stands for one without rules.
	Policy string
	// Key is that of pseudonyms; "" for none.
	Key string

	Header [][2]string
	Query  string
	// Body is JSON, and Limit how much of it is captured; 0 for all.
	Body  string
	Limit int

	Want string
	// Refused: the configuration is an error that names the source, Want being what it
	// must hold.
	Refused bool
}

// Token makes a JSON Web Token of a payload, with a signature of no worth.
func Token(payload string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"none"}`)) + "." + enc([]byte(payload)) + ".c2ln"
}

func bearer(payload string) [][2]string {
	return [][2]string{{"Authorization", "Bearer " + Token(payload)}}
}

func basic(text string) [][2]string {
	return [][2]string{{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(text))}}
}

func field(name, value string) [][2]string { return [][2]string{{name, value}} }

// PseudonymKey is the key of the pseudonyms below, which were made with another
// implementation: printf %s VALUE | openssl dgst -sha256 -hmac KEY -binary | base64.
const PseudonymKey = "test-pseudonym-key-0123456789abcdef"

const (
	apiKey = "k-4711-very-secret"
	// apiKeyHidden is the pseudonym of apiKey, sidDigest the digest of topsecret.
	apiKeyHidden = "CpcQss5+j3N8odCuWHkb1lM0ZV4kS0V8DNzbuZRKvu0="
	stripeKey    = "sk_live_" + "51Hb0q2eZvKYlo2C8Z0aBcDeFgHiJ"
	stripeHidden = "jpgmRklzVP1CPKCpbSYAS7CeuGe23hWEVX0/juPguvE="
	sidDigest    = "sha256:UzNqZ2xkwTllU7K3yS84Eg"
)

var sub = []Source{{Claim: "sub"}}

// Cases returns all.
func Cases() []Case {
	cases := make([]Case, 0, 100)
	return append(append(append(append(cases, plain...), tokens...), bodies...), credentials...)
}

// plain are values that are an identity as they are.
var plain = []Case{
	{Name: "header", Sources: []Source{{Header: "x-user-id"}}, Header: field("X-User-Id", "u1"), Want: "u1"},
	{Name: "header, blanks round it", Sources: []Source{{Header: "X-User-Id"}}, Header: field("X-User-Id", " u1\t"), Want: "u1"},
	{Name: "header, several values", Sources: []Source{{Header: "x-user-id"}}, Header: [][2]string{{"X-User-Id", "u1"}, {"X-User-Id", "u2"}}, Want: "u1"},
	{Name: "header, not there", Sources: []Source{{Header: "x-user-id"}}, Header: field("X-User", "u1")},
	{Name: "header, not UTF-8", Sources: []Source{{Header: "x-user-id"}}, Header: field("X-User-Id", "u\xff1")},
	{Name: "header, too long", Sources: []Source{{Header: "x-user-id"}}, Header: field("X-User-Id", strings.Repeat("u", 513))},
	{Name: "header, masked before", Sources: []Source{{Header: "x-user-id"}}, Header: field("X-User-Id", "[REDACTED]")},
	{Name: "the first source with a value", Sources: []Source{{Header: "x-a"}, {Header: "x-b"}, {Header: "x-c"}}, Header: [][2]string{{"X-C", "u2"}, {"X-B", "u1"}}, Want: "u1"},
	{Name: "a source that cannot be used leaves the next", Sources: []Source{{Header: "x-a"}, {Header: "x-b"}}, Header: [][2]string{{"X-A", "[REDACTED]"}, {"X-B", "u1"}}, Want: "u1"},
	{Name: "cookie", Sources: []Source{{Cookie: "uid"}}, Header: field("Cookie", `a=b; uid=u1; c=d`), Want: "u1"},
	{Name: "cookie in quotes", Sources: []Source{{Cookie: "uid"}}, Header: field("Cookie", `a=b;uid="u1"`), Want: "u1"},
	{Name: "cookie with half a quote", Sources: []Source{{Cookie: "uid"}}, Header: field("Cookie", `uid="u1`), Want: `"u1`},
	{Name: "cookie, the first of a name", Sources: []Source{{Cookie: "uid"}}, Header: field("Cookie", `uid=u1; uid=u2`), Want: "u1"},
	{Name: "cookie in a second line", Sources: []Source{{Cookie: "uid"}}, Header: [][2]string{{"Cookie", "a=b"}, {"Cookie", "uid=u1"}}, Want: "u1"},
	{Name: "cookie, another case", Sources: []Source{{Cookie: "uid"}}, Header: field("Cookie", `UID=u1`)},
	{Name: "cookie with =", Sources: []Source{{Cookie: "uid"}}, Header: field("Cookie", `uid=a=b`), Want: "a=b"},
	{Name: "query", Sources: []Source{{Query: "user id"}}, Query: "a=1&user+id=u%31", Want: "u1"},
	{Name: "query, the first of a name", Sources: []Source{{Query: "uid"}}, Query: "uid=u1&uid=u2", Want: "u1"},
	{Name: "query, bad escape", Sources: []Source{{Query: "uid"}}, Query: "uid=%zz"},
	{Name: "query, bad escape elsewhere", Sources: []Source{{Query: "uid"}}, Query: "%zz=1&uid=u1", Want: "u1"},
	{Name: "query with ;", Sources: []Source{{Query: "uid"}}, Query: "a=1;b=2&uid=u;1", Want: "u;1"},
	{Name: "query with ?", Sources: []Source{{Query: "uid"}}, Query: "a=b?c&uid=u1", Want: "u1"},
	{Name: "query, a value with ?uid", Sources: []Source{{Query: "uid"}}, Query: "next=/x?uid=u2"},
	{Name: "query, escaped name", Sources: []Source{{Query: "uid"}}, Query: "u%69d=u1", Want: "u1"},
	{Name: "basic", Sources: []Source{{BasicUser: true}}, Header: basic("u1:secret"), Want: "u1"},
	{Name: "basic, lower case", Sources: []Source{{BasicUser: true}}, Header: field("Authorization", "basic  dTE6cA=="), Want: "u1"},
	{Name: "basic, colons in the password", Sources: []Source{{BasicUser: true}}, Header: basic("u1:a:b"), Want: "u1"},
	{Name: "basic without a colon", Sources: []Source{{BasicUser: true}}, Header: basic("u1")},
	{Name: "basic, not base64", Sources: []Source{{BasicUser: true}}, Header: field("Authorization", "Basic dTE6!")},
	{Name: "basic, another scheme", Sources: []Source{{BasicUser: true}}, Header: field("Authorization", "Bearer dTE6cA==")},
	{Name: "basic, not UTF-8", Sources: []Source{{BasicUser: true}}, Header: basic("u\xff:p")},
}

// tokens are claims of JSON Web Tokens.
var tokens = []Case{
	{Name: "claim", Sources: sub, Header: bearer(`{"iat":1,"sub":"u1"}`), Want: "u1"},
	{Name: "claim that is a number", Sources: []Source{{Claim: "uid"}}, Header: bearer(`{"uid":12345678901234567890}`), Want: "12345678901234567890"},
	{Name: "claim that is a boolean", Sources: []Source{{Claim: "ok"}}, Header: bearer(`{"ok":true}`), Want: "true"},
	{Name: "claim that is an array", Sources: []Source{{Claim: "aud"}}, Header: bearer(`{"aud":["u1"]}`)},
	{Name: "claim that is an object", Sources: []Source{{Claim: "org"}}, Header: bearer(`{"org":{"id":1}}`)},
	{Name: "claim that is null", Sources: sub, Header: bearer(`{"sub":null}`)},
	{Name: "claim that is empty", Sources: sub, Header: bearer(`{"sub":""}`)},
	{Name: "claim inside an object", Sources: []Source{{Claim: "realm.user"}}, Header: bearer(`{"realm":{"user":"u2"}}`), Want: "u2"},
	{Name: "claim with a dot in its name", Sources: []Source{{Claim: "realm.user"}}, Header: bearer(`{"realm.user":"u1","realm":{"user":"u2"}}`), Want: "u1"},
	{Name: "claim below a name with dots", Sources: []Source{{Claim: "https://acme.example/claims.user.id"}}, Header: bearer(`{"https://acme.example/claims":{"user":{"id":"u1"}}}`), Want: "u1"},
	{Name: "claim at three levels", Sources: []Source{{Claim: "a.b.c"}}, Header: bearer(`{"a":{"x":1,"b":{"c":"u1"}}}`), Want: "u1"},
	{Name: "claim, escaped name", Sources: sub, Header: bearer(`{"s\u0075b":"x9"}`), Want: "x9"},
	{Name: "claim, escaped name on the way", Sources: []Source{{Claim: "realm.user"}}, Header: bearer(`{"r\u0065alm":{"us\u0065r":"x9"}}`), Want: "x9"},
	{Name: "claim, escaped value", Sources: sub, Header: bearer(`{"sub":"u\u0031"}`), Want: "u1"},
	{Name: "claim, twice: the last", Sources: sub, Header: bearer(`{"sub":"u1","sub":"u2"}`), Want: "u2"},
	{Name: "claim, another name", Sources: sub, Header: bearer(`{"Sub":"u1","subject":"u2"}`)},
	{Name: "claim, only deeper", Sources: sub, Header: bearer(`{"act":{"sub":"u1"}}`)},
	{Name: "claim of bad JSON", Sources: sub, Header: bearer(`{"sub":"u1"`)},
	{Name: "claim of an array", Sources: sub, Header: bearer(`[{"sub":"u1"}]`)},
	{Name: "claim, not UTF-8", Sources: sub, Header: bearer("{\"sub\":\"u\xff\"}")},
	{Name: "claim, any scheme", Sources: sub, Header: field("Authorization", "DPoP "+Token(`{"sub":"u1"}`)), Want: "u1"},
	{Name: "claim, no scheme", Sources: []Source{{Claim: "sub", Field: "X-Token"}}, Header: field("X-Token", Token(`{"sub":"u1"}`)), Want: "u1"},
	{Name: "claim, padded", Sources: sub, Header: field("Authorization", "Bearer e30.eyJzdWIiOiJ1MTIifQ==.c2ln"), Want: "u12"},
	{Name: "claim, unsigned", Sources: sub, Header: field("Authorization", "Bearer e30.eyJzdWIiOiJ1MTIifQ."), Want: "u12"},
	{Name: "claim, no token", Sources: sub, Header: field("Authorization", "Bearer opaque")},
	{Name: "claim, two parts", Sources: sub, Header: field("Authorization", "Bearer e30.eyJzdWIiOiJ1MTIifQ")},
	{Name: "claim, four parts", Sources: sub, Header: field("Authorization", "Bearer "+Token(`{"sub":"u1"}`)+".x")},
	{Name: "claim, five parts: encrypted", Sources: sub, Header: field("Authorization", "Bearer "+Token(`{"sub":"u1"}`)+".x.y")},
	{Name: "claim, two tokens", Sources: sub, Header: field("Authorization", "Bearer "+Token(`{"sub":"u1"}`)+", Bearer "+Token(`{"sub":"u2"}`))},
	{Name: "claim, bad base64", Sources: sub, Header: field("Authorization", "Bearer a.!!.c")},
	{Name: "claim, too long", Sources: sub, Header: bearer(`{"x":"` + strings.Repeat("x", 16<<10) + `","sub":"u1"}`)},
	{Name: "claim of the next field", Sources: []Source{{Claim: "sub", Field: "x-none"}, {Claim: "sub", Field: "x-raw"}}, Header: field("X-Raw", Token(`{"sub":"u1"}`)), Want: "u1"},
}

// bodies are members of JSON bodies.
var bodies = []Case{
	{Name: "body", Sources: []Source{{JSONBody: "$.user.id"}}, Body: `{"a":[{"user":{"id":"no"}}],"user":{"id":"u\u0031"}}`, Want: "u1"},
	{Name: "body, number", Sources: []Source{{JSONBody: "user.id"}}, Body: `{"user":{"id":17}}`, Want: "17"},
	{Name: "body, object", Sources: []Source{{JSONBody: "user"}}, Body: `{"user":{"id":17}}`},
	{Name: "body, escaped name", Sources: []Source{{JSONBody: "user.id"}}, Body: `{"us\u0065r":{"\u0069d":"u1"}}`, Want: "u1"},
	{Name: "body, twice: the last", Sources: []Source{{JSONBody: "user.id"}}, Body: `{"user":{"id":"u1","id":"u2"},"user":{"id":"u3"}}`, Want: "u3"},
	{Name: "body, a name with dots is none", Sources: []Source{{JSONBody: "user.id"}}, Body: `{"user.id":"u1"}`},
	{Name: "body, cut behind the value", Sources: []Source{{JSONBody: "user.id"}}, Body: `{"user":{"id":"u1","name":"somebody"}}`, Limit: 30, Want: "u1"},
	{Name: "body, cut in the value", Sources: []Source{{JSONBody: "user.name"}}, Body: `{"user":{"id":"u1","name":"somebody"}}`, Limit: 32},
	{Name: "body, cut in a number", Sources: []Source{{JSONBody: "n"}}, Body: `{"n":1234567}`, Limit: 9},
	{Name: "body, not JSON", Sources: []Source{{JSONBody: "user"}}, Body: `<user>u1</user>`},
	{Name: "body, no UTF-8", Sources: []Source{{JSONBody: "user"}}, Body: "{\"user\":\"u\xff\"}"},
}

// credentials never arrive in clear.
var credentials = []Case{
	{Name: "API key, no key", Sources: []Source{{Header: "X-Api-Key"}}, Header: field("X-Api-Key", apiKey), Refused: true, Want: "X-Api-Key"},
	{Name: "API key", Sources: []Source{{Header: "X-Api-Key"}}, Key: PseudonymKey, Header: field("X-Api-Key", apiKey), Want: apiKeyHidden},
	{Name: "authorization, no key", Sources: []Source{{Header: "authorization"}}, Header: field("Authorization", "Bearer x"), Refused: true, Want: "authorization"},
	{Name: "authorization", Sources: []Source{{Header: "authorization"}}, Key: PseudonymKey, Header: field("Authorization", apiKey), Want: apiKeyHidden},
	{Name: "field that is called like a credential", Sources: []Source{{Header: "X-Session-Id"}}, Header: field("X-Session-Id", "x"), Refused: true, Want: "X-Session-Id"},
	{Name: "field of a proxy that logs in", Sources: []Source{{Header: "X-Auth-Request-User"}}, Header: field("X-Auth-Request-User", "u1"), Want: "u1"},
	{Name: "all cookies", Sources: []Source{{Header: "cookie"}}, Header: field("Cookie", "a=b"), Refused: true, Want: "cookie"},
	{Name: "session cookie, no key", Sources: []Source{{Cookie: "connect.sid"}}, Header: field("Cookie", "connect.sid=x"), Refused: true, Want: "connect.sid"},
	{Name: "session cookie", Sources: []Source{{Cookie: "laravel_session"}}, Key: PseudonymKey, Header: field("Cookie", "laravel_session="+apiKey), Want: apiKeyHidden},
	{Name: "session cookie as the session", Target: "session.id", Sources: []Source{{Cookie: "sid"}}, Header: field("Cookie", "sid=topsecret"), Policy: "version: 1\ndefaults: false\n", Want: sidDigest},
	{Name: "query, no key", Sources: []Source{{Query: "api_key"}}, Query: "api_key=x", Refused: true, Want: "api_key"},
	{Name: "query", Sources: []Source{{Query: "access_token"}}, Key: PseudonymKey, Query: "access_token=" + apiKey, Want: apiKeyHidden},
	{Name: "body, no key", Sources: []Source{{JSONBody: "$.login.password"}}, Body: `{"login":{"password":"x"}}`, Refused: true, Want: "password"},
	{Name: "body", Sources: []Source{{JSONBody: "$.auth.id"}}, Key: PseudonymKey, Body: `{"auth":{"id":"` + apiKey + `"}}`, Want: apiKeyHidden},
	{Name: "claim that the defaults deny", Sources: []Source{{Claim: "access_token"}}, Header: bearer(`{"access_token":"x"}`), Refused: true, Want: "access_token"},
	{Name: "a rule of the policy", Sources: []Source{{Header: "x-badge"}}, Policy: "version: 1\nkeys: {deny: [x-badge]}\n", Header: field("X-Badge", "7"), Refused: true, Want: "x-badge"},
	{Name: "a rule for some exchanges", Sources: []Source{{Header: "x-badge"}}, Policy: "version: 1\nrules: [{when: {host: [a.example]}, keys: {deny: [x-badge]}}]\n", Header: field("X-Badge", "7"), Refused: true, Want: "x-badge"},
	{Name: "a rule of the policy, with a key", Sources: []Source{{Header: "x-badge"}}, Policy: "version: 1\nkeys: {drop: [x-badge]}\n", Key: PseudonymKey, Header: field("X-Badge", apiKey), Want: apiKeyHidden},
	{Name: "what the policy excepts", Sources: []Source{{Query: "pin"}}, Policy: "version: 1\nexcept: [pin]\n", Query: "pin=u1", Want: "u1"},
	{Name: "a field that the policy hides", Sources: []Source{{Header: "x-api-key"}}, Policy: "version: 1\nkeys: {deny: [user.id]}\n", Header: field("X-Api-Key", apiKey), Want: "[REDACTED]"},
	{Name: "address, truncated by the defaults", Sources: []Source{{Header: "x-real-ip"}}, Policy: "version: 1\n", Header: field("X-Real-Ip", "203.0.113.7"), Refused: true, Want: "x-real-ip"},
	{Name: "value with the form of a key, no key", Sources: []Source{{Header: "x-user-id"}, {Header: "x-b"}}, Header: [][2]string{{"X-User-Id", stripeKey}, {"X-B", "u1"}}, Want: "u1"},
	{Name: "value with the form of a key", Sources: []Source{{Header: "x-user-id"}}, Key: PseudonymKey, Header: field("X-User-Id", stripeKey), Want: stripeHidden},
	{Name: "cookie with the form of a token", Sources: []Source{{Cookie: "uid"}}, Header: field("Cookie", "uid="+Token(`{"sub":"u1","iss":"https://id.example","exp":1}`))},
	{Name: "user without a password is an API key, no key", Sources: []Source{{BasicUser: true}}, Header: basic(apiKey + ":")},
	{Name: "user without a password is an API key", Sources: []Source{{BasicUser: true}}, Key: PseudonymKey, Header: basic(apiKey + ":"), Want: apiKeyHidden},
	{Name: "a credential that was masked before", Sources: []Source{{Header: "x-api-key"}}, Key: PseudonymKey, Header: field("X-Api-Key", "[REDACTED]")},
}
