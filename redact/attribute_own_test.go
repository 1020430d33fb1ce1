// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"testing"

	"github.com/apispan/apispan/internal/httpattr/attrtest"
)

// TestOwnNamespaceMatchesNoRule: "apispan." in front of a key is no reason to
// redact its value, while the rest of the key and the whole key still are.
func TestOwnNamespaceMatchesNoRule(t *testing.T) {
	t.Parallel()
	p := compile(t, `{version: 1, keys: {deny: ["*pan", "apispan.company.domain", "*secret*"]}}`)
	s := p.NewScratch()
	defer s.Release()
	s.Begin(Exchange{})
	for key, want := range map[string]Effect{
		"apispan.company.id":           Unchanged,
		"apispan.metadata.seats":       Unchanged,
		"apispan.company.domain":       Changed,
		"apispan.metadata.fpan":        Changed,
		"apispan.metadata.my_secret":   Changed,
		"vendor.apispan":               Changed,
		"apispan":                      Changed,
		"apispan.metadata.apispan":     Changed,
		"http.request.header.apispan.": Changed,
	} {
		if _, got := s.Attribute(key, "value"); got != want {
			t.Errorf("%s: effect %v, want %v", key, got, want)
		}
	}
}

// TestAttributeKeyHoldsValues: a key that carries a value which a rule selects goes, and
// one that only has the same characters stays.
func TestAttributeKeyHoldsValues(t *testing.T) {
	t.Parallel()
	p, err := Compile([]byte("version: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := p.NewScratch()
	defer s.Release()
	for key, want := range map[string]Effect{
		"password=hunter2":                               Removed,
		"login?user=ann&password=hunter2":                Removed,
		"https://u:hunter2@shop.example/":                Removed,
		"http.request.header.authorization: Bearer abcd": Removed,
		"http.request.header.cookie: sid=hunter2":        Removed,
		"apispan.metadata.api_key:hunter2":               Removed,
		`{"password":"hunter2"}`:                         Removed,
		"eyJwYXNzd29yZCI6Imh1bnRlcjIifQ==":               Removed, // {"password":"hunter2"}
		"password%3Dhunter2":                             Removed,
		"<password>hunter2</password>":                   Removed,
		"password":                                       Unchanged,
		"http.request.header.authorization":              Unchanged,
		"k8s.pod.label.app.kubernetes.io/name":           Unchanged,
		"aws:cloudformation:stack-name":                  Unchanged,
		"error.type":                                     Unchanged,
		"a=b":                                            Unchanged,
		"page=2&sort=asc":                                Unchanged,
		"https://shop.example/orders?page=2":             Unchanged,
		"":                                               Unchanged,
	} {
		if got := s.AttributeKey(key); got != want {
			t.Errorf("%q: %v, want %v", key, got, want)
		}
	}
}

// TestAliasIsReadLikeTheCurrentKey: a value under a key of another producer becomes what
// it becomes under the current one.
func TestAliasIsReadLikeTheCurrentKey(t *testing.T) {
	t.Parallel()
	p, err := Compile([]byte(attrtest.Policy))
	if err != nil {
		t.Fatal(err)
	}
	s := p.NewScratch()
	defer s.Release()
	changed := 0
	for _, sample := range attrtest.Samples() {
		for _, value := range sample.Values {
			for _, d := range []Direction{Incoming, Outgoing} {
				s.Begin(Exchange{Direction: d})
				want, wantEffect := s.Attribute(sample.As, value)
				got, effect := s.Attribute(sample.Key, value)
				if got != want || effect != wantEffect {
					t.Errorf("%s: %q became %q (%v), under %s %q (%v)", sample.Key, value, got, effect, sample.As, want, wantEffect)
				}
				b, bytesEffect := s.AttributeBytes(sample.Key, []byte(value))
				wantBytes, wantBytesEffect := s.AttributeBytes(sample.As, []byte(value))
				if string(b) != string(wantBytes) || bytesEffect != wantBytesEffect {
					t.Errorf("%s: bytes %q became %q, under %s %q", sample.Key, value, b, sample.As, wantBytes)
				}
				if effect != Unchanged {
					changed++
				}
			}
		}
	}
	if changed < 1000 {
		t.Errorf("only %d values were changed: the table proves little", changed)
	}
	// A rule for either key holds.
	for _, rule := range []string{"http.url", "url.full"} {
		p, err := Compile([]byte("version: 1\ndefaults: false\nkeys: {deny: [" + rule + "]}\n"))
		if err != nil {
			t.Fatal(err)
		}
		s := p.NewScratch()
		if got, _ := s.Attribute("http.url", "https://shop.example/"); got != "[REDACTED]" {
			t.Errorf("deny %s: http.url became %q", rule, got)
		}
		s.Release()
	}
}
