// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"bytes"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"unsafe"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// This file is the part of the conformance suite that asks whether encoding is a function:
// it gives the same twice, from several goroutines too, and keeps and changes nothing.

func (s *suite) deterministic(t *testing.T) {
	t.Parallel()
	a, b := s.newEncoder(t), s.newEncoder(t)
	for _, name := range s.names {
		first, drop1 := a.Append(nil, s.cases[name])
		second, drop2 := b.Append(nil, s.cases[name])
		third, drop3 := a.Append(nil, s.cases[name])
		if !bytes.Equal(first, second) || !bytes.Equal(first, third) || drop1 != drop2 || drop1 != drop3 {
			t.Errorf("%s: not the same twice", name)
		}
	}
}

// keepsNothing: the encoder neither changes the exchange nor remembers its
// memory. The strings of a copy are overwritten after use; an encoder that kept
// one would show it in a later item or trip the race detector.
func (s *suite) keepsNothing(t *testing.T) {
	t.Parallel()
	enc, fresh := s.newEncoder(t), s.newEncoder(t)
	for _, name := range s.names {
		want, _ := fresh.Append(nil, s.cases[name])
		var arena [][]byte
		own := cloneInto(reflect.ValueOf(s.cases[name]).Elem(), &arena).Addr().Interface().(*exchange.Exchange)
		got, _ := enc.Append(nil, own)
		if !bytes.Equal(got, want) {
			t.Fatalf("%s: a copy gives other bytes", name)
		}
		if !equalExchange(own, s.cases[name]) {
			t.Errorf("%s: the exchange was changed", name)
		}
		for _, b := range arena {
			for i := range b {
				b[i] = '#'
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the item shares memory with the exchange", name)
		}
	}
}

// equalExchange compares like DeepEqual, but NaN with NaN.
func equalExchange(a, b *exchange.Exchange) bool {
	return fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b)
}

// cloneInto copies a value deeply; each string lies in a buffer of its own,
// which is added to arena.
func cloneInto(v reflect.Value, arena *[][]byte) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.String:
		if v.Len() > 0 {
			b := []byte(v.String())
			*arena = append(*arena, b)
			out.SetString(unsafe.String(&b[0], len(b)))
		}
	case reflect.Struct:
		if v.Type().PkgPath() == "time" {
			out.Set(v)
			break
		}
		for i := range v.NumField() {
			if out.Field(i).CanSet() {
				out.Field(i).Set(cloneInto(v.Field(i), arena))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			break
		}
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(cloneInto(v.Index(i), arena))
		}
	case reflect.Map:
		// Keys keep their memory: overwriting them would break the map.
		out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for it := v.MapRange(); it.Next(); {
			out.SetMapIndex(it.Key(), cloneInto(it.Value(), arena))
		}
	case reflect.Interface:
		if !v.IsNil() {
			out.Set(cloneInto(v.Elem(), arena))
		}
	default:
		out.Set(v)
	}
	return out
}

func (s *suite) concurrent(t *testing.T) {
	t.Parallel()
	enc := s.newEncoder(t)
	want := make([][]byte, len(s.names))
	for i, name := range s.names {
		want[i], _ = enc.Append(nil, s.cases[name])
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var dst []byte
			for i, name := range s.names {
				dst, _ = enc.Append(dst[:0], s.cases[name])
				if !bytes.Equal(dst, want[i]) {
					t.Errorf("%s: different when encoded concurrently", name)
				}
			}
		})
	}
	wg.Wait()
}
