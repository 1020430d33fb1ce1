// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"cmp"
	"slices"
	"time"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/internal/inspect"
)

// List lists the fields that were seen after a time: what looks like a secret and leaves
// first, then what leaves as it came, then the rest.
func (v *Inventory) List(now time.Time, window time.Duration) api.Fields {
	v.mu.Lock()
	defer v.mu.Unlock()
	from := now.Add(-window)
	out := api.Fields{Window: float64(window.Milliseconds()), From: from, To: now, Looked: v.looked, Rows: []api.Field{}, Policies: []string{}}
	if v.since.After(from) {
		out.From = v.since
	}
	out.From, out.To = out.From.UTC(), out.To.UTC()
	youngest := time.Time{}
	for k, e := range v.endpoints {
		if e.first.After(youngest) {
			youngest = e.first
		}
		out.Rows = append(out.Rows, e.list(k, from)...)
	}
	out.Learning = len(v.endpoints) == 0 || now.Sub(youngest) <= v.cfg.Learning
	slices.SortFunc(out.Rows, func(a, b api.Field) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(weight(&a), weight(&b)), cmp.Compare(a.Service, b.Service),
			cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Location, b.Location), cmp.Compare(a.Path, b.Path))
	})
	return out
}

func rank(f *api.Field) int {
	switch {
	case f.Suspicious != "" && len(f.Leaves) > 0:
		return 0
	case f.Unchanged:
		return 1
	case len(f.Leaves) > 0:
		return 2
	}
	return 3
}

// weight puts what callers and handlers wrote before what instrumentation did.
func weight(f *api.Field) int {
	switch f.Location {
	case "attribute", "resource":
		return 1
	}
	return 0
}

func (e *endpoint) list(k endpointKey, from time.Time) (out []api.Field) {
	for fk, f := range e.fields {
		if f.last.Before(from) {
			continue
		}
		n := int64(0)
		for _, c := range f.count {
			if int64(c.from)+600 > from.Unix() {
				n += int64(c.n)
			}
		}
		row := api.Field{
			Endpoint: k.name, Service: k.service, Location: fk.location, Path: fk.path, Types: sorted(f.types), Count: n, Decision: "mixed",
			Rules: sorted(f.rules), Leaves: sorted(f.leaves), Unchanged: f.unchanged, Suspicious: f.suspicious,
			New: f.isNew, First: f.first.UTC(), Last: f.last.UTC(), Example: f.example,
		}
		if len(f.decisions) == 1 {
			row.Decision = f.decisions[0]
		}
		out = append(out, row)
	}
	return out
}

// sorted is a copy by name, never nil. An inventory is committed and compared: what came first must not make a difference.
func sorted(list []string) []string {
	out := append([]string{}, list...)
	slices.Sort(out)
	return out
}

// Endpoint lists the fields of one endpoint.
func (v *Inventory) Endpoint(x *inspect.Exchange, from time.Time) []api.Field {
	v.mu.Lock()
	defer v.mu.Unlock()
	k := endpointKey{clip(x.Service), clip(Name(x))}
	e := v.endpoints[k]
	if e == nil {
		return []api.Field{}
	}
	out := e.list(k, from)
	slices.SortFunc(out, func(a, b api.Field) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(weight(&a), weight(&b)), cmp.Compare(a.Location, b.Location), cmp.Compare(a.Path, b.Path))
	})
	return append([]api.Field{}, out...)
}
