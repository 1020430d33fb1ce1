// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/apispan/apispan/internal/httpattr"
)

const (
	// maxMetadata is how many values one exchange may have.
	maxMetadata = 24
	// maxMetadataKey and maxMetadataValue are in bytes.
	maxMetadataKey   = 128
	maxMetadataValue = 4 << 10
)

// SetMetadata records a value with the exchange that ctx belongs to, as
// apispan.metadata.<key>. Booleans, integers, floats, strings and slices of them
// keep their type; a time.Time becomes RFC 3339, a fmt.Stringer or
// encoding.TextMarshaler its text, anything else JSON in a string, which the exporter
// turns into an object or array again. Nil is ignored.
//
// A later call with the same key wins. At most 24 values of at most 4 KiB (longer
// strings are cut, objects lose members and arrays their last elements), keys of at most
// 128 bytes; what does not fit is counted with
// reason metadata_limit. Like SetIdentity it works until the handler returns.
func SetMetadata(ctx context.Context, key string, value any) {
	rec := recordFrom(ctx)
	if rec == nil {
		return
	}
	// Text is made before the lock: it may be the caller's code that makes it.
	kv, ok := rec.cfg.metadataAttr(key, value)
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.finished {
		return
	}
	if rec.inside == nil {
		rec.inside = &inside{}
	}
	if !ok {
		if value != nil {
			rec.inside.over++
		}
		return
	}
	in := rec.inside
	in.meta, ok = putMetadata(in.meta, 0, kv, true)
	if !ok {
		in.over++
	}
}

// putMetadata adds kv to list[from:]; replace says which one wins for equal keys.
func putMetadata(list []attribute.KeyValue, from int, kv attribute.KeyValue, replace bool) ([]attribute.KeyValue, bool) {
	for i := from; i < len(list); i++ {
		if list[i].Key == kv.Key {
			if replace {
				list[i] = kv
			}
			return list, true
		}
	}
	if len(list)-from >= maxMetadata {
		return list, false
	}
	return append(list, kv), true
}

// metadataAttr converts a value. It runs code of the application (String,
// MarshalText, MarshalJSON), so a panic is caught.
func (c *config) metadataAttr(key string, value any) (kv attribute.KeyValue, ok bool) {
	defer func() {
		if recover() != nil {
			c.drops.add(reasonCallbackPanic, 1)
			kv, ok = attribute.KeyValue{}, false
		}
	}()
	if value == nil || key == "" || len(key) > maxMetadataKey || !utf8.ValidString(key) {
		return kv, false
	}
	v, ok := metadataValue(value)
	return attribute.KeyValue{Key: attribute.Key(httpattr.MetadataPrefix + key), Value: v}, ok
}

func metadataValue(value any) (attribute.Value, bool) {
	switch v := value.(type) {
	case string:
		return attribute.StringValue(cleanMetadata(v)), true
	case bool:
		return attribute.BoolValue(v), true
	case int:
		return attribute.IntValue(v), true
	case int64:
		return attribute.Int64Value(v), true
	case float64:
		return attribute.Float64Value(v), true
	case time.Time:
		return attribute.StringValue(v.Format(time.RFC3339Nano)), true
	case []string:
		return stringsValue(v)
	case []bool:
		return attribute.BoolSliceValue(v), len(v) <= maxMetadataValue
	case []int:
		return attribute.IntSliceValue(v), len(v) <= maxMetadataValue/8
	case []int64:
		return attribute.Int64SliceValue(v), len(v) <= maxMetadataValue/8
	case []float64:
		return attribute.Float64SliceValue(v), len(v) <= maxMetadataValue/8
	case error:
		return attribute.StringValue(cleanMetadata(v.Error())), true
	case fmt.Stringer:
		return attribute.StringValue(cleanMetadata(v.String())), true
	case encoding.TextMarshaler:
		b, err := v.MarshalText()
		return attribute.StringValue(cleanMetadata(string(b))), err == nil
	}
	switch r := reflect.ValueOf(value); r.Kind() {
	case reflect.String:
		return attribute.StringValue(cleanMetadata(r.String())), true
	case reflect.Bool:
		return attribute.BoolValue(r.Bool()), true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return attribute.Int64Value(r.Int()), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if u := r.Uint(); u <= 1<<63-1 {
			return attribute.Int64Value(int64(u)), true
		}
		return attribute.StringValue(fmt.Sprint(r.Uint())), true
	case reflect.Float32, reflect.Float64:
		return attribute.Float64Value(r.Float()), true
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		if r.IsNil() {
			return attribute.Value{}, false
		}
	}
	b, err := json.Marshal(value)
	if err != nil {
		return attribute.Value{}, false
	}
	if len(b) > maxMetadataValue {
		if b = cutJSON(b, maxMetadataValue); b == nil {
			return attribute.Value{}, false
		}
	}
	return attribute.StringValue(string(b)), true
}

// cutJSON leaves as many members of an object, in the order of their names, or first
// elements of an array as fit into limit bytes. It returns nil if none does, or if the
// document is neither.
func cutJSON(doc []byte, limit int) []byte {
	var members map[string]json.RawMessage
	var elements []json.RawMessage
	out := make([]byte, 0, limit)
	switch {
	case json.Unmarshal(doc, &members) == nil:
		out = append(out, '{')
		for _, name := range slices.Sorted(maps.Keys(members)) {
			key, _ := json.Marshal(name)
			if len(out)+len(key)+len(members[name])+3 > limit {
				continue
			}
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(append(append(out, key...), ':'), members[name]...)
		}
		out = append(out, '}')
	case json.Unmarshal(doc, &elements) == nil:
		out = append(out, '[')
		for _, e := range elements {
			if len(out)+len(e)+2 > limit {
				break
			}
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, e...)
		}
		out = append(out, ']')
	}
	if len(out) <= 2 {
		return nil
	}
	return out
}

func stringsValue(vs []string) (attribute.Value, bool) {
	out := make([]string, len(vs))
	total := 0
	for i, s := range vs {
		out[i] = cleanMetadata(s)
		total += len(s)
	}
	return attribute.StringSliceValue(out), total <= maxMetadataValue
}

func cleanMetadata(s string) string {
	return cutString(cleanValue(s, true), maxMetadataValue)
}
