// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apispan/apispan/internal/confkeys"
)

// sections are the blocks that hold components, in the order of the data.
var sections = []string{"receivers", "processors", "exporters", "connectors", "extensions"}

// checkKeys finds what nobody reads, what cannot be read, and what is required and
// not there.
func checkKeys(t *tree, r *Report) {
	before := len(r.findings)
	known := append(slices.Clone(sections), "service")
	for _, name := range ids(t.root) {
		if !slices.Contains(known, name) {
			r.addf(17, Fail, name, "is no section of a Collector configuration: %s", guess(name, "", known))
		}
	}
	for _, name := range sections {
		if v := t.root[name]; v != nil && section(t, name) == nil && v != elsewhere {
			r.addf(17, Fail, name, "is no block of keys: write component names indented below")
		}
		for _, id := range ids(section(t, name)) {
			checkComponent(t, name, id, r)
		}
	}
	if len(r.findings) == before {
		r.addf(17, OK, "", "")
	}
}

func checkComponent(t *tree, name, id string, r *Report) {
	all := components()[name]
	c := all[kind(id)]
	if c == nil {
		// A build of one's own may have others; what is nearly ours is a slip.
		typ := confkeys.Nearest(kind(id), slices.Sorted(maps.Keys(all)))
		if typ != "" {
			r.addf(17, Fail, name+"::"+id, "is no component of otelcol-apispan: did you mean `%s`?", typ)
		} else {
			r.addf(17, Warn, name+"::"+id, "is no component of otelcol-apispan: its keys are not checked, and only a build of your own can have it")
		}
		return
	}
	w := &walker{c: c, r: r, t: t, base: name + "::" + id}
	v := section(t, name)[id]
	if v != nil && v != elsewhere {
		w.value("", "block", v)
	}
	w.rules(v)
}

// walker goes through the configuration of one component.
type walker struct {
	c    *component
	r    *Report
	t    *tree
	base string
}

// about is the full path of a key; schema paths do not name items of lists.
func (w *walker) about(path string) string { return join(w.base, path) }

func join(path, key string) string {
	if path == "" || key == "" {
		return path + key
	}
	return path + "::" + key
}

// value checks a value whose place in the table is path.
func (w *walker) value(path, kind string, v any) { w.at(path, path, kind, v) }

// at is value for a place whose real path may have items and names in it.
func (w *walker) at(path, place, kind string, v any) {
	if v == nil || v == elsewhere || kind == "any" {
		return
	}
	m, isMap := v.(map[string]any)
	list, isList := v.([]any)
	key := "`" + place + "`"
	switch kind {
	case "block", "map":
		if !isMap {
			w.r.addf(17, Fail, w.about(place), "%s is no block of keys: write `%s:` and its keys indented below", key, last(place))
			return
		}
		for _, k := range ids(m) {
			w.member(path, place, kind, k, m)
		}
	case "list":
		if isMap {
			w.r.addf(17, Fail, w.about(place), "%s is a list: write `- ` before each item", key)
		}
		item := w.itemKind(path)
		for i, x := range list {
			w.at(join(path, "[]"), join(place, strconv.Itoa(i)), item, x)
		}
	default:
		if isMap || isList {
			w.r.addf(17, Fail, w.about(place), "%s takes one value, not a block: write it behind the colon", key)
			return
		}
		if problem := scalar(kind, v, w.t.literal[w.about(place)]); problem != "" {
			w.r.addf(17, Fail, w.about(place), "%s %s", key, problem)
		}
		w.t.refer(kind, w.about(place), v)
	}
}

// itemKind is the kind of what a list or map holds, as its keys tell.
func (w *walker) itemKind(path string) string {
	prefix := join(path, "[]") + "::"
	for k := range w.c.keys {
		if strings.HasPrefix(k, prefix) {
			return "block"
		}
	}
	return "any"
}

func (w *walker) member(path, place, kind, k string, m map[string]any) {
	if kind == "map" {
		w.at(join(path, "*"), join(place, k), w.mapKind(path), m[k])
		return
	}
	if sub, ok := w.c.keys[join(path, k)]; ok {
		w.at(join(path, k), join(place, k), sub, m[k])
		return
	}
	if w.c.open[path] || path != "" && k == "enabled" {
		return
	}
	level, owner := Fail, "this "+strings.TrimSuffix(w.c.section, "s")
	known := w.known(path)
	hint := guess(k, place, known)
	switch {
	case !w.c.own() && confkeys.Nearest(k, known) == "":
		// Other versions of it may have the key.
		level, owner = Warn, "`"+w.c.typ+"` "+w.c.version
	case !w.c.own():
		owner = "`" + w.c.typ + "`"
	case confkeys.Nearest(k, known) == "" && path != "" && w.c.keys[k] != "":
		hint = "it stands beside `" + place + "`, not in it"
	}
	w.r.addf(17, level, w.about(join(place, k)), "`%s` is no key of %s: %s", join(place, k), owner, hint)
}

func (w *walker) mapKind(path string) string {
	prefix := join(path, "*") + "::"
	for k := range w.c.keys {
		if strings.HasPrefix(k, prefix+"[]::") {
			return "list"
		}
		if strings.HasPrefix(k, prefix) {
			return "block"
		}
	}
	return "any"
}

// known are the keys below a path.
func (w *walker) known(path string) (all []string) {
	for k := range w.c.keys {
		rest := k
		if path != "" {
			var ok bool
			if rest, ok = strings.CutPrefix(k, path+"::"); !ok {
				continue
			}
		}
		if !strings.Contains(rest, "::") {
			all = append(all, rest)
		}
	}
	slices.Sort(all)
	return all
}

func guess(k, path string, known []string) string {
	if near := confkeys.Nearest(k, known); near != "" {
		return "did you mean `" + join(path, near) + "`?"
	}
	return "known here are " + strings.Join(known, ", ")
}

func last(path string) string { return path[strings.LastIndexByte(path, ':')+1:] }

// scalar says what is wrong with a single value. It never quotes it.
func scalar(kind string, v any, literal bool) string {
	s, isText := v.(string)
	switch kind {
	case "bool":
		if _, ok := v.(bool); !ok && s != "" {
			return "is neither true nor false"
		}
	case "int", "float":
		if _, err := strconv.ParseFloat(s, 64); isText && s != "" && err != nil {
			return "is no number"
		}
		if _, ok := v.(bool); ok {
			return "is no number"
		}
	case "duration":
		if _, err := time.ParseDuration(s); isText && s != "" && err != nil {
			return "is no duration: write a number with its unit, such as 30s or 5m"
		}
		if _, ok := v.(bool); ok {
			return "is no duration: write a number with its unit, such as 30s or 5m"
		}
		if n, err := strconv.ParseFloat(fmt.Sprint(v), 64); err == nil {
			if problem := confkeys.ShortDuration(time.Duration(n)); problem != "" {
				return problem
			}
		}
		if bareNumber(v) {
			return "has no unit, and so counts nanoseconds: write the unit, such as 30s or 5m"
		}
	case "string", "secret", "id":
		if !isText && literal {
			return "is no text for YAML: put it in quotes"
		}
	}
	return ""
}

// bareNumber reports whether v is a number other than 0.
func bareNumber(v any) bool {
	switch n := reflect.ValueOf(v); {
	case n.CanInt():
		return n.Int() != 0
	case n.CanUint():
		return n.Uint() != 0
	case n.CanFloat():
		return n.Float() != 0
	}
	return false
}

// rules checks what the validation of one of our components asks for.
func (w *walker) rules(v any) {
	if v == elsewhere {
		return
	}
	var set []string
	for _, block := range w.c.choices {
		if at(v, block) != nil && at(v, block, "enabled") != false {
			set = append(set, block)
		}
	}
	switch {
	case len(w.c.choices) == 0:
	case len(set) == 0:
		w.r.addf(17, Fail, w.base, "%s", w.c.none)
	case len(set) > 1:
		w.r.addf(17, Fail, w.about(set[1]), "`%s` are set together: keep one of them, and configure one exporter for each backend, such as %s/%s",
			strings.Join(set, "` and `"), w.c.typ, set[0])
	}
	for _, q := range w.c.required {
		if slices.Contains(set, q.block) && !slices.ContainsFunc(q.keys, func(k string) bool { return !empty(at(v, strings.Split(k, "::")...)) }) {
			w.r.addf(17, Fail, w.base, "%s", q.message)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(w.c.words)) {
		key, isList := strings.CutSuffix(path, "::[]")
		values := []any{at(v, strings.Split(key, "::")...)}
		if isList {
			values, _ = values[0].([]any)
		}
		for _, x := range values {
			if x != elsewhere && !empty(x) && !slices.Contains(w.c.words[path], text(x)) {
				w.r.addf(17, Fail, w.about(key), "`%s` takes one of %s", key, strings.Join(w.c.words[path], ", "))
			}
		}
	}
	if !w.c.own() || w.c.section != "exporters" {
		return
	}
	for _, key := range append([]string{"endpoint"}, suffixed(set, "::endpoint")...) {
		endpoint := at(v, strings.Split(key, "::")...)
		if u, err := url.Parse(text(endpoint)); !empty(endpoint) && endpoint != elsewhere && (err != nil || u.Host == "" || u.Scheme == "") {
			w.r.addf(17, Fail, w.about(key), "`%s` is no URL: write it with its scheme, such as https://api.example.com", key)
		}
	}
}

func suffixed(list []string, suffix string) (all []string) {
	for _, s := range list {
		all = append(all, s+suffix)
	}
	return all
}
