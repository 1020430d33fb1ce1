// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package search

import (
	"strings"
	"testing"
)

// subject is an exchange by its fields.
type subject struct {
	text    map[string][]string
	numbers map[string]float64
	headers map[string][]string
	leaves  map[string]map[string]string // side, last key, value
	all     string
}

func (s subject) Text(f string) []string          { return s.text[f] }
func (s subject) Number(f string) (float64, bool) { n, ok := s.numbers[f]; return n, ok }
func (s subject) Header(name string) []string     { return s.headers[name] }
func (s subject) Anywhere(text string) bool       { return Contains(s.all, text) }
func (s subject) Leaves(side string, found func([]Step, string) bool) {
	for path, v := range s.leaves[side] {
		var at []Step
		for p := range strings.SplitSeq(path, ".") {
			if p == "#" {
				at = append(at, Step{Index: 1})
				continue
			}
			at = append(at, Step{Key: p, Index: -1})
		}
		if !found(at, v) {
			return
		}
	}
}

var order = subject{
	text: map[string][]string{
		"method": {"POST"}, "route": {"/orders/{id}"}, "service": {"shop"}, "consumer": {"acme", "ACME Inc."}, "dir": {"in"}, "backend": {"api_analytics/moesif", "moesif"},
		"outcome": {"retry"}, "rule": {"default:*card*"}, "trace": {"4bf92f3577b34da6a3ce929d0e0e4736"}, "path": {"/orders/17?q=1"}, "is": {"error"},
	},
	numbers: map[string]float64{"status": 503, "ms": 250, "bytes": 12_000, "redacted": 2},
	headers: map[string][]string{"x-tier": {"gold"}, "accept": {"a,b"}},
	leaves:  map[string]map[string]string{"req": {"order.items.#.sku": "A1", "a key": "x y"}, "res": {"error": "out of stock"}},
	all:     "POST /orders Straße: Ünder OUT of stock a*b say \"hi\"",
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"":                                   true,
		"method:post":                        true,
		"method:pos":                         false,
		"method:p*":                          true,
		"-method:GET":                        true,
		"-method:POST":                       false,
		"route:/orders":                      true,
		"route:/orders/*":                    true,
		"route:orders*":                      false,
		"route:/users,/orders":               true,
		"status:503":                         true,
		"status:5xx":                         true,
		"status:4xx,5XX":                     true,
		"status:4xx":                         false,
		"status:>=500":                       true,
		"status:<500":                        false,
		"status:500-599":                     true,
		"status:none":                        false,
		"ms:>250":                            false,
		"ms:>=250":                           true,
		"ms:<2s":                             true,
		"ms:>0.2s":                           true,
		"bytes:>10k":                         true,
		"bytes:>1m":                          false,
		"consumer:acme":                      true,
		"consumer:acm":                       false,
		`consumer:"acme inc."`:               true,
		"service:SHOP dir:in backend:moesif": true,
		"service:shop dir:out":               false,
		"outcome:retry rule:*card*":          true,
		`rule:"default:*card*"`:              true,
		"redacted:>0":                        true,
		"new:>0":                             false,
		"header:x-tier=gold":                 true,
		"header:X-Tier=silver,gold":          true,
		"header:x-tier":                      true,
		"header:x-none":                      false,
		"req.$.order.items[*].sku:A1":        true,
		"req.$.order.items.sku:a*":           true,
		"req.$..sku:B1,A1":                   true,
		"req.$.order.items[0].sku:A1":        false,
		"res.$.error:*":                      true,
		"res.$.error":                        true,
		"res.$.other":                        false,
		"-res.$.other":                       true,
		`req.$['a key']:"x y"`:               true,
		"trace:4BF92f*":                      true,
		"trace:92f":                          false,
		`"out of stock"`:                     true,
		"straße":                             true,
		"ünder":                              true,
		`"a*b"`:                              true,
		`"say \"hi\""`:                       true,
		"-nothere":                           true,
		"-":                                  false, // a text
		"is:error":                           true,
		"foo:bar method:GET":                 false, // the rest still filters
		"foo:bar method:POST":                true,
	} {
		q := Parse(text)
		if got := q.Match(order); got != want {
			t.Errorf("%s: %v, want %v (%+v)", text, got, want, q.Terms)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"statu:500":                          `There is no field "statu". Did you mean status:?`,
		"http://x":                           `There is no field "http". Put the text in quotation marks to search for it anywhere.`,
		"status:abc":                         `"abc" is no status. Write a code (404), a class (5xx), a bound (>=500), a range (400-499) or none.`,
		"status:99":                          `"99" is no status.`,
		"status:":                            "status: has no value. Write one, such as status:5xx.",
		"status:4xx,":                        "status: has no value.",
		"ms:fast":                            `"fast" is no duration.`,
		"ms:NaN":                             `"NaN" is no duration.`,
		"ms:>-1":                             `">-1" is no duration.`,
		"bytes:>10q":                         `">10q" is no size.`,
		"redacted:x":                         `"x" is no number.`,
		"dir:up":                             "dir: is in (the service answered) or out (it called).",
		"outcome:sent,lost":                  `"lost" is no outcome. There are sent, dry_run, waiting,`,
		"req:$":                              "A value in a body has a path: req.$",
		"a:b":                                `There is no field "a". Put the text in quotation marks`,
		"is:good":                            "is: takes pinned",
		`"open`:                              "A quotation mark has no other one.",
		`""`:                                 "An empty text is in everything.",
		"a*b":                                "A free text has no wildcards",
		"header:":                            "header: needs the name of a field",
		"header:a,b":                         "header: takes one field.",
		"req.$.a[:x":                         "The path has a [ without ].",
		"req.$.a[x]:1":                       "The path $.a[x] [x] is not supported",
		"req.a:1":                            "The path a needs a $ at its begin.",
		strings.Repeat("x", MaxQuery+1):      "The search is longer than 4096 bytes.",
		strings.Repeat("x ", MaxTerms) + "y": "A search has 50 terms at most.",
	} {
		q := Parse(text)
		last := q.Terms[len(q.Terms)-1]
		if !strings.HasPrefix(last.Problem, want) {
			t.Errorf("%.40s: %q, want %q", text, last.Problem, want)
		}
		if !strings.HasSuffix(last.Problem, ".") && !strings.HasSuffix(last.Problem, "?") {
			t.Errorf("%.40s: no sentence: %s", text, last.Problem)
		}
		if !last.Match(order) {
			t.Errorf("%.40s: a term with a problem filters", text)
		}
	}
}

func TestPositions(t *testing.T) {
	t.Parallel()
	const text = `𝄞 -status:4xx,5xx  "a b"`
	q := Parse(text)
	want := []string{"𝄞", "-status:4xx,5xx", `"a b"`}
	for i, term := range q.Terms {
		if got := text[term.From:term.To]; got != want[i] {
			t.Errorf("term %d is %q", i, got)
		}
	}
	if got := UTF16(text, q.Terms[1].From); got != 3 {
		t.Errorf("the second term begins at %d in UTF-16", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"status:5xx -route:/a \"x y\"", "req.$.a['b']:1,2", "header:a=b", "-", "a:", "res.$", "req.$.a[", "ms:>=", "\xff:\xfe", "is:,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q := Parse(text)
		last := 0
		for i := range q.Terms {
			term := &q.Terms[i]
			if term.From < last || term.To < term.From || term.To > len(text) {
				t.Fatalf("term %d of %q is at %d to %d", i, text, term.From, term.To)
			}
			last = term.To
			if (term.Problem == "") != (term.match != nil) {
				t.Fatalf("term %d of %q has problem %q and match %v", i, text, term.Problem, term.match != nil)
			}
			if n := UTF16(text, term.To); n > len(text) {
				t.Fatalf("%d units of %d bytes", n, len(text))
			}
		}
		q.Match(order)
		q.Match(subject{})
	})
}
