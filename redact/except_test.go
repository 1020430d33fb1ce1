// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestExceptTable holds the table of docs/policy.md: an exception of each strength
// against a deny of each strength, for the key usage.token.
func TestExceptTable(t *testing.T) {
	t.Parallel()
	denies := []string{"$.usage.token", "token", "$..token", "$.*.token", "*token", "$.usage.*oken", "tok*", "*", "built-in", "place"}
	for except, wins := range map[string]string{
		"$.usage.token":    "token $..token $.*.token *token $.usage.*oken tok* * built-in place",
		"$.usage[*].token": "token $..token $.*.token *token $.usage.*oken tok* * built-in place",
		"token":            "*token $.usage.*oken tok* * built-in place",
		"$..token":         "*token $.usage.*oken tok* * built-in place",
		"$.*.token":        "*token $.usage.*oken tok* * built-in place",
		// Globs: over those that match all that they match, and more.
		"*oken": "* built-in place", "toke*": "tok* * built-in place", "$.usage.*token": "$.usage.*oken * built-in place", "to*ken": "* built-in place",
	} {
		for _, deny := range denies {
			yaml := fmt.Sprintf("defaults: false\nkeys: {deny: [%q], except: [%q]}", deny, except)
			switch deny {
			case "built-in":
				yaml = fmt.Sprintf("keys: {except: [%q]}", except)
			case "place":
				yaml = fmt.Sprintf("defaults: false\nin: {body: {action: mask, except: [%q]}}", except)
			}
			in := `{"usage":{"token":"s"}}`
			if strings.Contains(except, "[*]") {
				in = `{"usage":[{"token":"s"}]}`
			}
			want := slices.Contains(strings.Fields(wins), deny)
			if got := body(t, compile(t, yaml), in); (got == in) != want {
				t.Errorf("except %s, deny %s: %s, want kept %v", except, deny, got, want)
			}
		}
	}
}

func TestGlobCovers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		wide, narrow string
		want         bool
	}{
		{"*token", "*_page_token", true}, {"*token", "next*token", true}, {"*token*", "*token", true}, {"*secret*", "public_*", false},
		{"*_page_token", "*token", false}, {"a*b", "a*c*b", true}, {"a*c*b", "a*b", false}, {"*", "x*", true}, {"a*", "a*", true},
	} {
		w, n := foldGlob(tt.wide), foldGlob(tt.narrow)
		if got := w.covers(&n); got != tt.want {
			t.Errorf("%s covers %s: %v", tt.wide, tt.narrow, got)
		}
	}
}

// Exceptions in every syntax and place, and what they do not do.
func TestExcept(t *testing.T) {
	t.Parallel()
	for i, tt := range []struct{ yaml, contentType, in, want string }{
		{"except: [next_page_token]", "application/json", `{"next_page_token":"a","token":"b"}`, `{"next_page_token":"a","token":"[REDACTED]"}`},
		{"except: ['*page_token']", "application/json", `{"next_page_token":"a","token":"b"}`, `{"next_page_token":"a","token":"[REDACTED]"}`},
		{"except: [next_page_token]", "application/x-www-form-urlencoded", `next_page_token=a&token=b`, `next_page_token=a&token=[REDACTED]`},
		{"except: [next_page_token]", "application/xml", `<r><nextPageToken>a</nextPageToken><token>b</token></r>`, `<r><nextPageToken>a</nextPageToken><token>[REDACTED]</token></r>`},
		{"except: [next_page_token]", "text/plain", "next_page_token: aaaaaa\ntoken: bbbbbb\n", "next_page_token: aaaaaa\ntoken: [REDACTED]\n"},
		{"keys: {except: [$.usage.token]}", "application/json", `{"usage":{"token":"a"},"token":"b"}`, `{"usage":{"token":"a"},"token":"[REDACTED]"}`},
		{"keys: {except: [$.items.token]}", "application/json", `{"items":[{"token":"a"}],"token":"b"}`, `{"items":[{"token":"a"}],"token":"[REDACTED]"}`},
		{"in: {response_body: {except: [token]}}", "application/json", `{"token":"b"}`, `{"token":"[REDACTED]"}`},
		{"in: {request_body: {except: [token]}}", "application/json", `{"token":"b"}`, `{"token":"b"}`},
		// What stands below it is judged by itself, what stands around it wins.
		{"except: [secret_santa]", "application/json", `{"secret_santa":{"name":"Bob","password":"x"}}`, `{"secret_santa":{"name":"Bob","password":"[REDACTED]"}}`},
		{"except: [next_page_token]", "application/json", `{"password":{"next_page_token":"a"}}`, `{"password":{"next_page_token":"[REDACTED]"}}`},
		{"except: [next_page_token]", "application/x-www-form-urlencoded", `password[next_page_token]=a`, `password[next_page_token]=[REDACTED]`},
		// Detectors search it.
		{"except: [next_page_token]", "application/json", `{"next_page_token":"4111111111111111"}`, `{"next_page_token":"[REDACTED]"}`},
		// Presets are weaker than the file over them.
		{"preset: pci\nkeys: {except: [cid]}", "application/json", `{"cid":"a","cvn":"b"}`, `{"cid":"a","cvn":"[REDACTED]"}`},
		{"preset: schema-only\nkeys: {except: [status]}", "application/json", `{"status":"a","n":1}`, `{"status":"a","n":"[REDACTED:number]"}`},
		// As a name in a pair.
		{"except: [next_page_token]", "application/json", `[{"name":"next_page_token","value":"a"},{"name":"api_token","value":"b"}]`, `[{"name":"next_page_token","value":"a"},{"name":"api_token","value":"[REDACTED]"}]`},
		// In doubt about the scope it does not hold.
		{"rules: [{when: {host: internal}, keys: {except: [token]}}]", "application/json", `{"token":"b"}`, `{"token":"[REDACTED]"}`},
	} {
		s := compile(t, tt.yaml).NewScratch()
		s.Begin(Exchange{RequestContentType: tt.contentType})
		if got, _ := s.Body(Request, tt.in); got != tt.want {
			t.Errorf("%d: %s: %s, want %s", i, tt.yaml, got, tt.want)
		}
		s.Release()
	}
	s := compile(t, "except: [x-page-token]\nin: {cookies: {except: [theme]}}\nrules: [{when: {host: internal}, keys: {except: [token]}}]").NewScratch()
	defer s.Release()
	s.Begin(Exchange{Host: "internal"})
	for _, tt := range [][3]string{
		{"cookie", "theme=dark; x=abc", "theme=dark; x=[REDACTED]"}, {"x-page-token", "p2", "p2"}, {"x-api-token", "p2", "[REDACTED]"}, {"token", "a", "a"},
	} {
		if got, _ := s.Header(Request, tt[0], tt[1]); got != tt[2] {
			t.Errorf("%s: %s, want %s", tt[0], got, tt[2])
		}
	}
	if got, _ := s.Query("x_page_token=1&a_token=2"); got != "x_page_token=1&a_token=[REDACTED]" {
		t.Error(got)
	}
}

// What cannot match or mean anything is told, with the way to say it.
func TestNamesThatCannotMatch(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"^pass.*$": `"pass*"`, "(?i)email": `"*email*"`, "/email/i": `"*email*"`, "re:^pass": `"pass*"`, "!x": `except: ["x"]`, `pass\w+`: "pass*", `user\.email`: `user.email`,
		"[a-z]+_token": "regular expression", ".+token": `"*token*"`,
	} {
		_, err := CompileConfig(Config{Keys: Keys{Deny: []KeyRule{{Name: name}}}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "keys.deny[0]") {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	for name, want := range map[string]string{
		"user.email": `"$.user.email"`, "items[].name": `"$.items[*].name"`, "items[*].sku": `"$.items[*].sku"`, "/user/email": `"$.user.email"`, "a,b": "one entry for each",
		"password|secret": "[password, secret]", "pin?": "only wildcard", "authorization:": `"authorization"`, "total$": `"total"`, "user.*": `"$.user.*"`,
	} {
		p, err := CompileConfig(Config{Keys: Keys{Deny: []KeyRule{{Name: name}}}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(p.Warnings()) != 1 || !strings.Contains(p.Warnings()[0], want) {
			t.Errorf("%s: %v %v, want %s", name, err, p.Warnings(), want)
		}
	}
	for _, yaml := range []string{
		"in: {attributes: {deny: [enduser.*, user.email]}, headers: {deny: [a.b]}}", "keys: {deny: ['*password*', connect.sid, http.url, 'a b', 名前, 'user[password]']}", "version: 1",
		"preset: pci", "preset: allowlist", "preset: schema-only", "preset: headers-safe", "except: [next_page_token]",
	} {
		if w := compile(t, yaml).Warnings(); len(w) > 0 {
			t.Errorf("%s: %q", yaml, w)
		}
	}
}

func TestRulesAgainstEachOther(t *testing.T) {
	t.Parallel()
	for yaml, want := range map[string]string{
		"keys: {allow: [$.usage.token]}":                                `except: ["$.usage.token"]`,
		"keys:\n  allow: [token]":                                       `line 2`,
		"in: {query: {allow: [access_token]}}":                          `in.query.allow`,
		"keys: {except: ['*']}":                                         "defaults: false",
		"keys: {deny: [{name: a, keep_last: 9}]}":                       "0 to 8",
		"keys: {hmac: [{name: a, keep_last: 4}]}":                       "unknown field",
		"patterns: {card: truncate}":                                    "addresses",
		"patterns: {card: {action: hmac, keep_last: 4}}":                "masked",
		"keys: {truncate: [{name: a, v4: 33}]}":                         "1 to 32",
		"keys:\n  deny: [$.items[*].sku]":                               `line 2: put quotes around $.items[*].sku`,
		"keys:\n  deny: [*email*]":                                      `"*email*"`,
		"keys: {deny: [!x]}":                                            "except: [x]",
		"keys:\n  deny:\n    - !x\n":                                    "except: [x]",
		"rules: [{when: {route: !/health}, keys: {deny: [a]}}]":         "not: {…}",
		"keys: {deny: [$user.name]}":                                    `"$.user.name"`,
		"keys: {deny: ['$.items[].name']}":                              "[*]",
		"rules: [{when: {route: '!/health'}, keys: {deny: [a]}}]":       "not: {route:",
		"rules: [{when: {not: {}}, keys: {deny: [a]}}]":                 "not",
		"rules: [{when: {status: ok}, keys: {deny: [a]}}]":              "5xx",
		"rules: [{when: {not: {not: {host: a}}}, keys: {deny: [a]}}]":   "unknown field",
		"rules: [{when: {route: 'orders/{id}'}, keys: {deny: [a]}}]":    `"/orders/{id}"`,
		"rules: [{when: {header: {'x tenant': a}}, keys: {deny: [a]}}]": "header",
	} {
		_, err := Compile([]byte(yaml))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", yaml, err, want)
		}
	}
	for yaml, want := range map[string]string{
		"defaults: false\nkeys: {allow: [a, token], deny: [token]}": `keys.allow[1]: "token" is denied by deny:token`,
		"defaults: false\nkeys: {allow: [token], deny: ['*token']}": "except",
		"keys: {allow: [a, token]}":                                 "default:*token",
		"keys: {except: [nothing], deny: [a]}":                      "no rule takes",
		"defaults: false\nkeys: {except: [a], deny: [a]}":           "as strong",
	} {
		if w := fmt.Sprint(compile(t, yaml).Warnings()); !strings.Contains(w, want) {
			t.Errorf("%s: %s, want %s", yaml, w, want)
		}
	}
}

func TestKeepParts(t *testing.T) {
	t.Parallel()
	p := compile(t, "defaults: false\nkeys: {deny: [{name: card, keep_first: 6, keep_last: 4}, {name: acct, keep_last: 4}]}\npatterns: {card: {keep_last: 4}}")
	for _, tt := range []struct{ contentType, in, want string }{
		{"application/json", `{"card":"4111-1111-1111-1111","acct":12345678}`, `{"card":"411111[REDACTED]1111","acct":"[REDACTED]5678"}`},
		{"application/json", `{"acct":"1234567","card":"4111"}`, `{"acct":"[REDACTED]","card":"[REDACTED]"}`},
		{"application/json", `{"acct":{"n":12345678},"card":[4111111111111111]}`, `{"acct":"[REDACTED]","card":"[REDACTED]"}`},
		{"application/json", `{"acct":"hunter2 hunter2!"}`, `{"acct":"[REDACTED]"}`},
		{"application/json", `{"acct":"[REDACTED]hunter2"}`, `{"acct":"[REDACTED]"}`},
		{"application/json", `{"acct":1.5e10,"card":true}`, `{"acct":"[REDACTED]","card":"[REDACTED]"}`},
		{"application/json", `{"n":4111111111111111,"t":"a 4111111111111111 b"}`, `{"n":"[REDACTED]1111","t":"a [REDACTED]1111 b"}`},
		{"application/json", `{"acct":"123456789`, `{"acct":"[REDACTED]"`},
		{"application/x-www-form-urlencoded", `card=4111+1111+1111+1111&acct=12345678`, `card=411111[REDACTED]1111&acct=[REDACTED]5678`},
		{"application/xml", `<a><card>4111111111111111</card><acct>12345678</acct><b acct="87654321"/></a>`, `<a><card>411111[REDACTED]1111</card><acct>[REDACTED]5678</acct><b acct="[REDACTED]4321"/></a>`},
	} {
		s := p.NewScratch()
		s.Begin(Exchange{RequestContentType: tt.contentType})
		got, _ := s.Body(Request, tt.in)
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.in, got, tt.want)
		}
		if again, _ := s.Body(Request, got); again != got {
			t.Errorf("%s: again %s", got, again)
		}
		s.Release()
	}
}

func TestTruncateAnywhere(t *testing.T) {
	t.Parallel()
	p := compile(t, "defaults: false\nkeys: {truncate: [ip, {name: peer, v4: 8, v6: 16}]}\npatterns: {ip: truncate}\nin: {client_ip: {truncate: {v4: 16, v6: 32}}}")
	const in = `{"ip":"203.0.113.57","peer":"203.0.113.57","ips":"at 203.0.113.57","list":{"ip":"203.0.113.57, 2001:db8:1:2::3"},"x":{"ip":"none"},"y":{"ip":"203.0.113.0"}}`
	const want = `{"ip":"203.0.113.0","peer":"203.0.0.0","ips":"at 203.0.113.0","list":{"ip":"203.0.113.0, 2001:db8:1::"},"x":{"ip":"[REDACTED]"},"y":{"ip":"203.0.113.0"}}`
	got := body(t, p, in)
	if got != want {
		t.Errorf("%s", got)
	}
	if again := body(t, p, got); again != got {
		t.Errorf("again %s", again)
	}
	s := p.NewScratch()
	defer s.Release()
	if got, _ := s.ClientIP("203.0.113.57"); got != "203.0.0.0" {
		t.Error(got)
	}
}

// "*" and an action for a place are alike to an exception.
func TestExceptFromEverything(t *testing.T) {
	t.Parallel()
	for _, yaml := range []string{"defaults: false\nkeys: {deny: ['*', secret], except: [meta, $.a.b]}", "defaults: false\nin: {body: {action: mask, except: [meta, $.a.b], deny: [secret]}}"} {
		const in = `{"x":1,"meta":{"n":1,"secret":"s","l":[1,{"m":2}]},"a":{"b":"b","c":"c"},"l":[{"meta":3},4]}`
		const want = `{"x":"[REDACTED]","meta":{"n":1,"secret":"[REDACTED]","l":[1,{"m":2}]},"a":{"b":"b","c":"[REDACTED]"},"l":[{"meta":3},"[REDACTED]"]}`
		if got := body(t, compile(t, yaml), in); got != want {
			t.Errorf("%s:\n %s\n want %s", yaml, got, want)
		}
	}
}
