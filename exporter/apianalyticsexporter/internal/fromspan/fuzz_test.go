// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/httpattr"
)

// spanFromBytes builds a span out of fuzz input: a byte chooses a known key or
// takes one from the input, a byte chooses a type, the rest is the value.
func spanFromBytes(data []byte) ptrace.Span {
	s := ptrace.NewSpan()
	next := func() byte {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return b
	}
	str := func() string {
		n := min(int(next()), len(data))
		v := string(data[:n])
		data = data[n:]
		return v
	}
	var value func(v pcommon.Value, depth int)
	value = func(v pcommon.Value, depth int) {
		switch next() % 8 {
		case 0:
			v.SetStr(str())
		case 1:
			v.SetInt(int64(int8(next())) << (next() % 64))
		case 2:
			v.SetDouble([]float64{0, -1.5, math.NaN(), math.Inf(1), 1e300, 200}[next()%6])
		case 3:
			v.SetBool(next()%2 == 0)
		case 4:
			v.SetEmptyBytes().FromRaw([]byte(str()))
		case 5:
			l := v.SetEmptySlice()
			for range next() % 4 {
				if e := l.AppendEmpty(); depth < 40 {
					value(e, depth+1)
				}
			}
		case 6:
			m := v.SetEmptyMap()
			for range next() % 4 {
				if e := m.PutEmpty(str()); depth < 40 {
					value(e, depth+1)
				}
			}
		}
	}
	s.SetKind(ptrace.SpanKind(2 + next()%2))
	s.SetTraceID([16]byte{next()})
	s.SetSpanID([8]byte{next()})
	s.SetStartTimestamp(pcommon.Timestamp(uint64(next()) << (next() % 64)))
	s.SetEndTimestamp(pcommon.Timestamp(uint64(next()) << (next() % 64)))
	s.SetName(str())
	s.TraceState().FromRaw(str())
	s.Attributes().PutStr("http.request.method", "GET")
	prefixes := []string{"http.request.header.", "http.response.headers.", "apispan.metadata.", "http.re", ""}
	for len(data) > 0 {
		var key string
		if c, all := int(next()), httpattr.Entries(); c < len(all) {
			key = all[c].Key
		} else {
			key = prefixes[c%len(prefixes)] + str()
		}
		value(s.Attributes().PutEmpty(key), 0)
	}
	return s
}

func FuzzRead(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x01\x01\x00\x00\x00\x00\x03abc\x07ot=th:c\x05\x00\x06/a?b#c\x09\x00\x08\xff\xfe(][)~~"))
	for i := range httpattr.Entries() {
		for typ := range 8 {
			f.Add([]byte{1, 1, 1, 9, 9, 9, 9, 0, 0, byte(i), byte(typ), 5, 'h', ':', '/', '/', 0xff, 3, 2, 1})
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		span := spanFromBytes(data)
		ex, skip := Read(pcommon.NewResource(), span)
		if skip != Taken {
			return
		}
		again, _ := Read(pcommon.NewResource(), span)
		if ex.ID != again.ID || len(ex.ID) != 36 {
			t.Errorf("ids %q and %q", ex.ID, again.ID)
		}
		checkPromises(t, &ex)
	})
}

// checkPromises checks what package exchange promises to encoders.
func checkPromises(t *testing.T, ex *exchange.Exchange) {
	t.Helper()
	for _, s := range []string{
		ex.SpanName, ex.Method, ex.Scheme, ex.Host, ex.Path, ex.Query, ex.Route, ex.Protocol, ex.ClientAddress,
		ex.PeerAddress, ex.LocalAddress, ex.UserAgent, ex.UserID, ex.UserEmail, ex.UserName, ex.SessionID, ex.SessionKey, ex.SessionAuthType, ex.CompanyID,
		ex.SubscriptionID, ex.ConsumerID, ex.ConsumerLabel, ex.ConsumerEmail, ex.APIVersion, ex.BlockedBy, ex.RedactionPolicy,
	} {
		if !utf8.ValidString(s) {
			t.Errorf("string %q is not UTF-8", s)
		}
	}
	if !strings.HasPrefix(ex.Path, "/") {
		t.Errorf("path %q", ex.Path)
	}
	for _, s := range []string{ex.Path, ex.Query} {
		for i := range len(s) {
			if s[i] <= ' ' || s[i] >= 0x7f {
				t.Errorf("%q holds byte %#x", s, s[i])
			}
		}
	}
	if ex.Scheme != "http" && ex.Scheme != "https" || ex.Weight < 1 || ex.End.Before(ex.Start) || ex.Method != strings.ToUpper(ex.Method) {
		t.Errorf("scheme %q weight %d start %v end %v method %q", ex.Scheme, ex.Weight, ex.Start, ex.End, ex.Method)
	}
	for _, m := range []exchange.Message{ex.Request, ex.Response} {
		if !m.Body.Binary && !utf8.ValidString(m.Body.Data) {
			t.Errorf("text body %q is not UTF-8", m.Body.Data)
		}
		if !m.Body.Captured && m.Body.Data != "" || m.Body.Size < -1 {
			t.Errorf("body %+v", m.Body)
		}
		if !slices.IsSortedFunc(m.Headers, func(a, b exchange.Header) int { return strings.Compare(a.Name, b.Name) }) {
			t.Errorf("headers not sorted: %v", m.Headers)
		}
		for i, h := range m.Headers {
			if h.Name == "" || h.Name != strings.ToLower(h.Name) || len(h.Values) == 0 || i > 0 && m.Headers[i-1].Name == h.Name {
				t.Errorf("header %d %+v", i, h)
			}
			for _, v := range h.Values {
				if !utf8.ValidString(v) {
					t.Errorf("header value %q is not UTF-8", v)
				}
			}
		}
	}
	for i, kv := range ex.Metadata {
		if i > 0 && ex.Metadata[i-1].Key >= kv.Key {
			t.Errorf("metadata keys %q, %q", ex.Metadata[i-1].Key, kv.Key)
		}
		if _, err := json.Marshal(kv.Value); err != nil {
			t.Errorf("metadata %q cannot be written as JSON: %v", kv.Key, err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	span := newSpan(b, ptrace.SpanKindServer, current())
	var r Reader
	r.SetResource(resource(b, map[string]any{"service.name": "shop"}))
	b.ReportAllocs()
	for b.Loop() {
		if _, skip := r.Read(span); skip != Taken {
			b.Fatal(skip)
		}
	}
}
