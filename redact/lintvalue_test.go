// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"strings"
	"testing"
)

// Every key of the language with values that could only be meant in another way: each
// is an error or a warning that says what to write.
func TestNoMistakePasses(t *testing.T) {
	t.Parallel()
	const rest = ", keys: {deny: [a]}}]"
	for yaml, want := range map[string]string{
		// rules.when
		"rules: [{when: {method: POSTT}" + rest:                                   "did you mean POST?",
		"rules: [{when: {method: [GET, DELET]}" + rest:                            "did you mean DELETE?",
		"rules: [{when: {method: HTTP}" + rest:                                    "no method that is registered",
		"rules: [{when: {method: ANY}" + rest:                                     "leave method out for all methods",
		"rules: [{when: {method: '*'}" + rest:                                     "no method, so it can never match",
		"rules: [{when: {method: 'GET POST'}" + rest:                              "write one method an entry",
		"rules: [{when: {method: GET/POST}" + rest:                                "write one method an entry",
		"rules: [{when: {status: 600}" + rest:                                     "end at 599",
		"rules: [{when: {status: 7xx}" + rest:                                     "end at 599",
		"rules: [{when: {status: '>=600'}" + rest:                                 "end at 599",
		"rules: [{when: {status: 600-650}" + rest:                                 "end at 599",
		"rules: [{when: {status: 99}" + rest:                                      "is no status",
		"rules: [{when: {status: 0}" + rest:                                       "is no status",
		"rules: [{when: {status: 4041}" + rest:                                    "is no status",
		"rules: [{when: {status: '<100'}" + rest:                                  "can never match",
		"rules: [{when: {status: '>999'}" + rest:                                  "can never match",
		"rules: [{when: {status: success}" + rest:                                 "is no status",
		"rules: [{when: {status: 4*}" + rest:                                      "is no status",
		"rules: [{when: {status: '=500'}" + rest:                                  "is no status",
		"rules: [{when: {status: 599-500}" + rest:                                 "is no status",
		"rules: [{when: {content_type: json}" + rest:                              `"application/json"`,
		"rules: [{when: {content_type: aplication/json}" + rest:                   "did you mean application?",
		"rules: [{when: {content_type: application/jsno}" + rest:                  "did you mean application/json?",
		"rules: [{when: {content_type: text/htm}" + rest:                          "did you mean text/html?",
		"rules: [{when: {content_type: application/}" + rest:                      "half of a media type",
		"rules: [{when: {content_type: /json}" + rest:                             "half of a media type",
		"rules: [{when: {content_type: 'application/json, text/html'}" + rest:     "write one an entry: [application/json, text/html]",
		"rules: [{when: {content_type: json*}" + rest:                             `write "*json"`,
		"rules: [{when: {content_type: application/json/utf8}" + rest:             `write "application/json"`,
		"rules: [{when: {content_type: 'text/html; charset=utf-8'}" + rest:        `write "text/html"`,
		"rules: [{when: {content_type: 'json/*'}" + rest:                          `no type "json"`,
		"rules: [{when: {direction: inbound}" + rest:                              "write incoming",
		"rules: [{when: {direction: Incoming}" + rest:                             "write incoming or outgoing",
		"rules: [{when: {direction: both}" + rest:                                 "write incoming or outgoing",
		"rules: [{when: {host: 'https://bank.test'}" + rest:                       `write the host: "bank.test"`,
		"rules: [{when: {host: 'bank.test:443'}" + rest:                           `write "bank.test"`,
		"rules: [{when: {host: 'bank test'}" + rest:                               "write one host an entry: [bank, test]",
		"rules: [{when: {host: 'a.test,b.test'}" + rest:                           "write one host an entry: [a.test, b.test]",
		"rules: [{when: {host: 'a.test|b.test'}" + rest:                           "write one host an entry",
		"rules: [{when: {host: 'a..test'}" + rest:                                 `write "a.test"`,
		"rules: [{when: {host: 'ada@bank.test'}" + rest:                           "signs that no host has",
		"rules: [{when: {host: '{bank,shop}.test'}" + rest:                        "can never match",
		"rules: [{when: {host: 'bank.?'}" + rest:                                  "signs that no host has",
		"rules: [{when: {host: bücher.example}" + rest:                            "Punycode",
		"rules: [{when: {host: 10.0.0.0/8}" + rest:                                `write "10.*"`,
		"rules: [{when: {host: 192.168.4.0/24}" + rest:                            `write "192.168.4.*"`,
		"rules: [{when: {host: bank.test/v1}" + rest:                              "the path under route",
		"rules: [{when: {host: .bank.test}" + rest:                                `write "*.bank.test"`,
		"rules: [{when: {host: '^bank'}" + rest:                                   "regular expression",
		"rules: [{when: {host: ''}" + rest:                                        "has an empty entry",
		"rules: [{when: {route: orders}" + rest:                                   `write "/orders"`,
		"rules: [{when: {route: 'GET /orders'}" + rest:                            "method: GET",
		"rules: [{when: {route: '/a|/b'}" + rest:                                  "write one route an entry: [/a, /b]",
		"rules: [{when: {route: '/a/../b'}" + rest:                                `write "/b"`,
		"rules: [{when: {route: '/a?b=1'}" + rest:                                 `write "/a"`,
		"rules: [{when: {route: '/orders/(\\d+)'}" + rest:                         "regular expression",
		"rules: [{when: {route: '/orders/.*'}" + rest:                             "regular expression",
		"rules: [{when: {route: '/orders/{id'}" + rest:                            "brace without its counterpart",
		"rules: [{when: {tenant: '^acme$'}" + rest:                                `write "acme"`,
		"rules: [{when: {tenant: 'acme|globex'}" + rest:                           "[acme, globex]",
		"rules: [{when: {tenant: 'acme,globex'}" + rest:                           "[acme, globex]",
		"rules: [{when: {tenant: '!acme'}" + rest:                                 "write not:",
		"rules: [{when: {header: {'x tenant': a}}" + rest:                         "no name of a header field",
		"rules: [{when: {header: {'x-tenant:': a}}" + rest:                        "no name of a header field",
		"rules: [{when: {header: {x_tenant: a}}" + rest:                           "x-tenant",
		"rules: [{when: {header: {x-tenant: '!a'}}" + rest:                        `"a"} under header`,
		"rules: [{when: {header: {x-tenant: 'a|b'}}" + rest:                       "[a, b]",
		"rules: [{when: {header: {x-tenant: []}}" + rest:                          "has no value",
		"rules: [{when: {header: {set-cookie: a}}" + rest:                         "write response_header: {set-cookie",
		"rules: [{when: {response_header: {authorization: a}}" + rest:             "write header: {authorization",
		"rules: [{when: {header: {host: bank.test}}" + rest:                       `write host: "bank.test"`,
		"rules: [{when: {not: {method: GTE}}" + rest:                              "did you mean GET?",
		"rules: [{when: {method: GET, not: {method: [GET, HEAD]}}" + rest:         "can never hold",
		"rules: [{when: {direction: incoming, not: {direction: incoming}}" + rest: "can never hold",
		"rules: [{when: {not: {}}" + rest:                                         "is empty",
		"rules: [{when: {}" + rest:                                                "is empty",
		"rules: [{keys: {deny: [a]}}]":                                            "is empty",
		"rules: [{when: {host: a}, in: {body: {}}}]":                              "has no effect",
		// keys
		"keys: {deny: [ada@example.test]}":                                             "patterns: {email: mask}",
		"keys: {deny: ['4111 1111 1111 1111']}":                                        "looks like a value",
		"keys: {deny: ['password=hunter2']}":                                           `write the key only: "password"`,
		"keys: {deny: ['password: hunter2']}":                                          `write the key only: "password"`,
		"keys: {deny: ['password+']}":                                                  `write the key only: "password"`,
		"keys: {deny: ['{password}']}":                                                 `"password"`,
		"keys: {deny: ['<password>']}":                                                 `"password"`,
		"keys: {deny: ['${PASSWORD}']}":                                                `"PASSWORD"`,
		"keys: {deny: ['password()']}":                                                 `"password"`,
		"keys: {deny: ['[pP]assword']}":                                                "brackets stand for themselves",
		"keys: {deny: ['password?']}":                                                  "? stands for itself",
		"keys: {deny: [cardHolder, card_holder]}":                                      `is the same key as "cardHolder"`,
		"keys: {deny: ['$.items.0.name']}":                                             "an element of an array is [0]",
		"keys: {deny: ['$.request_body.user']}":                                        `write "$.user"`,
		"keys: {deny: ['$.response.body.user.id']}":                                    `write "$.user.id"`,
		"keys: {deny: ['$.a[?(@.b)]']}":                                                "filters are not supported",
		"keys: {deny: ['$.a[-1]']}":                                                    "write [*], [0]",
		"keys: {deny: ['$.a[0:2]']}":                                                   "write [*], [0]",
		"keys: {deny: ['$']}":                                                          "in.body.action",
		"keys: {deny: ['$user.email']}":                                                `write "$.user.email"`,
		"keys: {deny: [http.request.header.x-tenant]}":                                 `write "x-tenant" under keys`,
		"keys: {deny: ['http.response.header.*']}":                                     "read as a header field",
		"keys: {deny: [client.address]}":                                               "in: {client_ip: {action: mask}}",
		"keys: {hmac: [ssn]}\nhmac: {keys: [{id: k, env: K}]}":                         "is denied by default:ssn, which is stronger than hmac",
		"keys: {deny: ['*email*'], encrypt: [email]}\nhmac: {keys: [{id: k, env: K}]}": "is denied by deny:*email*, which is stronger than encrypt",
		"keys: {truncate: [session_id]}":                                               "which is stronger than truncate",
		"keys: {truncate: [{name: ip, v4: 0}]}":                                        "v4: must be 1 or more",
		"keys: {truncate: [{name: ip, v4: 33}]}":                                       "v4 must be 1 to 32",
		"keys: {deny: [{name: a, keep_last: 9}]}":                                      "must be 0 to 8",
		"keys: {hmac: [{name: a, keep_last: 4}]}":                                      "unknown field",
		"keys: {deny: ['']}":                                                           "the name is empty",
		"keys: {deny: ['--']}":                                                         "nothing but separators",
		"keys: {deny: }":                                                               "must be a list",
		"keys: {except: ['*']}":                                                        "would keep everything",
		"defaults: false\nkeys: {deny: [a], except: [nosuchkey]}":                      "has no effect",
		// in
		"in: {cookies: {}}":                                   "has no effect",
		"in: {request_headers: {deny: [set-cookie]}}":         "in.response_headers",
		"in: {response_headers: {deny: [cookie]}}":            "in.request_headers",
		"in: {headers: {deny: [$.authorization]}}":            `write "authorization"`,
		"in: {cookies: {deny: [$.sid]}}":                      `write "sid"`,
		"in: {path: {deny: ['/orders/{id}']}}":                "segment",
		"in: {attributes: {deny: [http.request.header.x-a]}}": `write "x-a"`,
		"in: {attributes: {deny: [client.address]}}":          "client_ip",
		"in: {query: {deny: ['?state']}}":                     "? stands for itself",
		"in: {query: {deny: ['state=']}}":                     `write the key only: "state"`,
		"in: {query: {action: mask, allow: [page]}}":          "allow has no effect beside action: mask",
		"in: {query: {action: keep, allow: [page]}}":          "write one of the two",
		"in: {query: {action: allow}}":                        "write keep",
		"in: {client_ip: {truncate: {v4: 0, v6: 0}}}":         "leaves nothing of an address",
		"in: {client_ip: {truncate: {v4: 32, v6: 128}}}":      "leaves all of each address",
		"in: {client_ip: {truncate: {v4: 24}, action: mask}}": "give truncate or action",
		"in: {querry: {deny: [a]}}":                           "did you mean query?",
		// patterns
		"patterns: {emial: mask}":     "did you mean email?",
		"patterns: {email: truncate}": "truncate is for addresses",
		"patterns: {email: allow}":    "is not known",
		"patterns: {card: {action: hmac, keep_last: 4}}\nhmac: {keys: [{id: k, env: K}]}": "are for values that are masked",
		"patterns: {re: [{id: a, regex: '/EMP-[0-9]{6}/i'}]}":                             `write "EMP-[0-9]{6}"`,
		"patterns: {re: [{id: a, regex: \"\\bEMP-[0-9]{6}\"}]}":                           "single quotes",
		"patterns: {re: [{id: a, regex: 'EMP-\\\\d+'}]}":                                  "asks for a backslash",
		"patterns: {re: [{id: a, regex: 'EMP$-[0-9]'}]}":                                  "can never match",
		"patterns: {re: [{id: a, regex: 'a^EMP'}]}":                                       "can never match",
		"patterns: {re: [{id: a, regex: '[^\\x00-\\x{10FFFF}]x'}]}":                       "can never match",
		"patterns: {re: [{id: a, regex: '(?=EMP)[0-9]'}]}":                                "regex",
		"patterns: {re: [{id: a, regex: 'x*'}]}":                                          "empty string",
		"patterns: {re: [{id: email, regex: 'EMP-[0-9]'}]}":                               "name of a detector",
		"patterns: {re: [{regex: 'EMP-[0-9]'}]}":                                          "must be given and be unique",
		"patterns: {re: [{id: a}]}":                                                       "is empty",
		// hmac
		"keys: {hmac: [user]}": "needs a key",
		"keys: {hmac: [user]}\nhmac: {active: k2, keys: [{id: k1, env: K}]}": "k2",
		"hmac: {active: k1}":                                              "has no keys",
		"hmac: {keys: [{id: k1}]}":                                        "exactly one of",
		"hmac: {keys: [{id: 'k 1', env: K}]}":                             "id",
		"hmac: {keys: [{id: k1, value: short}]}":                          "32",
		"keys: {hmac: [u]}\nhmac: {rotate: 0s, keys: [{id: k1, env: K}]}": "must be a duration",
		"keys: {hmac: [u]}\nhmac: {rotate: 1m, keys: [{id: k1, env: K}]}": "shorter than 1h",
		"keys: {hmac: [u]}\nhmac: {rotate: 30, keys: [{id: k1, env: K}]}": "must be a duration",
		// the rest
		"mask: ''":                          "to remove values write drop",
		"mask: 'X1'":                        "no digits",
		"mask_by_type: yes please":          "must be true or false",
		"limits: {depth: 0}":                "must be 1 or more",
		"limits: {depth: 9999}":             "outside",
		"limits: {nested: 0}":               "must be 1 or more",
		"limits: {nested: 99}":              "outside",
		"limits: {body: 0}":                 "must be a size",
		"limits: {body: 1GB}":               "must be a size",
		"audit: all":                        "write counts, off, rules",
		"on_unparsable: mask":               "write redact, text",
		"dry_run: 1":                        "must be true or false",
		"version: 2":                        "write version: 1",
		"version: '1'":                      "must be a whole number",
		"preset: defualt":                   "unknown preset",
		"defaults: false":                   "nothing is redacted",
		"defaults: false\nkeys: {deny: []}": "nothing is redacted",
		"except: [nosuch]":                  "is not an entry of the built-in list",
		"version: 1\n---\nversion: 1":       "a second document begins here",
	} {
		p, err := Compile([]byte(yaml))
		var got string
		if err != nil {
			got = err.Error()
		} else {
			got = strings.Join(p.Warnings(), "\n")
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s\n says %s\n want %s", yaml, got, want)
		}
	}
}

// What is meant as it is written passes without a word.
func TestNoRightPolicyWarns(t *testing.T) {
	t.Parallel()
	for _, yaml := range []string{
		"rules: [{when: {method: [GET, post, PURGE, PROPFIND, QUERY]}, keys: {deny: [a]}}]",
		"rules: [{when: {status: [404, 5xx, 500-599, '>=500', '<400', '>=100']}, keys: {deny: [a]}}]",
		"rules: [{when: {content_type: [application/json, '*+json', 'text/*', application/vnd.api+json, application/fhir+json, 'application/*+xml', image/svg+xml, '*/*', '*json*', text/x-log, 'app*']}, keys: {deny: [a]}}]",
		"rules: [{when: {host: ['*.bank.test', localhost, '10.*', '::1', xn--bcher-kva.example, 'api-*.eu.bank.test', my_host, '*']}, keys: {deny: [a]}}]",
		"rules: [{when: {route: ['/orders/{id}', '/orders/:id', '/v1/charges*', '/files/{path...}', '/orders/<int:id>', '/[slug]', '*/health', '/v1/', '/', '/a.b', '/a,b', '/users/@me', '/{$}']}, keys: {deny: [a]}}]",
		"rules: [{when: {tenant: [acme, 'globex-*', a.b, 17]}, keys: {deny: [a]}}]",
		"rules: [{when: {header: {x-tenant: [acme, 'globex-*'], accept: 'text/html, */*', x-plan: '*'}, response_header: {x-cache: hit, location: '*/login'}}, keys: {deny: [a]}}]",
		"rules: [{when: {method: GET, not: [{route: /health}, {method: HEAD, host: a}, {status: 5xx}]}, keys: {deny: [a]}}]",
		"keys: {deny: ['*card*', card_holder, $.user.name, \"$.items[*].note\", \"$['a b'].c\", $..token2, '@id', '@timestamp', 'user[name]', X-Tenant, first name, größe, '#id', 'a&b', '1', 'xsi:type']}",
		"keys: {deny: [enduser.id, '*.email', http.route, gen_ai.prompt]}",
		"keys: {hmac: [user_id, {name: email, lower: true, scope: mail}], truncate: [last_login_ip, {name: $.device.addr, v4: 16, v6: 32}], encrypt: [note]}\nhmac: {rotate: 30d, keys: [{id: k, env: K}]}",
		"keys: {except: [next_page_token, $.usage.token]}",
		"in: {headers: {deny: [x-tenant, set-cookie, authorization]}, request_headers: {deny: [x-a], allow: [accept]}, cookies: {deny: [theme]}, query: {deny: [$.a.b]}, path: {deny: [orders]}, client_ip: {truncate: {v4: 24, v6: 48}}, text: {action: mask}}",
		"in: {attributes: {deny: [url.full, enduser.*, db.query.text]}}",
		"patterns: {email: mask, card: {action: mask, keep_last: 4}, ip: truncate, re: [{id: emp, regex: '^EMP-[0-9]{6}$'}, {id: path, regex: '/srv/[a-z]+/'}, {id: b, regex: '\\bA-\\d+\\b'}]}",
		"limits: {depth: 64, nested: 2, body: 64KiB}\nmask: '***'\naudit: rules",
		"preset: pci\nkeys: {deny: [loyalty_number]}", "preset: gen-ai", "preset: allowlist\nkeys: {allow: [sku]}", "preset: headers-safe", "preset: schema-only",
		"except: [pin, client_ip, cookie]",
	} {
		p, err := Compile([]byte(yaml))
		if err != nil {
			t.Errorf("%s\n %v", yaml, err)
			continue
		}
		if w := p.Warnings(); len(w) > 0 {
			t.Errorf("%s\n warns %s", yaml, strings.Join(w, "\n"))
		}
	}
}
