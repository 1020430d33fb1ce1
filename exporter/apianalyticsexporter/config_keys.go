// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

var _ confmap.Unmarshaler = (*Config)(nil)

// Unmarshal implements confmap.Unmarshaler. It checks our own keys first: the
// decoder's message would neither name the full key nor help, and from
// confighttp v0.160 on it would not refuse unknown keys beside squashed ones.
func (cfg *Config) Unmarshal(conf *confmap.Conf) error {
	if err := errors.Join(unknownKeys("", conf.ToStringMap(), reflect.TypeFor[Config]())...); err != nil {
		return err
	}
	return conf.Unmarshal(cfg)
}

// blocks are the keys whose own keys are checked, too.
var blocks = map[string]reflect.Type{
	"moesif":               reflect.TypeFor[MoesifConfig](),
	"readme":               reflect.TypeFor[ReadMeConfig](),
	"sending_queue":        reflect.TypeFor[exporterhelper.QueueBatchConfig](),
	"sending_queue::batch": reflect.TypeFor[exporterhelper.BatchConfig](),
	"retry_on_failure":     reflect.TypeFor[configretry.BackOffConfig](),
}

// unknownKeys reports the keys of raw that typ has no field for.
func unknownKeys(prefix string, raw map[string]any, typ reflect.Type) (errs []error) {
	known := keysOf(typ, nil)
	slices.Sort(known)
	keys := make([]string, 0, len(raw))
	for k := range raw {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if slices.Contains(known, k) {
			errs = append(errs, unknownKeysBelow(prefix+k, raw[k])...)
			continue
		}
		if prefix != "" && k == "enabled" {
			continue // optional sections may be switched off with it
		}
		hint := "known here are " + strings.Join(known, ", ")
		if near := nearest(k, known); near != "" {
			hint = "did you mean `" + prefix + near + "`?"
		}
		errs = append(errs, fmt.Errorf("`%s%s` is no key of this exporter: %s", prefix, k, hint))
	}
	return errs
}

func unknownKeysBelow(path string, v any) []error {
	typ, ok := blocks[path]
	if !ok || v == nil {
		return nil
	}
	raw, ok := v.(map[string]any)
	if !ok {
		return []error{fmt.Errorf("`%s` is no block of keys: write `%s:` and its keys indented below", path, path[strings.LastIndexByte(path, ':')+1:])}
	}
	return unknownKeys(path+"::", raw, typ)
}

// keysOf lists the YAML keys of a struct's fields, squashed ones included.
func keysOf(typ reflect.Type, keys []string) []string {
	for i := range typ.NumField() {
		name, options, _ := strings.Cut(typ.Field(i).Tag.Get("mapstructure"), ",")
		switch {
		case options == "squash":
			keys = keysOf(typ.Field(i).Type, keys)
		case name != "":
			keys = append(keys, name)
		}
	}
	return keys
}

// nearest returns the known key that differs least from k, if that is little.
func nearest(k string, known []string) string {
	best, bestAt := 1+max(1, len(k)/4), ""
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
