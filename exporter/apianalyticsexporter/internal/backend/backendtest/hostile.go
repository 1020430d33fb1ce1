// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// nasty are strings that have broken encoders, here or elsewhere.
var nasty = []string{
	"", " ", "a", "é", "日本", "😀", `"`, `\`, `\u`, "\x00", "\n", "\r\n", "\t", "\x7f", "\u2028", "\ufeff", "\ufffd",
	"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf0\x9f\x98", "</script>", "a&b<c>", "%", "%2", "%zz", "%00", "%C3%28",
	"null", "true", "0", "-1", "1e999", "NaN", "{}", "[]", "{", "[", `{"a":1}`, `{"a":1`, `{"a":1}}`, `["\ud800"]`,
	`{"a":01}`, `"x"`, "a=1&b=2", "a&&=;b", "=", "&", "?", "#", "/", "//", "../..", "*", ":", "@", "[::1]", "[::1]:80",
	"::1", "[", "]", "[fe80::1%eth0]:1", "1.2.3.4", "1.2.3.4:5", "256.1.1.1", "a:b:c", "h:99999", "h:", "example.com",
	"user:pw@host", "api.moesif.net", "hmac:k1:AbCdEfGhIjKlMnOpQrStUv", "[REDACTED]", "[REDACTED:malformed]",
	"sha512-abc?1234", "Bearer x", "Basic dXNlcjpwYXNz", "application/json", "application/x-www-form-urlencoded",
	"multipart/form-data; boundary=b", "multipart/form-data", "text/html; charset=\xff", "a/b/c", ";", "text/",
	"--b\r\nContent-Disposition: form-data; name=\"x\"; filename=\"\xff\"\r\n\r\n\xff\r\n--b--", "--b--",
}

var nastyHeaders = []string{
	"content-type", "content-length", "authorization", "proxy-authorization", "cookie", "set-cookie", "host",
	"user-agent", "x-moesif-transaction-id", "accept", "x", "x-very-long-" + "header-name", "",
}

// source hands out bytes of a fuzz input, then zeros.
type source struct{ data []byte }

func (s *source) byte() byte {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return b
}

func (s *source) bool() bool { return s.byte()&1 == 1 }

func (s *source) int64() int64 {
	var b [8]byte
	for i := range b {
		b[i] = s.byte()
	}
	return int64(binary.LittleEndian.Uint64(b[:]))
}

// text returns one to three pieces: nasty strings, or raw input.
func (s *source) text() string {
	var b strings.Builder
	for range 1 + s.byte()%3 {
		if n := s.byte(); int(n) < len(nasty)*2 {
			b.WriteString(nasty[int(n)%len(nasty)])
		} else {
			n := min(int(n%32), len(s.data))
			b.Write(s.data[:n])
			s.data = s.data[n:]
		}
	}
	return b.String()
}

// maybe returns an empty string half of the time.
func (s *source) maybe() string {
	if s.bool() {
		return s.text()
	}
	return ""
}

func (s *source) time() time.Time {
	switch s.byte() % 4 {
	case 0:
		return time.Date(2026, 1, 31, 10, 11, 12, 345_678_901, time.UTC)
	case 1:
		return time.Unix(0, s.int64()).UTC()
	case 2:
		return time.Unix(s.int64()%(1<<40), 0)
	}
	return time.Time{}
}

func (s *source) value(depth int) any {
	switch s.byte() % 8 {
	case 0:
		return s.text()
	case 1:
		return s.bool()
	case 2:
		return s.int64()
	case 3:
		return math.Float64frombits(uint64(s.int64()))
	case 4:
		return nil
	case 5:
		return struct{ A int }{1}
	case 6:
		if depth > 4 {
			return []any{}
		}
		list := make([]any, s.byte()%4)
		for i := range list {
			list[i] = s.value(depth + 1)
		}
		return list
	}
	m := make(map[string]any)
	if depth <= 4 {
		for range s.byte() % 4 {
			m[strings.ToValidUTF8(s.text(), "?")] = s.value(depth + 1)
		}
	}
	return m
}

func (s *source) message() exchange.Message {
	var m exchange.Message
	seen := make(map[string]bool)
	for range s.byte() % 6 {
		name := nastyHeaders[int(s.byte())%len(nastyHeaders)]
		if seen[name] {
			continue
		}
		seen[name] = true
		h := exchange.Header{Name: name}
		for range s.byte() % 4 {
			h.Values = append(h.Values, s.text())
		}
		m.Headers = append(m.Headers, h)
	}
	m.Body = exchange.Body{
		Data: s.maybe(), Captured: s.bool(), Binary: s.bool(), Truncated: s.bool(), Incomplete: s.bool(), Size: -1,
	}
	if s.byte() == 1 {
		m.Body.Data = strings.Repeat(m.Body.Data+"x", 1000)
	}
	if s.bool() {
		m.Body.Size = s.int64()
	}
	return m
}

// Hostile makes an exchange out of arbitrary bytes, for fuzzing. It keeps to
// what the model promises about names and ids, and to nothing else: strings may
// be invalid UTF-8, times absurd, addresses and hosts no such thing.
func Hostile(data []byte) *exchange.Exchange {
	s := &source{data: data}
	ex := &exchange.Exchange{
		ID: "5f0c2c2e-8b1a-5d3e-9a77-1f2e3d4c5b6a", Direction: exchange.Direction(s.byte() % 8 / 6), Status: 200,
		Start: s.time(), End: s.time(), SpanName: s.maybe(),
		Method: "GET", Scheme: s.maybe(), Host: s.maybe(), Path: s.maybe(), Query: s.maybe(), Route: s.maybe(),
		Request: s.message(), Response: s.message(), Protocol: s.maybe(),
		ClientAddress: s.maybe(), PeerAddress: s.maybe(), LocalAddress: s.maybe(), UserAgent: s.maybe(),
		UserID: s.maybe(), UserEmail: s.maybe(), UserName: s.maybe(), SessionID: s.maybe(),
		CompanyID: s.maybe(), SubscriptionID: s.maybe(),
		ConsumerID: s.maybe(), ConsumerLabel: s.maybe(), ConsumerEmail: s.maybe(),
		ServiceName: s.maybe(), ServiceVersion: s.maybe(), Environment: s.maybe(), APIVersion: s.maybe(),
		BlockedBy: s.maybe(), Weight: s.int64(), RedactionPolicy: s.maybe(), RedactionCount: s.int64(),
		RedactionRules: []string{s.maybe()}, RedactionUpstream: exchange.Redaction{Rules: []string{s.maybe()}, Count: s.int64()},
	}
	if s.bool() {
		ex.Method = s.text()
	}
	if s.byte()%4 == 1 {
		ex.Status = int(s.int64())
	}
	if s.bool() {
		for i := range ex.TraceID {
			ex.TraceID[i] = s.byte()
		}
		for i := range ex.SpanID {
			ex.SpanID[i], ex.ParentSpanID[i] = s.byte(), s.byte()
		}
	}
	keys := make(map[string]any)
	for range s.byte() % 5 {
		keys[strings.ToValidUTF8(s.text(), "?")] = s.value(0)
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		ex.Metadata = append(ex.Metadata, exchange.KeyValue{Key: k, Value: keys[k]})
	}
	// What was added later comes last, so that old inputs mean what they meant.
	ex.ClientPort, ex.PeerPort, ex.LocalPort = int(int16(s.int64())), int(s.int64()), int(s.byte())
	ex.SessionKey, ex.SessionAuthType = s.maybe(), s.maybe()
	return ex
}
