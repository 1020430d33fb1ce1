// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package entities

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"
)

const (
	maxMetadata      = 64
	maxMetadataKey   = 128
	maxMetadataValue = 4 << 10
	// maxNodes and maxDepth bound one structured value.
	maxNodes = 1000
	maxDepth = 8
)

// metadata adds the values in key order, the keys behind the prefix.
func (a *attrs) metadata(field, prefix string, m Metadata) {
	if len(m) > maxMetadata {
		a.fail(field, fmt.Sprintf("has more than %d keys", maxMetadata))
		return
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if problem := keyProblem(k); problem != "" {
			a.fail(field, "has a key that "+problem)
			return
		}
		c := converter{}
		v := c.safe(m[k])
		if c.problem != "" {
			a.fail(fmt.Sprintf("%s[%q]", field, k), c.problem)
			return
		}
		if v != nil {
			a.list = append(a.list, slog.Any(prefix+k, v))
		}
	}
}

// keyProblem says what is wrong with a key. It is not repeated in errors then:
// what is no key may be anything.
func keyProblem(k string) string {
	switch {
	case k == "":
		return "is empty"
	case len(k) > maxMetadataKey:
		return fmt.Sprintf("is longer than %d bytes", maxMetadataKey)
	case !utf8.ValidString(k):
		return "is not valid UTF-8"
	}
	return ""
}

// converter turns one metadata value into a tree of what the bridge takes as it is: string,
// bool, int64, float64, []any and map[string]any; nil is an empty value.
type converter struct {
	nodes   int
	problem string
}

func (c *converter) fail(problem string) any {
	if c.problem == "" {
		c.problem = problem
	}
	return nil
}

// safe runs code of the application (String, MarshalText, MarshalJSON), so a panic
// is caught.
func (c *converter) safe(value any) (v any) {
	defer func() {
		if recover() != nil {
			v = c.fail("panicked while it was converted")
		}
	}()
	return c.value(value, 0)
}

func (c *converter) text(s string) any {
	switch {
	case len(s) > maxMetadataValue:
		return c.fail(fmt.Sprintf("is longer than %d bytes", maxMetadataValue))
	case !utf8.ValidString(s):
		return c.fail("is not valid UTF-8")
	}
	return s
}

func (c *converter) float(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return c.fail("is not a finite number")
	}
	return f
}

func (c *converter) value(value any, depth int) any {
	if c.nodes++; c.nodes > maxNodes {
		return c.fail(fmt.Sprintf("has more than %d values", maxNodes))
	}
	if depth > maxDepth {
		return c.fail(fmt.Sprintf("is nested deeper than %d levels", maxDepth))
	}
	switch r := reflect.ValueOf(value); r.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice, reflect.Invalid:
		if r.Kind() == reflect.Invalid || r.IsNil() {
			return nil
		}
	}
	switch v := value.(type) {
	case string:
		return c.text(v)
	case map[string]any:
		return c.object(v, depth)
	case []any:
		return list(c, v, depth)
	case []string:
		return list(c, v, depth)
	case []bool:
		return list(c, v, depth)
	case []int:
		return list(c, v, depth)
	case []int64:
		return list(c, v, depth)
	case []float64:
		return list(c, v, depth)
	case json.Number:
		return c.number(v)
	case time.Time:
		if y := v.Year(); y < 1 || y > maxYear {
			return c.fail("is a time outside the years 1 to 9999")
		}
		return v.Format(time.RFC3339Nano)
	case error:
		return c.text(v.Error())
	case fmt.Stringer:
		return c.text(v.String())
	case encoding.TextMarshaler:
		b, err := v.MarshalText()
		if err != nil {
			return c.fail("cannot be converted to text")
		}
		return c.text(string(b))
	}
	switch r := reflect.ValueOf(value); r.Kind() {
	case reflect.String:
		return c.text(r.String())
	case reflect.Bool:
		return r.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if u := r.Uint(); u <= math.MaxInt64 {
			return int64(u)
		}
		return fmt.Sprint(r.Uint())
	case reflect.Float32, reflect.Float64:
		return c.float(r.Float())
	}
	return c.viaJSON(value, depth)
}

// viaJSON converts a value of any other type by its JSON form.
func (c *converter) viaJSON(value any, depth int) any {
	b, err := json.Marshal(value)
	if err != nil {
		return c.fail("cannot be converted to JSON")
	}
	if len(b) > maxNodes*maxMetadataValue {
		return c.fail("is too large")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var tree any
	if dec.Decode(&tree) != nil {
		return c.fail("cannot be converted to JSON")
	}
	return c.value(tree, depth)
}

// number keeps integers exact.
func (c *converter) number(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	f, err := n.Float64()
	if err != nil {
		return c.fail("is not a finite number")
	}
	return c.float(f)
}

func (c *converter) object(m map[string]any, depth int) any {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := make(map[string]any, len(m))
	for _, k := range keys {
		if problem := keyProblem(k); problem != "" {
			return c.fail("has a key that " + problem)
		}
		if v := c.value(m[k], depth+1); v != nil {
			out[k] = v
		}
		if c.problem != "" {
			return nil
		}
	}
	return out
}

func list[T any](c *converter, in []T, depth int) any {
	out := make([]any, 0, len(in))
	for _, e := range in {
		out = append(out, c.value(e, depth+1))
		if c.problem != "" {
			return nil
		}
	}
	return out
}
