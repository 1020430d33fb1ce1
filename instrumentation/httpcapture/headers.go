// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact"
)

const (
	// maxHeaders is how many header fields of one side are recorded: two sides
	// stay well below the SDK's 128 attributes, of which the last ones set would
	// be lost, http.response.status_code among them.
	maxHeaders = 48
	// maxHeaderValues and maxHeaderValue limit one field: its lines, and the bytes
	// of one line.
	maxHeaderValues = 32
	maxHeaderValue  = 4 << 10
	maxHeaderName   = 128
	// maxHeaderBytes limits the values of one side together. net/http lets 1 MiB of
	// header through, and a span of that size costs others their place in every queue.
	maxHeaderBytes = 32 << 10
	// maxHeaderNames bounds the table of names, as callers may invent them.
	maxHeaderNames = 512
	// maxCachedValue and maxCacheMisses bound the cache of finished attributes: long
	// values are not kept, and a field whose value changes all the time is given up.
	maxCachedValue = 128
	maxCacheMisses = 64
)

type headerSide uint8

const (
	requestSide headerSide = iota
	responseSide
)

// headerName is what is known about one field name.
type headerName struct {
	canon      string
	key        attribute.Key
	credential bool
	url        bool // the value is a URL
	masked     attribute.KeyValue

	// last is the most recent single value as a finished attribute: clients that
	// send the same thing again cost no allocation. Never used for credentials.
	last   atomic.Pointer[cachedValue]
	misses atomic.Uint32
	// skipped counts values that were not cached. The table is shared, so a field that
	// varies in one wrapper must not be given up for all.
	skipped atomic.Uint32
}

type cachedValue struct {
	value string
	kv    attribute.KeyValue
}

// headerTable caches names, as building a key costs two allocations. Reading is
// without a lock; the map is copied to add a name, at most maxHeaderNames times.
type headerTable struct {
	prefix string
	mu     sync.Mutex
	names  atomic.Pointer[map[string]*headerName]
}

// headerTables are the tables of both sides, shared by all wrappers of the process: a
// table is 28 KB, and there may be a wrapper for every route.
var headerTables = [2]func() *headerTable{
	requestSide:  sync.OnceValue(func() *headerTable { return newHeaderTable(requestSide) }),
	responseSide: sync.OnceValue(func() *headerTable { return newHeaderTable(responseSide) }),
}

func newHeaderTable(sd headerSide) *headerTable {
	t := &headerTable{prefix: httpattr.RequestHeaderPrefix}
	if sd == responseSide {
		t.prefix = httpattr.ResponseHeaderPrefix
	}
	m := make(map[string]*headerName, 2*len(commonHeaders))
	for _, n := range commonHeaders {
		m[n] = t.make(n)
	}
	t.names.Store(&m)
	return t
}

func (t *headerTable) make(name string) *headerName {
	name = strings.Clone(name) // do not keep a request's memory
	n := &headerName{
		canon:      name,
		key:        attribute.Key(t.prefix + strings.ToLower(name)),
		credential: redact.Credential(name),
		url:        redact.LocatesURL(name),
	}
	n.masked = n.key.StringSlice([]string{redacted})
	return n
}

// get returns the entry of a canonical name, or nil if the name may not be
// recorded.
func (t *headerTable) get(name string) *headerName {
	if n := (*t.names.Load())[name]; n != nil {
		return n
	}
	if !validFieldName(name) {
		return nil
	}
	n := t.make(name)
	t.mu.Lock()
	defer t.mu.Unlock()
	old := *t.names.Load()
	if other := old[name]; other != nil {
		return other
	}
	if len(old) >= maxHeaderNames {
		return n
	}
	m := make(map[string]*headerName, len(old)+1)
	maps.Copy(m, old)
	m[n.canon] = n
	t.names.Store(&m)
	return n
}

// headerSet is a selection of fields.
type headerSet struct {
	table *headerTable
	list  []*headerName // exact names; nil if scan
	// scan means that every field is looked at: all, or one of prefixes.
	scan     bool
	all      bool
	prefixes []string // canonical case
	exact    map[string]bool
	masks    []string // extra names to mask, lower case, * at the end allowed
	raw      bool     // a policy follows, which wants to see credentials
}

// usualSets are the selections that most wrappers have in common, by usualSet.
var usualSets sync.Map

type usualSet struct {
	table    *headerTable
	all, raw bool
}

func newHeaderSet(t *headerTable, spec headerSpec, sanitize []string, c *config) *headerSet {
	if len(sanitize) > 0 || !spec.std && !(spec.all && len(spec.names) == 0) || t != headerTables[requestSide]() && t != headerTables[responseSide]() {
		return makeHeaderSet(t, spec, sanitize, c)
	}
	key := usualSet{t, spec.all, c.policy != nil}
	if s, ok := usualSets.Load(key); ok {
		return s.(*headerSet)
	}
	s := makeHeaderSet(t, spec, nil, c)
	usualSets.Store(key, s)
	return s
}

func makeHeaderSet(t *headerTable, spec headerSpec, sanitize []string, c *config) *headerSet {
	s := &headerSet{table: t, all: spec.all, exact: map[string]bool{}, raw: c.policy != nil}
	for _, m := range sanitize {
		s.masks = append(s.masks, strings.ToLower(strings.Replace(m, ".*", "*", 1)))
	}
	for _, n := range spec.names {
		n = strings.Replace(strings.TrimSpace(n), ".*", "*", 1)
		if p, ok := strings.CutSuffix(n, "*"); ok {
			if p == "" {
				s.all = true
			}
			s.prefixes = append(s.prefixes, strings.ToLower(p))
			continue
		}
		s.exact[http.CanonicalHeaderKey(n)] = true
	}
	s.index()
	return s
}

func (s *headerSet) index() {
	s.scan = s.all || len(s.prefixes) > 0
	s.list = nil
	if s.scan {
		return
	}
	for name := range s.exact {
		if n := s.table.get(name); n != nil {
			s.list = append(s.list, n)
		}
	}
	slices.SortFunc(s.list, func(a, b *headerName) int { return strings.Compare(a.canon, b.canon) })
}

// union selects what either selects.
func (s *headerSet) union(o *headerSet) *headerSet {
	u := *s
	u.all = s.all || o.all
	u.prefixes = append(slices.Clone(s.prefixes), o.prefixes...)
	u.exact = map[string]bool{}
	for _, m := range [...]map[string]bool{s.exact, o.exact} {
		for k := range m {
			u.exact[k] = true
		}
	}
	u.index()
	return &u
}

// has reports whether a canonical name is selected. All means all but the trace
// context, which the span states itself and which no two requests have in common.
func (s *headerSet) has(name string) bool {
	return s.all && name != "Traceparent" && name != "Tracestate" || s.exact[name] || slices.ContainsFunc(s.prefixes, func(p string) bool {
		return len(name) >= len(p) && strings.EqualFold(name[:len(p)], p)
	})
}

// hasKey is has for an attribute key.
func (s *headerSet) hasKey(key attribute.Key) bool {
	return s.has(http.CanonicalHeaderKey(strings.TrimPrefix(string(key), s.table.prefix)))
}

func (s *headerSet) masksName(name string) bool {
	return len(s.masks) > 0 && slices.ContainsFunc(s.masks, func(m string) bool {
		if p, ok := strings.CutSuffix(m, "*"); ok {
			return len(name) >= len(p) && strings.EqualFold(name[:len(p)], p)
		}
		return strings.EqualFold(name, m)
	})
}

// collect appends the selected fields of h and returns how many it left out.
func (s *headerSet) collect(dst []attribute.KeyValue, h http.Header) ([]attribute.KeyValue, int) {
	if !s.scan {
		dropped, left := 0, budget{maxHeaders, maxHeaderBytes}
		for _, n := range s.list {
			if vs := h[n.canon]; len(vs) > 0 {
				if !left.take(s, n, vs) {
					dropped++
					continue
				}
				dst = append(dst, s.attr(n, vs))
			}
		}
		return dst, dropped
	}
	if len(h) > maxHeaders || sizeOf(h) > maxHeaderBytes {
		return s.collectMany(dst, h)
	}
	for name, vs := range h {
		if len(vs) == 0 || !s.has(name) {
			continue
		}
		if n := s.table.get(name); n != nil {
			dst = append(dst, s.attr(n, vs))
		}
	}
	return dst, 0
}

// collectMany is collect for more fields than may be kept: which ones are kept
// must not depend on the order of a map, or on what a client invents. Names that were
// asked for come first, then common ones.
func (s *headerSet) collectMany(dst []attribute.KeyValue, h http.Header) ([]attribute.KeyValue, int) {
	names := make([]string, 0, len(h))
	for name, vs := range h {
		if len(vs) > 0 && s.has(name) && validFieldName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	dropped, left := 0, budget{maxHeaders, maxHeaderBytes}
	for pass := range 3 {
		for _, name := range names {
			if s.rank(name) != pass {
				continue
			}
			n := s.table.get(name)
			if !left.take(s, n, h[name]) {
				dropped++
				continue
			}
			dst = append(dst, s.attr(n, h[name]))
		}
	}
	return dst, dropped
}

// rank says which fields are kept before others.
func (s *headerSet) rank(name string) int {
	if s.exact[name] {
		return 0
	}
	if _, common := slices.BinarySearch(commonHeaders, name); common {
		return 1
	}
	return 2
}

// budget is what one side may still have.
type budget struct{ fields, bytes int }

// take makes room for a field, or says that there is none.
func (b *budget) take(s *headerSet, n *headerName, vs []string) bool {
	if b.fields == 0 {
		return false
	}
	size := 0
	if s.raw || !n.credential { // else a mask is all that is kept
		for _, v := range vs[:min(len(vs), maxHeaderValues)] {
			size += min(len(v), maxHeaderValue)
		}
	}
	if size > b.bytes {
		return false
	}
	b.fields--
	b.bytes -= size
	return true
}

// sizeOf is the size of all values.
func sizeOf(h http.Header) int {
	size := 0
	for _, vs := range h {
		for _, v := range vs {
			size += len(v)
		}
	}
	return size
}

// attr makes the attribute of one field.
func (s *headerSet) attr(n *headerName, vs []string) attribute.KeyValue {
	if !s.raw && (n.credential || s.masksName(n.canon)) {
		return n.masked
	}
	if len(vs) != 1 {
		return n.key.StringSlice(s.cleanValues(n, vs))
	}
	v := vs[0]
	last := n.last.Load()
	if last != nil && last.value == v {
		return last.kv
	}
	// The table is shared with wrappers that mask here: a URL that was not looked at is
	// not for them.
	unmasked := n.url && s.raw
	if clean := s.clean(n, v); clean != v || n.credential || unmasked || len(v) > maxCachedValue {
		return n.key.StringSlice([]string{clean})
	}
	kv := n.key.StringSlice(vs)
	if n.misses.Load() < maxCacheMisses || n.skipped.Add(1)%1000 == 0 { // and again now and then
		if n.misses.Load() < maxCacheMisses {
			n.misses.Add(1)
		}
		v = strings.Clone(v)
		n.last.Store(&cachedValue{value: v, kv: n.key.StringSlice([]string{v})})
	}
	return kv
}

func (s *headerSet) cleanValues(n *headerName, vs []string) []string {
	out := make([]string, min(len(vs), maxHeaderValues))
	for i := range out {
		out[i] = s.clean(n, vs[i])
	}
	return out
}

// clean is what may be recorded of one line of a field that is no credential, or the
// whole if a policy follows.
func (s *headerSet) clean(n *headerName, v string) string {
	if n.url && !s.raw {
		v = maskURLField(n.canon, v)
	}
	return cleanValue(v, s.raw)
}
