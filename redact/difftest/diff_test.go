// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package difftest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/apispan/apispan/redact"
)

const mask = `"[REDACTED]"`

func policy(t testing.TB) *redact.Policy {
	t.Helper()
	p, err := redact.CompileConfig(redact.Config{Keys: redact.Keys{Deny: []redact.KeyRule{{Name: "denied"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// options make jsontext as lenient as the walker where that is harmless.
var options = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// maskTokens is the oracle: tokens in, tokens out, denied values replaced.
func maskTokens(src []byte) ([]string, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(src), options...)
	var out []string
	for {
		tok, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, tok.String())
		k, n := dec.StackIndex(dec.StackDepth())
		if tok.Kind() == '"' && k == '{' && n%2 == 1 && fold(tok.String()) == "denied" {
			if err := dec.SkipValue(); err != nil {
				return out, err
			}
			out = append(out, strings.Trim(mask, `"`))
		}
	}
}

// fold is enough of key folding for the alphabet of the fuzzer's corpus.
func fold(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(s))
}

func tokens(src []byte) ([]string, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(src), options...)
	var out []string
	for {
		tok, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, tok.String())
	}
}

func check(t *testing.T, p *redact.Policy, src []byte) {
	t.Helper()
	trimmed := bytes.TrimLeft(src, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '[' {
		return // what is not a document is decided by other rules
	}
	for _, b := range src {
		if b >= 0x80 {
			return // the oracle does not fold Unicode
		}
		if b < ' ' && b != '\t' && b != '\n' && b != '\r' {
			return // control characters are another rule's
		}
	}
	want, err := maskTokens(src)
	s := p.NewScratch()
	defer s.Release()
	s.Begin(redact.Exchange{RequestContentType: "application/json"})
	out, ef := s.Body(redact.Request, string(src))
	if ef == redact.Removed {
		t.Fatalf("removed: %q", src)
	}
	// Strings that may be documents of their own (JSON, forms, markup, text) and
	// arrays of names and values follow rules that the oracle does not have.
	if documents(src) > 1 {
		return // what may follow a document is another rule's
	}
	own := bytes.ContainsAny(src, `\=%<[`) || strings.ContainsAny(strings.Join(want, ""), ":{") && nested(want)
	failed := s.Stats().FailedClosed > 0
	switch {
	case own:
		return
	case err == nil && failed:
		t.Fatalf("jsontext reads what we do not:\n in  %q\n out %q", src, out)
	case err != nil || failed:
		return
	}
	got, err := tokens([]byte(out))
	if err != nil {
		t.Fatalf("not JSON any more: %v\n in  %q\n out %q", err, src, out)
	}
	if strings.Join(got, "\x00") != strings.Join(want, "\x00") {
		t.Fatalf("tokens differ:\n in   %q\n out  %q\n want %q", src, got, want)
	}
}

// documents counts the values at the top level.
func documents(src []byte) (n int) {
	dec := jsontext.NewDecoder(bytes.NewReader(src), options...)
	for dec.SkipValue() == nil {
		n++
	}
	return n
}

// nested reports whether a token is a string that may be a document.
func nested(tokens []string) bool {
	for _, tok := range tokens {
		if len(tok) > 1 && strings.ContainsAny(tok, ":{") {
			return true
		}
	}
	return false
}

var seeds = []string{
	`{}`, `[]`, `{"a":1}`, `{"denied":1}`, `{"Denied":{"x":[1,"}"]},"z":2}`, `{"a":{"denied":"x"},"b":[{"den_ied":null}]}`,
	`{"a":1,"denied":"x"`, `{"a":1 "denied":"x"}`, `{"a":1}}`, `{"denied":[1,2}`, `{"a":01}`, `{"a":1e5,"b":-0.0}`, `{"a":tru}`,
	` { "denied" : "x" , "b" : [ true , false , null ] } `, `{"a":"x","denied":"y"}{"b":2}`, `{"é":"ü","denied":"ß"}`,
}

func TestSeeds(t *testing.T) {
	t.Parallel()
	p := policy(t)
	for _, s := range seeds {
		check(t, p, []byte(s))
		for n := range s {
			check(t, p, []byte(s[:n]))
		}
	}
}

func FuzzTokens(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	p := policy(f)
	f.Fuzz(func(t *testing.T, src []byte) { check(t, p, src) })
}
