// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Decisions name rule and place, in every syntax, and no value.
func TestDecisions(t *testing.T) {
	t.Parallel()
	p := compile(t, "audit: rules\nkeys: {deny: [$.user.name], drop: [debug]}\npatterns: {email: report, phone: mask}")
	for _, tt := range []struct {
		contentType, in string
		want            []string
	}{
		{"application/json", `{"user":{"name":"Ada","password":"x1"},"list":[{"token":"a"},{"token":"b"}],"n":"+49 30 901820"}`, []string{
			"mask request_body $.user.name deny:$.user.name", "mask request_body $.user.password default:*password*",
			"mask request_body $.list[*].token default:*token", "mask request_body $.n pattern:phone",
		}},
		{"application/json", `{"a":1,"debug":{"b":2},"c":{"debug":1,"x":"4111111111111111"}}`, []string{
			"drop request_body $.debug drop:debug", "drop request_body $.c.debug drop:debug", "mask request_body $.c.x pattern:card",
		}},
		{"application/json", `{"note":"write to ada@example.test"}`, []string{"report request_body pattern:email"}},
		{"application/json", `{"p":"{\"password\":\"x\"}","q":"a`, []string{
			"mask request_body $.p default:*password*", "mask request_body $.q - truncated",
		}},
		{"application/x-www-form-urlencoded", "a=1&user[password]=x&token=y", []string{
			"mask request_body $.user[password] default:*password*", "mask request_body $.token default:*token",
		}},
		{"application/xml", `<order id="1"><card><cvv>123</cvv></card><b/><password>x</password></order>`, []string{
			"mask request_body $.order.card.cvv default:cvv", "mask request_body $.order.password default:*password*",
		}},
		{"text/plain", "at 10:30\npassword=hunter2 retry", []string{"mask request_body $.password default:*password*"}},
		// What a value holds of other places stands where the value does.
		{"application/json", `{"receipt":"https://h.test/r/6?sig=3q2-7wEv","next":"https://h.test/token/3q27wEv9x","h":{"cookie":"a=b; sid=S1x"},"s":"p=1&token=x"}`, []string{
			"mask request_body $.receipt default:sig", "mask request_body $.h.cookie default:cookie", "mask request_body $.s default:*token",
		}},
		// Keys that look like data are not repeated.
		{"application/json", `{"ada@example.test":{"password":"x"},"4111111111111111":{"token":"y"},"user 17":{"pin":"1234"}}`, []string{
			"mask request_body $.*.password default:*password*", "mask request_body - pattern:card", "mask request_body $.*.token default:*token", "mask request_body $.*.pin default:pin",
		}},
		{"application/json", `{"` + strings.Repeat("k", 100) + `":{"pin":"1234"}}`, []string{"mask request_body $.*.pin default:pin"}},
	} {
		s := p.NewScratch()
		s.Begin(Exchange{RequestContentType: tt.contentType})
		s.Body(Request, tt.in)
		got := map[string]bool{}
		for _, d := range s.Decisions() {
			got[d.String()] = true
			if d.Place != "request_body" {
				t.Errorf("%s: %s", tt.in, &d)
			}
		}
		for _, w := range tt.want {
			if !got[w] && !strings.Contains(w, " - ") {
				t.Errorf("%s: no %q in %v", tt.in, w, got)
			}
		}
		s.Release()
	}
	s := p.NewScratch()
	defer s.Release()
	s.Begin(Exchange{})
	s.Attribute("http.request.header.x-api-key", "k")
	s.Attribute("url.full", "https://h/p?password=x&a=1")
	s.Attribute("http.request.header.cookie", "theme=dark")
	s.Attribute("enduser.password", "x")
	n := s.AttributeNode("app.user")
	s.Leaf(s.Member(s.Element(s.Member(n, "keys"), 0), "token"), String, "t")
	s.Subtree(s.Member(n, "debug"))
	s.Leaf(s.Member(s.BodyNode(Request), "password"), String, "t")
	var got []string
	for _, d := range s.Decisions() {
		got = append(got, d.String())
	}
	want := []string{
		"mask request_header x-api-key default:x-api-key", "mask query password default:*password*", "mask cookie theme default:cookie",
		"mask attribute enduser.password default:*password*", "mask attribute app.user.keys[*].token default:*token",
		"drop attribute app.user.debug drop:debug", "mask request_body $.password default:*password*",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever the input, what explains it holds no value, and is bounded.
func FuzzDecisions(f *testing.F) {
	for _, in := range []string{`{"a":{"password":"S3CR3T"}}`, `<a><password>S3CR3T</password>`, `password=S3CR3T&x`, "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nS3CR3T\r\n--b--", `{"S3CR3T99999":{"pin":1`} {
		f.Add(in)
	}
	p := compile(f, "audit: rules")
	f.Fuzz(func(t *testing.T, in string) {
		s := p.NewScratch()
		defer s.Release()
		s.Begin(Exchange{})
		s.Body(Request, in)
		s.Attribute("x", in)
		if n := len(s.Decisions()); n > maxDecisions {
			t.Error(n)
		}
		for _, d := range s.Decisions() {
			if len(d.Path) > maxWhyPath+2*maxWhyKey+8 {
				t.Errorf("%d bytes of path", len(d.Path))
			}
		}
	})
}

// Totals add up over exchanges.
func TestTotals(t *testing.T) {
	t.Parallel()
	s := compile(t, "version: 1").NewScratch()
	defer s.Release()
	for range 3 {
		s.Begin(Exchange{RequestContentType: "application/json"})
		s.Body(Request, `{"password":"x"}`)
	}
	if got := fmt.Sprint(s.Totals()[0].Rule, " ", s.Totals()[0].N); got != "default:*password* 3" {
		t.Error(got)
	}
}
