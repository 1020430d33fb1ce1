// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// field encodes one length-delimited field.
func field(number int, content ...[]byte) []byte {
	b := bytes.Join(content, nil)
	head := binary.AppendUvarint(nil, uint64(number)<<3|2)
	return append(binary.AppendUvarint(head, uint64(len(b))), b...)
}

// in wraps content into fields, the outermost first.
func in(content []byte, path ...int) []byte {
	for i := len(path) - 1; i >= 0; i-- {
		content = field(path[i], content)
	}
	return content
}

// deep is an AnyValue of arrays in arrays, or of maps in maps.
func deep(levels int, pairs bool) []byte {
	parts := make([][]byte, 0, levels)
	size := 0
	for range levels {
		// Built from the inside: each level wraps what is there.
		var head []byte
		if pairs { // value(2) of a pair, pair(1) of a list, list(6) of a value
			for _, n := range []int{2, 1, 6} {
				h := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(n)<<3|2), uint64(size))
				head, size = append(h, head...), size+len(h)
			}
		} else {
			for _, n := range []int{1, 5} {
				h := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(n)<<3|2), uint64(size))
				head, size = append(h, head...), size+len(h)
			}
		}
		parts = append(parts, head)
	}
	var b []byte
	for i := len(parts) - 1; i >= 0; i-- {
		b = append(b, parts[i]...)
	}
	return b
}

func many(n int, b []byte) []byte { return bytes.Repeat(b, n) }

func TestRefused(t *testing.T) {
	t.Parallel()
	l := limits{memory: 64 << 20, depth: 64}
	value := []int{1, 2, 2, 9, 2} // of an attribute of a span
	for name, tt := range map[string]struct {
		signal string
		bytes  []byte
		want   verdict
	}{
		"empty":                 {"traces", nil, fine},
		"spans":                 {"traces", in(many(2<<20, field(2)), 1, 2), tooLarge},
		"few spans":             {"traces", in(many(1000, field(2)), 1, 2), fine},
		"resources":             {"traces", many(2<<20, field(1)), tooLarge},
		"scopes":                {"logs", in(many(2<<20, field(2)), 1), tooLarge},
		"records":               {"logs", in(many(2<<20, field(2)), 1, 2), tooLarge},
		"events":                {"traces", in(many(2<<20, field(11)), 1, 2, 2), tooLarge},
		"links":                 {"traces", in(many(2<<20, field(13)), 1, 2, 2), tooLarge},
		"attributes":            {"traces", in(many(2<<20, field(9)), 1, 2, 2), tooLarge},
		"resource attributes":   {"metrics", in(many(2<<20, field(1)), 1, 1), tooLarge},
		"values of an array":    {"traces", in(many(2<<20, field(1)), append(value, 5)...), tooLarge},
		"points":                {"metrics", in(many(2<<20, field(1)), 1, 2, 2, 7), tooLarge},
		"quantiles":             {"metrics", in(many(4<<20, field(6)), 1, 2, 2, 11, 1), tooLarge},
		"arrays in arrays":      {"traces", in(deep(1_000_000, false), value...), tooDeep},
		"maps in maps":          {"traces", in(deep(1_000_000, true), value...), tooDeep},
		"a body of maps":        {"logs", in(deep(65, true), 1, 2, 2, 5), tooDeep},
		"as deep as allowed":    {"logs", in(deep(63, true), 1, 2, 2, 5), fine},
		"unknown path, deep":    {"", in(deep(1_000, false), value...), tooDeep},
		"unknown path, spans":   {"", in(many(2<<20, field(2)), 1, 2), tooLarge},
		"unknown path, no OTLP": {"", []byte("hello"), fine},
		"cut":                   {"traces", in(many(10, field(2)), 1, 2)[:9], malformed},
		"a group hides spans":   {"traces", append([]byte{1<<3 | 3}, in(many(10, field(2)), 1, 2)...), malformed},
		"length beyond the end": {"traces", append(binary.AppendUvarint([]byte{1<<3 | 2}, 1<<63), 0), malformed},
		"endless varint":        {"traces", bytes.Repeat([]byte{0xff}, 64), malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := l.request("/v1/"+tt.signal, tt.bytes); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRefusedJSON(t *testing.T) {
	t.Parallel()
	l := limits{memory: 64 << 20, depth: 64}
	list := func(n int) string {
		return strings.Repeat("{\"arrayValue\":{\"values\":[", n) + "{}" + strings.Repeat("]}}", n)
	}
	for name, tt := range map[string]struct {
		text string
		want verdict
	}{
		"empty":              {"{}", fine},
		"deep":               {list(100_000), tooDeep},
		"as deep as allowed": {"{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":" + list(64) + "}]}]}]}", fine},
		"spans":              {"[" + strings.Repeat("{},", 1<<20) + "{}]", tooLarge},
		"named spans":        {`{"resourceSpans":[{"scopeSpans":[{"spans":[` + strings.Repeat("{},", 200_000) + "{}]}]}]}", tooLarge},
		"spans by an escape": {`{"resourceSpans":[{"scopeSpans":[{"sp\\u0061ns":[` + strings.Repeat("{},", 200_000) + "{}]}]}]}", tooLarge},
		"brackets in text":   {"{\"name\":\"" + strings.Repeat("[", 100_000) + "\"}", fine},
		"escaped quotes":     {"{\"name\":\"\\\"" + strings.Repeat("[", 100_000) + "\"}", fine},
		"escaped backslash":  {"{\"name\":\"\\\\\",\"x\":" + strings.Repeat("[", 100_000), tooDeep},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := l.json([]byte(tt.text)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestCosts holds the estimate against the decoder: what is let through may not take
// more than was estimated, and ordinary requests may not look much larger than they are.
func TestCosts(t *testing.T) {
	value := []int{1, 2, 2, 9, 2}
	const n = 200_000
	for name, tt := range map[string]struct {
		signal string
		bytes  []byte
	}{
		"spans":        {"traces", in(many(n, field(2)), 1, 2)},
		"resources":    {"traces", many(n, field(1))},
		"scopes":       {"traces", in(many(n, field(2)), 1)},
		"events":       {"traces", in(many(n, field(11)), 1, 2, 2)},
		"links":        {"traces", in(many(n, field(13)), 1, 2, 2)},
		"attributes":   {"traces", in(many(n, field(9, field(2, field(1, []byte("v"))))), 1, 2, 2)},
		"values":       {"traces", in(many(n, field(1, field(1, []byte("v")))), append(value, 5)...)},
		"arrays":       {"traces", in(many(n, field(1, field(5))), append(value, 5)...)},
		"maps":         {"traces", in(many(n, field(1, field(6))), append(value, 5)...)},
		"records":      {"logs", in(many(n, field(2)), 1, 2)},
		"metrics":      {"metrics", in(many(n, field(2)), 1, 2)},
		"kinds":        {"metrics", in(many(n, field(2, field(7))), 1, 2)},
		"numbers":      {"metrics", in(many(n, field(1)), 1, 2, 2, 7)},
		"histograms":   {"metrics", in(many(n, field(1)), 1, 2, 2, 9)},
		"exponentials": {"metrics", in(many(n, field(1)), 1, 2, 2, 10)},
		"summaries":    {"metrics", in(many(n, field(1)), 1, 2, 2, 11)},
		"quantiles":    {"metrics", in(many(n, field(6)), 1, 2, 2, 11, 1)},
		"exemplars":    {"metrics", in(many(n, field(5)), 1, 2, 2, 7, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			var after uint64
			var err error
			var text []byte // the same in JSON
			switch tt.signal {
			case "traces":
				r := ptraceotlp.NewExportRequest()
				err, after = r.UnmarshalProto(tt.bytes), heap()
				text, _ = r.MarshalJSON()
			case "logs":
				r := plogotlp.NewExportRequest()
				err, after = r.UnmarshalProto(tt.bytes), heap()
				text, _ = r.MarshalJSON()
			default:
				r := pmetricotlp.NewExportRequest()
				err, after = r.UnmarshalProto(tt.bytes), heap()
				text, _ = r.MarshalJSON()
			}
			if err != nil {
				t.Fatal(err)
			}
			used := int(after - before)
			if got := (limits{memory: used - 1, depth: 64}).request(tt.signal, tt.bytes); got != tooLarge {
				t.Errorf("decoding takes %d bytes for each of %d, more than was estimated", used/n, n)
			}
			if got := (limits{memory: 5*used + len(tt.bytes), depth: 64}).request(tt.signal, tt.bytes); got != fine {
				t.Errorf("decoding takes %d bytes for each of %d, less than a fifth of the estimate", used/n, n)
			}
			if got := (limits{memory: used - 1, depth: 64}).json(text); got != tooLarge {
				t.Errorf("decoding JSON takes %d bytes for each of %d, more than was estimated", used/n, n)
			}
			if got := (limits{memory: 5*used + len(text), depth: 64}).json(text); got != fine {
				t.Errorf("decoding JSON takes %d bytes for each of %d, less than a fifth of the estimate", used/n, n)
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// FuzzScan: what the decoder reads is read here, too, and nothing panics.
func FuzzScan(f *testing.F) {
	f.Add(in(deep(3, true), 1, 2, 2, 9, 2))
	f.Add(in(many(3, field(2)), 1, 2))
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetName("GET /users/{id}")
	s.Attributes().PutEmptyMap("m").PutEmptySlice("s").AppendEmpty().SetInt(1)
	s.Events().AppendEmpty().SetName("e")
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		l := limits{memory: 1 << 30, depth: 64}
		got := l.request("traces", b)
		l.json(b)
		r := ptraceotlp.NewExportRequest()
		if got != tooDeep && r.UnmarshalProto(b) == nil && got != fine && !bytes.ContainsFunc(b, func(r rune) bool { return r&7 == 3 || r&7 == 4 }) {
			t.Errorf("%q: the decoder reads what is refused as %s", b, got)
		}
	})
}
