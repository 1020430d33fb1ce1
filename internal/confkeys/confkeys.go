// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package confkeys finds keys of a configuration that nobody reads, and guesses
// what was meant; durations without a unit; and URLs that are none. The decoders' own
// messages name neither the full key nor a fix.
//
// It imports only the standard library.
package confkeys

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Schema says which keys exist.
type Schema struct {
	// Owner ends the sentence "… is no key of", such as "this exporter".
	Owner string
	// Root is the struct type of the whole section; its fields carry mapstructure
	// tags, and squashed structs count as its own.
	Root reflect.Type
	// Instead says what to write in place of keys that are known from elsewhere, such as
	// the options of a vendor's SDK: by block, and by the key as [Fold] returns it. It
	// holds in the block, and beside it where the block is written.
	Instead map[string]map[string]string
	// Blocks are the paths ("sending_queue::batch") whose own keys are checked, too.
	Blocks map[string]reflect.Type

	written map[string]bool // keys of the section
}

// Unknown reports each key of raw that no field reads, in order of the keys.
func (s Schema) Unknown(raw map[string]any) []error {
	s.written = map[string]bool{}
	for k := range raw {
		s.written[k] = true
	}
	return s.unknown("", raw, s.Root)
}

// Fold is a key without case, underscores, dashes and dots: BATCH_SIZE, Batch_Size,
// batchSize and batch-size are one.
func Fold(key string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(key))
}

// instead is what to write in place of key k below prefix, or "".
func (s Schema) instead(prefix, k string) string {
	block := strings.TrimSuffix(prefix, "::")
	if text, ok := s.Instead[block][Fold(k)]; ok {
		return text
	}
	blocks := make([]string, 0, len(s.Instead))
	for b := range s.Instead {
		blocks = append(blocks, b)
	}
	slices.Sort(blocks)
	for _, b := range blocks {
		if text, ok := s.Instead[b][Fold(k)]; ok && s.written[b] && s.Instead[block] == nil {
			return text
		}
	}
	return ""
}

// sameFolded returns the known key that is k in another spelling, or "".
func sameFolded(k string, known []string) string {
	for _, c := range known {
		if Fold(c) == Fold(k) {
			return c
		}
	}
	return ""
}

func (s Schema) unknown(prefix string, raw map[string]any, typ reflect.Type) (errs []error) {
	known := Keys(typ)
	slices.Sort(known)
	keys := make([]string, 0, len(raw))
	for k := range raw {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if slices.Contains(known, k) {
			errs = append(errs, s.below(prefix+k, raw[k])...)
			continue
		}
		if prefix != "" && k == "enabled" {
			continue // optional sections may be switched off with it
		}
		hint := "known here are " + strings.Join(known, ", ")
		if same := sameFolded(k, known); same != "" {
			hint = "did you mean `" + prefix + same + "`?"
		} else if text := s.instead(prefix, k); text != "" {
			hint = "write " + text
		} else if near := Nearest(k, known); near != "" {
			hint = "did you mean `" + prefix + near + "`?"
		} else if block := strings.TrimSuffix(prefix, "::"); block != "" && slices.Contains(Keys(s.Root), k) {
			hint = "it stands beside `" + block + "`, not in it"
		}
		errs = append(errs, fmt.Errorf("`%s%s` is no key of %s: %s", prefix, k, s.Owner, hint))
	}
	return errs
}

func (s Schema) below(path string, v any) []error {
	typ, ok := s.Blocks[path]
	if !ok || v == nil {
		return nil
	}
	raw, ok := v.(map[string]any)
	if !ok {
		return []error{fmt.Errorf("`%s` is no block of keys: write `%s:` and its keys indented below", path, path[strings.LastIndexByte(path, ':')+1:])}
	}
	return s.unknown(path+"::", raw, typ)
}

// Keys lists the YAML keys of a struct's fields, squashed ones included.
func Keys(typ reflect.Type) (keys []string) {
	for i := range typ.NumField() {
		name, options, _ := strings.Cut(typ.Field(i).Tag.Get("mapstructure"), ",")
		switch {
		case options == "squash":
			keys = append(keys, Keys(typ.Field(i).Type)...)
		case name != "":
			keys = append(keys, name)
		}
	}
	return keys
}

// Nearest returns the known key that differs least from k, or "" if none is near:
// up to two edits (fewer in a key of one to three characters), or one in four
// characters, count as a slip.
func Nearest(k string, known []string) string {
	best, bestAt := 1+max(min(2, len(k)/2), len(k)/4), ""
	for _, c := range known {
		if d := distance(k, c); d < best {
			best, bestAt = d, c
		}
	}
	return bestAt
}

// distance is the number of single-character edits between two short strings.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
