// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// garbage are answers that hold nothing of use.
var garbage = []string{
	"", "{}", "[]", "null", "<html>", "\x00\xff", `{"skipped":"x"}`, `{"skipped":-1}`, `{"skipped":1e99}`, `{"skipped":[1]}`,
	strings.Repeat("[", 64<<10), `{"a":` + strings.Repeat(`{"a":`, 10_000),
}

// contracts holds an encoder to those of the optional contracts that it
// implements.
func (s *suite) contracts(t *testing.T) {
	t.Parallel()
	enc := s.newEncoder(t)
	if d, ok := enc.(backend.Degrader); ok {
		s.degrades(t, enc, d)
	}
	s.slims(t, enc)
	if p, ok := enc.(backend.NoAnswerPolicy); ok {
		if !p.RetryNoAnswer(backend.NotSent) {
			t.Error("a request that never left us is given up")
		}
		if p.RetryNoAnswer(backend.MaybeTaken) {
			t.Error("RetryNoAnswer allows everything: leave it out")
		}
	}
	if r, ok := enc.(backend.AnswerReader); ok {
		for _, body := range garbage {
			if n := r.Skipped([]byte(body)); n != 0 {
				t.Errorf("Skipped(%.20q) = %d", body, n)
			}
		}
	}
	if enc.Spec().Query != "" {
		s.queries(t, enc)
	}
	for _, body := range garbage {
		if f, ok := enc.Spec().Failures.Read(http.Header{}, []byte(body)); ok {
			t.Errorf("%.20q tells of a failure: %+v", body, f)
		}
	}
	if p, ok := enc.(backend.Preparer); ok {
		s.prepares(t, p)
	}
	if r, ok := enc.(backend.RateSource); ok {
		if !strings.HasPrefix(r.RatesPath(), "/") {
			t.Errorf("RatesPath %q does not begin with /", r.RatesPath())
		}
		if tag := r.RatesTag(http.Header{}); tag != "" {
			t.Errorf("RatesTag of nothing is %q", tag)
		}
		for _, body := range garbage {
			rates, _, err := r.ParseRates([]byte(body))
			if err != nil {
				continue
			}
			for _, name := range s.names {
				if rate := rates.Rate(s.cases[name]); !(rate >= 0 && rate <= 100) {
					t.Errorf("%s: rate %v after %.20q", name, rate, body)
				}
			}
		}
	}
}

// queries: what is sent again is the same request, whatever its order of members, and what
// is added keeps the URL sound.
func (s *suite) queries(t *testing.T, enc backend.Encoder) {
	t.Helper()
	var items [][]byte
	for _, name := range s.names {
		ex := *s.cases[name]
		ex.ID = fmt.Sprintf("5f0c2c2e-8b1a-5d3e-9a77-%012x", len(items))
		if item, drop := enc.Append(nil, &ex); drop == backend.Keep {
			items = append(items, item)
		}
	}
	seen := map[string]bool{}
	for n := range len(items) + 1 {
		got := query(enc, items[:n])
		if got != query(enc, items[:n]) || seen[got] {
			t.Errorf("%d items: %q is another the second time, or the same as of fewer", n, got)
		}
		seen[got] = true
		if _, err := url.Parse("http://vendor.example" + enc.Spec().Path + got); err != nil || strings.ContainsAny(got, " #") {
			t.Errorf("%d items: %q breaks the URL", n, got)
		}
	}
}

// prepares: an answer of another service is no reason to panic, and stands in no error.
func (s *suite) prepares(t *testing.T, p backend.Preparer) {
	t.Helper()
	if path, content, _ := p.Look(); !strings.HasPrefix(path, "/") || content == "" {
		t.Errorf("looks with %q at %q", content, path)
	}
	for _, body := range garbage {
		steps, err := p.Ready([]byte(body))
		if err != nil && len(body) > 2 && strings.Contains(err.Error(), body) {
			t.Errorf("%.20q stands in the error", body)
		}
		if err == nil && len(steps) > 0 || len(steps) > 100 || slices.Contains(steps, "") {
			t.Errorf("%q to be done although nothing is wrong", steps)
		}
	}
}

// slims: each step of what is done to an item that is too large leaves an item that is
// smaller, and the last little.
func (s *suite) slims(t *testing.T, enc backend.Encoder) {
	t.Helper()
	const little = 8 << 10
	for _, name := range s.names {
		for _, junk := range []string{"", strings.Repeat("j", 12<<10)} {
			ex := *s.cases[name]
			ex.Path += junk
			ex.Query = "a=" + junk
			ex.Request.Headers = append(slices.Clip(ex.Request.Headers), exchange.Header{Name: "x-junk", Values: []string{junk}})
			ex.Request.Body.Data += junk
			item, drop := enc.Append(nil, &ex)
			if drop != backend.Keep {
				continue
			}
			text := string(item)
			for i, step := range enc.Spec().Slim {
				less, ok := step.Apply(text)
				if !ok {
					if less != text {
						t.Errorf("%s: step %d changed what it could not make smaller", name, i)
					}
					continue
				}
				text = less
				for _, p := range s.vendor.Check([]byte(text)) {
					t.Errorf("%s: after step %d: %s", name, i, p)
				}
				if _, again := step.Apply(text); again {
					t.Errorf("%s: step %d can be done twice", name, i)
				}
			}
			if junk != "" && len(enc.Spec().Slim) > 0 && len(text) > little {
				t.Errorf("%s: %d bytes are left of %d", name, len(text), len(item))
			}
		}
	}
	for _, body := range garbage {
		for _, step := range enc.Spec().Slim {
			if out, ok := step.Apply(body); ok || out != body {
				t.Errorf("%.20q got smaller, and is no item", body)
			}
		}
	}
}

// degrades: what is left of an item is an item, is not the same, and has nothing
// more to give up.
func (s *suite) degrades(t *testing.T, enc backend.Encoder, d backend.Degrader) {
	t.Helper()
	problems := s.vendor.Check
	seen := 0
	for _, name := range s.names {
		item, drop := enc.Append(nil, s.cases[name])
		if drop != backend.Keep {
			continue
		}
		before := bytes.Clone(item)
		got, ok := d.Degrade([]byte("head"), item)
		if !bytes.Equal(item, before) {
			t.Errorf("%s: the item was changed", name)
		}
		less, found := bytes.CutPrefix(got, []byte("head"))
		if !found || !ok && len(less) > 0 {
			t.Errorf("%s: what was in dst is not kept", name)
		}
		if !ok {
			continue
		}
		seen++
		if bytes.Equal(less, item) {
			t.Errorf("%s: nothing was given up", name)
		}
		if len(less) > max(len(item), enc.Spec().MaxItemBytes) {
			t.Errorf("%s: %d bytes are more than allowed", name, len(less))
		}
		for _, p := range problems(less) {
			t.Errorf("%s: degraded: %s", name, p)
		}
		if _, again := d.Degrade(nil, less); again {
			t.Errorf("%s: it can be degraded twice", name)
		}
	}
	if seen == 0 {
		t.Error("no item can be degraded")
	}
	for _, body := range garbage {
		if _, ok := d.Degrade(nil, []byte(body)); ok {
			t.Errorf("%.20q was degraded, and is no item", body)
		}
	}
}
