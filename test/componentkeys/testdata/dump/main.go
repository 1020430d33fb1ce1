// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Program dump stands in for the main file of a Collector that the builder
// generated, and prints what configurations of that build may hold. What reflection
// cannot tell is tried: whether unknown keys are refused, which keys are required,
// which words a key takes.
package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/xconfmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter"
)

const (
	ours    = "github.com/apispan/apispan/"
	unknown = "zzz_unknown"
	url     = "https://backend.example.com"
)

func main() {
	f, err := components()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	section("receivers", f.Receivers, f.ReceiverModules)
	section("processors", f.Processors, f.ProcessorModules)
	section("exporters", f.Exporters, f.ExporterModules)
	section("connectors", f.Connectors, f.ConnectorModules)
	section("extensions", f.Extensions, f.ExtensionModules)
}

func section[F component.Factory](name string, factories map[component.Type]F, modules map[component.Type]string) {
	byName := map[string]component.Factory{}
	for typ, f := range factories {
		byName[typ.String()] = f
	}
	for _, typ := range slices.Sorted(maps.Keys(byName)) {
		d := &dumper{factory: byName[typ]}
		cfg := reflect.TypeOf(d.factory.CreateDefaultConfig())
		for cfg.Kind() == reflect.Pointer {
			cfg = cfg.Elem()
		}
		module, version, _ := strings.Cut(modules[component.MustNewType(typ)], " ")
		if d.own = strings.HasPrefix(cfg.PkgPath(), ours); d.own {
			version = "own"
		}
		fmt.Println("component", name, typ, version, module)
		d.signals()
		if d.node(nil, cfg, nil); d.own {
			d.rules()
		}
		if reflect.TypeFor[apianalyticsexporter.Config]() == cfg {
			for _, b := range apianalyticsexporter.BackendInfos() {
				fmt.Println("backend", b.Name, cmp.Or(b.SecretKey, "-"), cmp.Or(b.Endpoint, "-"), cmp.Or(b.Probe, "-"), cmp.Or(b.ProbeHeader, "-"))
			}
		}
	}
}

type dumper struct {
	factory component.Factory
	own     bool
	leaves  []leaf
	blocks  []string // at the top
	choices []string // those of them of which one is to be set
}

// signals prints which kinds of pipelines the component can stand in.
func (d *dumper) signals() {
	all := ""
	if f, ok := d.factory.(interface {
		TracesStability() component.StabilityLevel
	}); ok && f.TracesStability() != component.StabilityLevelUndefined {
		all += " traces"
	}
	if f, ok := d.factory.(interface {
		MetricsStability() component.StabilityLevel
	}); ok && f.MetricsStability() != component.StabilityLevelUndefined {
		all += " metrics"
	}
	if f, ok := d.factory.(interface {
		LogsStability() component.StabilityLevel
	}); ok && f.LogsStability() != component.StabilityLevelUndefined {
		all += " logs"
	}
	if all != "" {
		fmt.Println("signals" + all)
	}
}

type leaf struct {
	path []string
	kind string
}

// node prints the keys of a struct type that stands at a path. "*" is any key of a
// map, "[]" any item of a list.
func (d *dumper) node(path []string, typ reflect.Type, above []reflect.Type) {
	if slices.Contains(above, typ) {
		fmt.Println("open", join(path))
		return
	}
	above = append(slices.Clone(above), typ)
	if !d.refuses(path) {
		fmt.Println("open", join(path))
	}
	for _, f := range fields(typ) {
		below := append(slices.Clone(path), f.name)
		if text := d.unmarshal(wrap(below, nil)); strings.Contains(text, "invalid keys") {
			continue // has a tag, but is taken out by an Unmarshal of its own
		}
		d.value(below, f.typ, above)
	}
}

func (d *dumper) value(path []string, typ reflect.Type, above []reflect.Type) {
	k, elem := kind(typ)
	if last := path[len(path)-1]; last != "*" && last != "[]" {
		fmt.Println("key", join(path), k)
	}
	switch k {
	case "block":
		if len(path) == 1 {
			d.blocks = append(d.blocks, path[0])
		}
		d.node(path, elem, above)
	case "map":
		d.value(append(slices.Clone(path), "*"), elem, above)
	case "list":
		d.value(append(slices.Clone(path), "[]"), elem, above)
	default:
		d.leaves = append(d.leaves, leaf{path, k})
	}
}

type field struct {
	name string
	typ  reflect.Type
}

func fields(typ reflect.Type) (all []field) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
		t := f.Type
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch {
		case strings.Contains(options, "squash"):
			if optional(t) {
				t = t.Field(0).Type
			}
			all = append(all, fields(t)...)
		case name != "" && name != "-" && f.IsExported():
			all = append(all, field{name, f.Type})
		}
	}
	slices.SortStableFunc(all, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return all
}

func optional(t reflect.Type) bool {
	return t.PkgPath() == "go.opentelemetry.io/collector/config/configoptional" && t.Kind() == reflect.Struct
}

// kind says what a value of the type looks like in YAML, and the type below it.
func kind(t reflect.Type) (string, reflect.Type) {
	for t.Kind() == reflect.Pointer || optional(t) {
		if optional(t) {
			t = t.Field(0).Type
		} else {
			t = t.Elem()
		}
	}
	text := reflect.TypeFor[interface{ UnmarshalText([]byte) error }]()
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration", t
	case t == reflect.TypeFor[component.ID]():
		return "id", t
	case t.String() == "configopaque.String":
		return "secret", t
	case t.String() == "configopaque.MapList":
		return "any", t // a map, or a list of name and value
	case reflect.PointerTo(t).Implements(text):
		return "string", t
	}
	switch t.Kind() {
	case reflect.Struct:
		if len(fields(t)) == 0 {
			return "any", t
		}
		return "block", t
	case reflect.Map:
		return "map", t.Elem()
	case reflect.Slice, reflect.Array:
		return "list", t.Elem()
	case reflect.Bool:
		return "bool", t
	case reflect.String:
		return "string", t
	case reflect.Float32, reflect.Float64:
		return "float", t
	case reflect.Interface:
		return "any", t
	default:
		return "int", t
	}
}

func join(path []string) string {
	if len(path) == 0 {
		return "."
	}
	return strings.Join(path, "::")
}

// wrap makes the configuration that has v at a path.
func wrap(path []string, v any) map[string]any {
	for i := len(path) - 1; i >= 0; i-- {
		switch path[i] {
		case "[]":
			v = []any{v}
		case "*":
			v = map[string]any{"x": v}
		default:
			v = map[string]any{path[i]: v}
		}
	}
	m, _ := v.(map[string]any)
	return m
}

func (d *dumper) unmarshal(raw map[string]any) string {
	if err := confmap.NewFromStringMap(raw).Unmarshal(d.factory.CreateDefaultConfig()); err != nil {
		return err.Error()
	}
	return ""
}

func (d *dumper) refuses(path []string) bool {
	return strings.Contains(d.unmarshal(wrap(append(slices.Clone(path), unknown), 1)), unknown)
}

// problems are the lines of what is wrong with a configuration.
func (d *dumper) problems(raw map[string]any) []string {
	cfg := d.factory.CreateDefaultConfig()
	err := confmap.NewFromStringMap(raw).Unmarshal(cfg)
	if err == nil {
		err = xconfmap.Validate(cfg)
	}
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func merge(into map[string]any, from map[string]any) map[string]any {
	into = maps.Clone(into)
	for k, v := range from {
		a, okA := into[k].(map[string]any)
		b, okB := v.(map[string]any)
		if okA && okB {
			v = merge(a, b)
		}
		into[k] = v
	}
	return into
}

var emptyKey = regexp.MustCompile("^`([a-z_:]+)` is empty: ")

// rules prints what the validation of one of our components asks for.
func (d *dumper) rules() {
	none := d.problems(nil)
	base := map[string]any{}
	for _, block := range d.blocks {
		set := map[string]any{block: map[string]any{}}
		all := d.problems(set)
		if len(none) != 1 || slices.Contains(all, none[0]) {
			continue
		}
		fmt.Println("choice", block)
		d.choices = append(d.choices, block)
		filled := set
		for _, p := range all {
			m := emptyKey.FindStringSubmatch(p)
			if m == nil {
				continue
			}
			keys := []string{m[1]}
			if beside := strings.TrimPrefix(m[1], block+"::"); beside != m[1] && d.has(beside) &&
				!slices.Contains(d.problems(merge(set, wrap([]string{beside}, url))), p) {
				keys = append(keys, beside)
			}
			fmt.Println("required", block, strings.Join(keys, "|"), p)
			value := "x-key"
			if strings.HasSuffix(m[1], "endpoint") {
				value = url
			}
			filled = merge(filled, wrap(strings.Split(m[1], "::"), value))
		}
		if left := d.problems(filled); len(left) > 0 {
			panic(fmt.Sprint(block, " is still not right: ", left))
		}
		d.logs(block, filled)
		d.words(filled, block)
		if len(base) == 0 {
			base = filled
		}
	}
	if len(base) > 0 {
		fmt.Println("none", none[0])
	} else if d.own && len(none) > 0 { // http_redaction
		base = map[string]any{"preset": "default"}
	}
	d.words(base, "")
}

func (d *dumper) has(key string) bool {
	return slices.ContainsFunc(d.leaves, func(l leaf) bool { return len(l.path) == 1 && l.path[0] == key })
}

// logs prints why an exporter with this block cannot stand in a logs pipeline.
func (d *dumper) logs(block string, raw map[string]any) {
	f, ok := d.factory.(exporter.Factory)
	if !ok {
		return
	}
	cfg := f.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(raw).Unmarshal(cfg); err != nil {
		panic(err)
	}
	_, err := f.CreateLogs(context.Background(), exporter.Settings{
		ID: component.NewID(f.Type()),
		TelemetrySettings: component.TelemetrySettings{
			Logger: zap.NewNop(), TracerProvider: tracenoop.NewTracerProvider(), MeterProvider: noop.NewMeterProvider(),
		},
	}, cfg)
	if err != nil {
		fmt.Println("nologs", block, strings.ReplaceAll(err.Error(), "\n", " "))
	}
}

// words prints the keys that take a few words only: those of the message about a
// wrong one that are taken.
func (d *dumper) words(base map[string]any, below string) {
	before := d.problems(base)
	for _, l := range d.leaves {
		top := ""
		if slices.Contains(d.choices, l.path[0]) {
			top = l.path[0]
		}
		if l.kind != "string" || top != below {
			continue
		}
		bad := d.problems(merge(base, wrap(l.path, unknown)))
		text := strings.Join(slices.DeleteFunc(bad, func(p string) bool { return slices.Contains(before, p) }), " ")
		var taken []string
		for _, w := range regexp.MustCompile(`[a-z0-9_.-]+`).FindAllString(text, -1) {
			w = strings.Trim(w, ".-")
			if w != "" && w != unknown && !slices.Contains(taken, w) && len(d.problems(merge(base, wrap(l.path, w)))) == len(before) {
				taken = append(taken, w)
			}
		}
		if len(taken) > 1 {
			slices.Sort(taken)
			fmt.Println("words", join(l.path), strings.Join(taken, " "))
		}
	}
}
