// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"net/http"
	"strings"
	"testing"

	"github.com/apispan/apispan/redact"
)

// credentialFields are header fields that well-known services send credentials in.
var credentialFields = strings.Fields(`
	Authorization Proxy-Authorization X-Authorization X-Forwarded-Authorization X-Original-Authorization x-oai-authorization
	X-Emby-Authorization X-Serverless-Authorization Authentication Proxy-Authentication-Info Authentication-Info X-WSSE
	Cookie Set-Cookie Cookie2 X-Cookie X-Api-Key Api-Key Apikey X-ApiKey X-API-Token X-Auth-Token X-Auth-Key X-Auth X-Access-Token
	X-Session-Id X-Session-Token Mcp-Session-Id X-Jwt X-Jwt-Assertion X-JWT-Payload Cf-Access-Jwt-Assertion X-Goog-Iap-Jwt-Assertion
	X-Amzn-Oidc-Data X-Amzn-Oidc-Accesstoken X-Amz-Security-Token X-Amz-Content-Signature X-Otp X-Pin X-GitHub-OTP
	X-Functions-Key Fastly-Key DD-Api-Key DD-Application-Key Ocp-Apim-Subscription-Key Subscription-Key X-Master-Key
	X-Parse-Master-Key X-Application-Key X-Insert-Key X-License-Key Fcm-Key Key X-Figma-Token X-Shopify-Access-Token
	X-Shopify-Hmac-Sha256 Stripe-Signature Svix-Signature Webhook-Signature X-Hub-Signature X-Hub-Signature-256 X-Line-Signature
	X-Zm-Signature X-Slack-Signature X-Signature X-Dropbox-Signature X-Twilio-Signature X-Zitadel-Signature Signature
	X-Vault-Token PRIVATE-TOKEN JOB-TOKEN X-Gitlab-Token X-Gitlab-Webhook-Signature X-Telegram-Bot-Api-Secret-Token X-Csrf-Token X-Xsrf-Token
	X-Client-Cert X-SSL-Client-Cert X-Forwarded-Client-Cert Ssl-Client-Cert X-ARR-ClientCert X-Credentials X-Sentry-Auth X-Tableau-Auth
	X-Endpoint-API-UserInfo X-Apigateway-Api-Userinfo x-amz-server-side-encryption-customer-key x-goog-encryption-key X-Password
	X-Passcode X-Secret X-Client-Secret X-Ms-Token-Aad-Access-Token X-Plex-Token X-Consul-Token X-Nomad-Token X-Databricks-Azure-SP-Management-Token
	X-Auth-Request-Access-Token X-Goog-Api-Key Anthropic-Api-Key X-Rapidapi-Key X-Algolia-Api-Key X-Mashape-Key X-Typesense-Api-Key X-Saml-Assertion`)

// innocentFields sound like it.
var innocentFields = strings.Fields(`
	Content-Type Accept X-Request-Id Www-Authenticate Idempotency-Key Surrogate-Key X-Cache-Key Sec-WebSocket-Key Keep-Alive
	X-Ratelimit-Remaining-Tokens X-Ratelimit-Limit-Tokens Anthropic-Ratelimit-Tokens-Remaining Public-Key-Pins X-Routing-Key
	Access-Control-Allow-Methods Etag Cache-Control X-Forwarded-Proto Authority X-Author X-Keyword X-Monkey Accept-Language`)

// The same names are credentials without a policy, under the default policy in the
// wrapper, and in the Collector, which calls the same engine.
func TestCredentialNames(t *testing.T) {
	const secret = "Qw7-violet-3x"
	y, _ := redact.Preset("default")
	policy, err := redact.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	s := policy.NewScratch()
	defer s.Release()
	plain := newHeaderSet(newHeaderTable(requestSide), headerSpec{all: true}, nil, &config{})
	value := func(n, v string) string {
		return strings.Join(plain.attr(plain.table.get(http.CanonicalHeaderKey(n)), []string{v}).Value.AsStringSlice(), ",")
	}
	for _, n := range credentialFields {
		if !redact.Credential(n) {
			t.Errorf("%s is not taken for a credential", n)
		}
		if got := value(n, secret); strings.Contains(got, secret) {
			t.Errorf("%s without a policy: %q", n, got)
		}
		for _, side := range []redact.Side{redact.Request, redact.Response} {
			if got, _ := s.Header(side, n, secret); strings.Contains(got, secret) {
				t.Errorf("%s under the default policy: %q", n, got)
			}
		}
	}
	for _, n := range innocentFields {
		if redact.Credential(n) {
			t.Errorf("%s is taken for a credential", n)
		}
		if got := value(n, secret); got != secret {
			t.Errorf("%s without a policy: %q", n, got)
		}
		if got, _ := s.Header(redact.Request, n, secret); got != secret {
			t.Errorf("%s under the default policy: %q", n, got)
		}
	}
	// Values that say something about a credential stay in the Collector; the wrapper
	// without a policy masks them by the name.
	for _, line := range []string{"Access-Control-Allow-Credentials: true", "X-Token-Expires-At: 2026-01-01T00:00:00Z", "X-Token-Type: bearer"} {
		n, v, _ := strings.Cut(line, ": ")
		if got, _ := s.Header(redact.Response, n, v); got != v {
			t.Errorf("%s: %q", line, got)
		}
	}
}

// credentialParameters are query parameters that carry credentials.
var credentialParameters = strings.Fields(`
	token access_token id_token refresh_token id_token_hint api_key apikey key auth auth_key password passwd pwd client_secret secret sig
	signature X-Amz-Signature X-Amz-Credential X-Amz-Security-Token X-Goog-Signature AWSAccessKeyId code state session session_id sid jwt
	assertion client_assertion code_verifier SAMLResponse SAMLRequest ticket otp pin sas csrf_token xsrf credential`)

func TestCredentialParameters(t *testing.T) {
	const secret = "Qw7-violet-3x"
	y, _ := redact.Preset("default")
	policy, err := redact.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	s := policy.NewScratch()
	defer s.Release()
	for _, n := range credentialParameters {
		q := "page=2&" + n + "=" + secret
		want := "page=2&" + n + "=[REDACTED]"
		under, _ := s.Attribute("url.query", q)
		full, _ := s.Attribute("url.full", "https://h.test/a?"+q)
		referer, _ := s.Attribute("http.request.header.referer", "https://h.test/a?"+q)
		for place, got := range map[string]string{
			"query": maskQuery(q), "query under the policy": under,
			"url.full": strings.TrimPrefix(maskURL("https://h.test/a?"+q), "https://h.test/a?"), "url.full under the policy": strings.TrimPrefix(full, "https://h.test/a?"),
			"Referer":                  strings.TrimPrefix(maskURLField("Referer", "https://h.test/a?"+q), "https://h.test/a?"),
			"Location":                 strings.TrimPrefix(maskURLField("Location", "/a?"+q), "/a?"),
			"fragment":                 strings.TrimPrefix(maskURL("https://h.test/a#"+q), "https://h.test/a#"),
			"Referer under the policy": strings.TrimPrefix(referer, "https://h.test/a?"),
		} {
			if got != want {
				t.Errorf("%s: %s: %q, want %q", n, place, got, want)
			}
		}
	}
	if got := maskURL("https://ada:" + secret + "@h.test/a"); strings.Contains(got, secret) {
		t.Errorf("user information: %q", got)
	}
	for _, q := range []string{"page=2&sort=name", "state=CA&page=2", "code=SAVE10", "key=name", "page_token=" + secret, "keyword=x", "monkey=" + secret, "token_type=bearer"} {
		if got := maskQuery(q); got != q {
			t.Errorf("%q becomes %q", q, got)
		}
	}
}

func TestMaskQuery(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                 "",
		"a=1&b=2":                          "a=1&b=2",
		"a=1&access_token=x&b=2":           "a=1&access_token=[REDACTED]&b=2",
		"token=x":                          "token=[REDACTED]",
		"token=&a":                         "token=&a",
		"to%6ben=x;password=y":             "to%6ben=[REDACTED]",
		"a=token=x":                        "a=token%3D[REDACTED]", // a pair inside a value
		"password=a=b&x":                   "password=[REDACTED]&x",
		"&&api_key=1&":                     "&&api_key=[REDACTED]&",
		"%zz=1&secret=2":                   "%zz=1&secret=[REDACTED]",
		"x=1&X-Amz-Signature=abc&next=%2F": "x=1&X-Amz-Signature=[REDACTED]&next=%2F",
	} {
		if got := maskQuery(in); got != want {
			t.Errorf("maskQuery(%q) = %q, want %q", in, got, want)
		}
	}
}
