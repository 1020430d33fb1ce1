// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "fmt"

// defaultKeys is the built-in denylist. Sources: OpenTelemetry semantic
// conventions (url.query), OWASP logging cheat sheet, Elastic APM
// sanitize_field_names, Sentry data scrubbing, Datadog obfuscation (public
// documentation, checked 2026-11).
//
// Names are written as users write them; they are folded like any other rule.
var defaultKeys = []string{
	// Header fields with credentials. www-authenticate carries none.
	"authorization", "proxy-authorization", "x-api-key", "api-key", "apikey", "x-auth-token",
	"x-csrf-token", "x-xsrf-token", "x-amz-security-token", "x-goog-iam-*", "x-vault-token",
	"x-gitlab-token", "x-hub-signature*", "x-forwarded-client-cert", "ssl-client-cert",
	// Credentials.
	"*password*", "*passwd*", "pwd", "pass", "pw", "passphrase", "*secret*", "*token",
	"*api*key", "*access*key", "*private*key", "credential", "credentials", "auth", "bearer",
	"jwt", "otp", "totp", "mfa*", "pin",
	// Payment.
	"cvv", "cvc", "csc", "card_number", "pan", "credit*card*", "iban", "account_number",
	"routing_number",
	// Identity.
	"ssn", "social_security*", "tax_id", "passport*", "drivers_license", "dob", "date_of_birth",
	"mothers_maiden_name", "security_answer",
	// Sessions and signatures.
	"session", "session_id", "sessionid", "sid", "jsessionid", "phpsessid", "connect.sid",
	"csrf*", "xsrf*", "signature", "sig", "dsn", "connection_string", "salt",
}

// defaultQueryKeys apply to query strings only: as body fields these names are
// mostly harmless.
var defaultQueryKeys = []string{
	"code", "state", "x-amz-signature", "x-amz-credential", "x-goog-signature", "x-goog-credential", "awsaccesskeyid",
}

// DefaultKeys lists the built-in denylist: for every place, and for queries only.
func DefaultKeys() (everywhere, query []string) {
	return append([]string(nil), defaultKeys...), append([]string(nil), defaultQueryKeys...)
}

// defaults adds the built-in rules.
func (c *compiler) defaults() {
	f := c.p.cfg
	except := map[string]bool{}
	for _, e := range f.Except {
		except[e] = true
	}
	defer c.exceptions(except)
	if !f.Defaults {
		return
	}
	add := func(names []string, places placeSet) {
		for _, n := range names {
			if except[n] {
				delete(except, n)
				continue
			}
			c.key("defaults", 0, n, rule{id: "default:" + n, act: actMask, places: places, scope: -1, builtin: true})
		}
	}
	add(defaultKeys, allPlaces)
	add(defaultQueryKeys, 1<<placeQuery)
	// Cookie values go, their names stay. Rules of the policy for the place replace
	// these.
	own := func(place string) bool {
		r, ok := f.In[place]
		return ok && (r.Action != "" || len(r.Allow) > 0 || r.TruncateV4+r.TruncateV6 != 0)
	}
	if !except["cookie"] && !own("cookies") {
		c.add(rule{id: "default:cookie", act: actMask, places: 1 << placeCookie, scope: -1, whole: true, builtin: true})
	}
	if !except["set-cookie"] && !own("cookies") && !own("set_cookies") {
		c.add(rule{id: "default:set-cookie", act: actMask, places: 1 << placeSetCookie, scope: -1, whole: true, builtin: true})
	}
	delete(except, "cookie")
	delete(except, "set-cookie")
	if !except["client_ip"] && !own("client_ip") {
		ru := rule{id: "default:client_ip", act: actTruncate, places: 1 << placeClientIP, scope: -1, whole: true, builtin: true, v4: defaultV4, v6: defaultV6}
		if len(f.HMAC.Keys) > 0 {
			ru.act = actHMAC
		}
		c.add(ru)
	}
	delete(except, "client_ip")
}

// exceptions adds the entries of the field "except" that are none of the built-in
// list: they are names, globs and paths like those of keys.except.
func (c *compiler) exceptions(left map[string]bool) {
	for i, e := range c.p.cfg.Except {
		if left[e] {
			c.key(fmt.Sprintf("except[%d]", i), 0, e, rule{id: "except:" + e, act: actAllow, except: true, places: allPlaces, scope: -1})
			c.freed = append(c.freed, namedRule{where: fmt.Sprintf("except[%d]", i), name: e, places: allPlaces, must: true})
		}
	}
}
