// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package confkeys

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// shortest is the shortest duration that anybody means: a number without a unit
// counts nanoseconds, so `timeout: 15` is 15ns.
const shortest = time.Millisecond

// maxNesting bounds how deep Durations looks, should a type contain itself.
const maxNesting = 16

// Durations reports each duration in cfg, a struct or a pointer to one whose fields
// carry mapstructure tags, that is above 0 and below 1ms, in order of the fields. It
// looks into nested structs, pointers, maps, slices, and optional sections that are
// switched on (types with a method Get that returns a pointer, nil if they are off).
// It reads the decoded values, so that it does not matter where a value came from.
func Durations(cfg any) []error {
	return durations("", reflect.ValueOf(cfg), maxNesting)
}

func durations(path string, v reflect.Value, nesting int) (errs []error) {
	if !v.IsValid() || nesting == 0 {
		return nil
	}
	if d, ok := reflect.TypeAssert[time.Duration](v); ok {
		if d > 0 && d < shortest {
			errs = append(errs, errDuration(path, d))
		}
		return errs
	}
	below := path + "::"
	if path == "" {
		below = ""
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return durations(path, v.Elem(), nesting-1)
	case reflect.Slice, reflect.Array:
		if k := v.Type().Elem().Kind(); k <= reflect.Complex128 && v.Type().Elem() != reflect.TypeFor[time.Duration]() {
			return nil
		}
		for i := range v.Len() {
			errs = append(errs, durations(fmt.Sprintf("%s::%d", path, i), v.Index(i), nesting-1)...)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		for _, k := range keys {
			errs = append(errs, durations(below+fmt.Sprint(k), v.MapIndex(k), nesting-1)...)
		}
	case reflect.Struct:
		if inner, ok := optional(v); ok {
			return durations(path, inner, nesting-1)
		}
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name, options, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
			switch {
			case !field.IsExported() || name == "-":
			case options == "squash":
				errs = append(errs, durations(path, v.Field(i), nesting-1)...)
			case name != "":
				errs = append(errs, durations(below+name, v.Field(i), nesting-1)...)
			}
		}
	}
	return errs
}

// optional returns what an optional section holds, and false if v is none. It goes
// by the method's form, so that this package needs no library.
func optional(v reflect.Value) (inner reflect.Value, ok bool) {
	p := reflect.New(v.Type()) // v may not be addressable
	p.Elem().Set(v)
	get := p.MethodByName("Get")
	if !get.IsValid() || get.Type().NumIn() != 0 || get.Type().NumOut() != 1 || get.Type().Out(0).Kind() != reflect.Pointer {
		return reflect.Value{}, false
	}
	return get.Call(nil)[0], true
}

func errDuration(path string, d time.Duration) error {
	return fmt.Errorf("`%s` %s", path, ShortDuration(d))
}

// ShortDuration says what is wrong with a duration that is less than a millisecond, to
// stand behind the name of its key; "" if nothing is.
func ShortDuration(d time.Duration) string {
	switch {
	case d <= 0 || d >= shortest:
		return ""
	case d < time.Microsecond: // nobody writes "15ns": it was a number
		return fmt.Sprintf("is %d nanoseconds, which is what a number without a unit means: write the unit, such as %ds or %dms", d, d, d)
	}
	return fmt.Sprintf("is %v, less than 1ms: a number without a unit means nanoseconds; write the unit, such as 10s or 500ms", d)
}
