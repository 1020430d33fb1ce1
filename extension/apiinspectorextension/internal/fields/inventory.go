// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package fields is the inventory of what there is in the exchanges: each path at each
// endpoint, what was decided over it, and which backends get it. It is made of the details
// that are looked at; how many those are is told with it.
package fields

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/jsonwalk"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/show"
	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
)

// Bounds of the inventory.
const (
	maxFields      = 20_000
	maxPerEndpoint = 500
	maxEndpoints   = 2_000
	maxRules       = 8
	maxTypes       = 6
)

// Config says how the inventory learns.
type Config struct {
	// Learning is for how long after its first exchange an endpoint's fields are not new.
	Learning time.Duration
	// New is told how many new fields were found; may be nil.
	New func(n int)
}

// Inventory is the inventory.
type Inventory struct {
	cfg      Config
	detector *detector

	mu        sync.Mutex
	endpoints map[endpointKey]*endpoint
	fields    int
	looked    int64
	news      int
	since     time.Time
	left      int64 // fields beyond the bounds
}

type endpointKey struct{ service, name string }

type endpoint struct {
	first  time.Time
	fields map[fieldKey]*field
}

type fieldKey struct{ location, path string }

type field struct {
	types      []string
	decisions  []string
	rules      []string
	leaves     []string
	unchanged  bool
	suspicious string
	isNew      bool
	first      time.Time
	last       time.Time
	example    string
	count      []cell
	tried      int
}

type cell struct {
	from uint32
	n    uint32
}

// New returns an empty inventory.
func New(cfg Config, now time.Time) *Inventory {
	return &Inventory{cfg: cfg, detector: newDetector(), endpoints: map[endpointKey]*endpoint{}, since: now}
}

// Clear forgets everything; learning begins anew.
func (v *Inventory) Clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.endpoints, v.fields, v.looked, v.news, v.left = map[endpointKey]*endpoint{}, 0, 0, 0, 0
	v.since = time.Now()
}

// Name is the endpoint of an exchange as the inventory has it: "GET /users/{id}".
func Name(x *inspect.Exchange) string {
	route, _ := inspect.Route(&x.Summary)
	name := x.Method + " " + route
	if x.Operation != "" {
		name += " " + x.Operation
	}
	if x.Outgoing {
		name = "→ " + name
	}
	return name
}

// IsNew reports whether a field of an exchange is new.
func (v *Inventory) IsNew(x *inspect.Exchange, location, path string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.news == 0 {
		return false
	}
	e := v.endpoints[endpointKey{x.Service, Name(x)}]
	if e == nil {
		return false
	}
	f := e.fields[fieldKey{location, path}]
	return f != nil && f.isNew
}

// NewFields is how many new fields there are.
func (v *Inventory) NewFields() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.news
}

// seen is one field in one exchange.
type seen struct {
	key                        fieldKey
	kind, decision, rule, text string
	leaves                     []string
	own                        bool // of the service, and not of who calls
}

// own are the keys under which the service's own address stands.
var own = map[string]bool{
	httpattr.ServerAddress: true, httpattr.NetworkLocalAddress: true, httpattr.RequestHeaderPrefix + "host": true, "http.host": true, "net.host.name": true,
}

// Look adds the fields of an exchange, and returns how many of them are new.
func (v *Inventory) Look(now time.Time, x *inspect.Exchange, d *api.Detail) int {
	all := collect(d)
	key := endpointKey{clip(x.Service), clip(Name(x))}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looked++
	e := v.endpoints[key]
	if e == nil {
		if len(v.endpoints) >= maxEndpoints {
			v.left += int64(len(all))
			return 0
		}
		e = &endpoint{first: now, fields: map[fieldKey]*field{}}
		v.endpoints[key] = e
	}
	news, found := 0, 0
	for i := range all {
		f := e.fields[all[i].key]
		if f == nil {
			if v.fields >= maxFields || len(e.fields) >= maxPerEndpoint {
				v.left++
				continue
			}
			f = &field{first: now, isNew: now.Sub(e.first) > v.cfg.Learning, example: d.ID}
			e.fields[all[i].key] = f
			v.fields++
			if f.isNew {
				found++
			}
		}
		if f.isNew {
			news++
		}
		v.note(f, &all[i], now, d.ID)
	}
	if v.news += found; found > 0 && v.cfg.New != nil {
		v.cfg.New(found)
	}
	return news
}

func (v *Inventory) note(f *field, s *seen, now time.Time, id string) {
	f.last = now
	f.types = addText(f.types, s.kind, maxTypes)
	f.decisions = addText(f.decisions, s.decision, 8)
	f.rules = addText(f.rules, s.rule, maxRules)
	for _, c := range s.leaves {
		f.leaves = addText(f.leaves, c, 32)
	}
	if len(s.leaves) > 0 && s.decision == "kept" {
		f.unchanged = true
		// A detector costs more than all the rest: it looks at the first values, and later at
		// some.
		if f.suspicious == "" && !s.own && (f.tried < 20 || f.tried%16 == 0) {
			if f.suspicious = v.detector.find(s.text); f.suspicious != "" {
				f.example = id
			}
		}
		f.tried++
	}
	from := uint32(now.Unix() - now.Unix()%600)
	if n := len(f.count); n == 0 || f.count[n-1].from < from {
		if n >= 37 {
			f.count[1].n += f.count[0].n
			f.count = slices.Delete(f.count, 0, 1)
		}
		f.count = append(f.count, cell{from: from})
	}
	f.count[len(f.count)-1].n++
}

func addText(list []string, s string, most int) []string {
	if s == "" || slices.Contains(list, s) || len(list) >= most {
		return list
	}
	return append(list, strings.Clone(s))
}

func clip(s string) string { return s[:min(len(s), 512)] }

// collect lists the fields of an exchange, each once.
func collect(d *api.Detail) []seen {
	c := collector{at: map[fieldKey]int{}, d: d}
	c.index()
	c.values("query", d.Request.Query)
	c.values("request header", d.Request.Headers)
	c.body("request body", "request_body", &d.Request.Body)
	c.values("response header", d.Response.Headers)
	c.body("response body", "response_body", &d.Response.Body)
	c.values("identity", d.Identity)
	c.values("metadata", d.Metadata)
	c.values("attribute", d.Other)
	c.values("resource", d.Resource)
	c.values("event", d.Events)
	return c.out
}

type collector struct {
	d    *api.Detail
	out  []seen
	at   map[fieldKey]int
	from []map[string]bool // by vendor: what its event came from
}

// index prepares what each backend got.
func (c *collector) index() {
	c.from = make([]map[string]bool, len(c.d.Vendors))
	for i := range c.d.Vendors {
		c.from[i] = map[string]bool{}
		for _, o := range c.d.Vendors[i].Origins {
			c.from[i][o.From] = true
		}
	}
}

// gets lists the backends whose events hold what stands under one of some origins.
func (c *collector) gets(origins ...string) (out []string) {
	for i := range c.d.Vendors {
		for _, o := range origins {
			if c.from[i][o] {
				out = append(out, c.d.Vendors[i].Component)
				break
			}
		}
	}
	return out
}

func (c *collector) add(s seen) {
	if s.decision == show.Kept { // also what came so: it does not leave in clear
		s.decision = show.Already(s.text)
	}
	if i, ok := c.at[s.key]; ok {
		// Of several values under one path the one that tells most counts.
		if old := &c.out[i]; old.decision == "kept" && s.decision != "kept" {
			old.decision, old.rule = s.decision, s.rule
		}
		return
	}
	c.at[s.key] = len(c.out)
	c.out = append(c.out, s)
}

func (c *collector) values(location string, list []api.Value) {
	for i := range list {
		v := &list[i]
		if httpattr.IsRedactionStamp(v.Key) { // which no producer writes
			continue
		}
		name := v.Name
		if location != "identity" && !jsonwalk.Name(name) { // names of identities are ours
			name = "*"
		}
		s := seen{key: fieldKey{location, clip(name)}, decision: v.Decision, rule: v.Rule, own: own[v.Key]}
		if v.After != nil {
			s.kind = v.After.Type
			if v.After.Text != nil {
				s.text = *v.After.Text
			}
			if location == "query" {
				s.leaves = c.gets(v.Key+" "+v.Name, v.Key)
			} else {
				s.leaves = c.gets(v.Key)
			}
		} else if v.Before != nil {
			s.kind = v.Before.Type
		}
		c.add(s)
	}
}

func (c *collector) body(location, place string, b *api.Body) {
	key := "http.request.body.content"
	if place == "response_body" {
		key = "http.response.body.content"
	}
	whole := c.gets(key)
	if !b.Captured {
		return
	}
	if len(b.Leaves) == 0 {
		s := seen{key: fieldKey{location, "$"}, decision: "kept", leaves: whole, kind: "string"}
		if b.Binary {
			s.kind = "bytes"
		}
		if b.After == nil {
			s.decision = "dropped"
		} else if b.After.Text != nil {
			s.text = *b.After.Text
		}
		c.add(s)
		return
	}
	texts := map[string]string{}
	if b.After != nil && b.After.Text != nil {
		jsonwalk.Walk([]byte(*b.After.Text), func(l jsonwalk.Leaf) bool {
			texts[jsonwalk.Text(l.Path)] = l.Text
			return len(texts) < 5000
		})
	}
	for i := range b.Leaves {
		l := &b.Leaves[i]
		s := seen{key: fieldKey{location, clip(shape(l.Path))}, kind: l.Type, decision: l.Decision, rule: l.Rule, text: texts[l.Path]}
		if l.Decision != "dropped" {
			if s.leaves = c.gets(key + " " + l.Path); s.leaves == nil {
				s.leaves = whole
			} else {
				for _, w := range whole {
					s.leaves = addText(s.leaves, w, 32)
				}
			}
		}
		c.add(s)
	}
}

// shape makes of the path of a value that of its kind.
func shape(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '[' {
			b.WriteByte(path[i])
			continue
		}
		end := strings.IndexByte(path[i:], ']')
		if end < 0 {
			b.WriteString(path[i:])
			break
		}
		if in := path[i+1 : i+end]; in != "" && strings.Trim(in, "0123456789*") == "" {
			b.WriteString("[*]")
		} else {
			b.WriteString(".*")
		}
		i += end
	}
	parts := strings.Split(b.String(), ".")
	for i, p := range parts {
		name, rest := p, ""
		if j := strings.IndexByte(p, '['); j >= 0 {
			name, rest = p[:j], p[j:]
		}
		if name != "$" && name != "*" && name != "" && !jsonwalk.Name(name) {
			parts[i] = "*" + rest
		}
	}
	return strings.Join(parts, ".")
}
