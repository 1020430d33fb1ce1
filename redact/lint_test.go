// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"strings"
	"testing"
)

// What people write who know other tools, and what they are told.
func TestWordsOfOthers(t *testing.T) {
	t.Parallel()
	for yaml, want := range map[string]string{
		"keys: {mask: [password]}":                                            "keys.mask: unknown field (write deny)",
		"keys: {redact: [password]}":                                          "keys.redact: unknown field (write deny)",
		"keys: {exclude: [token]}":                                            "keys.exclude: unknown field (write except)",
		"keys: {hash: [user_id]}":                                             "keys.hash: unknown field (write hmac)",
		"deny: [password]":                                                    "deny: unknown field (write it under keys: {deny: [...]})",
		"ignore: [password]":                                                  "ignore: unknown field (write except)",
		"in: {request: {deny: [x]}}":                                          "in.request: unknown field (write request_body)",
		"in: {query: {action: remove}}":                                       `in.query.action: "remove" is not known; write drop`,
		"in: {query: {action: hash}}":                                         `"hash" is not known; write hmac`,
		"in: {client_ip: {action: truncate}}":                                 "write truncate: {v4: 24, v6: 48} under client_ip",
		"in: {client_ip: {truncate: 24}}":                                     "in.client_ip.truncate: must be a mapping of v4 and v6 to bits; write {v4: 24, v6: 48}",
		"in: {headers: {deny: [http.request.header.x-foo]}}":                  `can never match; write "x-foo"`,
		"rules: [{when: {path: /x}, keys: {deny: [a]}}]":                      "rules[0].when.path: unknown field (write route)",
		"rules: [{if: {host: a}, keys: {deny: [a]}}]":                         "rules[0].if: unknown field (write when)",
		"rules: [{when: {header: x-a}, keys: {deny: [a]}}]":                   "must be a mapping of names to values, such as {x-tenant: acme}",
		`rules: [{when: {route: "/a/{id"}, keys: {deny: [a]}}]`:               "has a brace without its counterpart; write a parameter as {id}",
		"patterns: [email]":                                                   "must be a mapping of detectors to actions, such as {email: mask}",
		"patterns: {email: true}":                                             "patterns.email: must be an action; write mask",
		"patterns: {card: false}":                                             "patterns.card: must be an action; write off",
		"limits: {body: 10GiB}":                                               "must be a size of at most 1024MiB",
		"keys: {hmac: [a]}\nhmac: {keys: [{id: k, env: A}, {id: k, env: B}]}": `hmac.keys[1]: has the id "k" of hmac.keys[0]`,
	} {
		if _, err := Compile([]byte(yaml)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%s\n got  %v\n want %s", yaml, err, want)
		}
	}
	for yaml, want := range map[string]string{
		"keys: {deny: ['%token%']}":                    `% stands for itself; * is the only wildcard: write "*token*"`,
		"keys: {deny: ['not email']}":                  `write except: ["email"]`,
		"keys: {deny: ['user->email']}":                `write "$.user.email" for a place in a document`,
		"keys: {deny: ['user/email']}":                 `write "$.user.email" for that`,
		"rules: [{when: {host: a}}]":                   "rules[0]: selects exchanges and has no effect; give it keys or in",
		"rules: [{when: {host: a}, keys: {}, in: {}}]": "rules[0]: selects exchanges and has no effect",
	} {
		if got := strings.Join(compile(t, yaml).Warnings(), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s\n warns %s\n want  %s", yaml, got, want)
		}
	}
}
