// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"path"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/apispan/apispan/internal/caller"
	"github.com/apispan/apispan/redact"
)

// side is the side of the wire that a wrapper stands on.
type side uint8

const (
	serverSide side = iota
	clientSide
)

// config is compiled from options once and read by all requests.
type config struct {
	side          side
	tracing       tracing
	meterProvider metric.MeterProvider

	plan plan
	// routes are tried in order. anyPlan is what must be captured so that every
	// plan can be served: the union of header selections, whether any records
	// bodies.
	routes    []route
	anyBodies bool
	reqSet    *headerSet
	resSet    *headerSet

	policy      *redact.Policy
	policyStamp string
	dryRun      bool // the policy only counts
	// policyScoped is set if the policy has rules for some exchanges only.
	policyScoped bool

	defaultSkips bool
	skip         []func(Exchange) bool
	skipRequest  []func(*http.Request) bool

	identity  []func(Exchange) Identity
	resolvers [numFields]caller.Plan

	sessionKey     string // "": off
	sessionSources []caller.Credential

	anyResolver bool
	jsonBody    bool // a resolver reads the request body
	metadata    []func(Exchange) map[string]any

	forwarding   forwarding
	probePeers   []netip.Prefix
	alongside    bool // the span is not otelhttp's for certain
	eventHeader  string
	eventPrefix  string
	trustEventID bool
	budget       int64
	streamed     atomic.Bool // the last response was a stream, so the next may be one
	decoders     map[string]Decoder

	valueLimit int // of one attribute, bytes; 0 = none
	maxAttrs   int // that we may add to a span
	drops      *drops
}

// plan is how one route is captured.
type plan struct { //nolint:recvcheck // small questions by value, changes by pointer
	enabled        bool
	bodies         BodyMode
	reqMax, resMax int
	types          typeSet
	reqSet, resSet *headerSet
	less           []*restriction // of rules that may be meant
}

// records reports whether content of this type is recorded.
func (p *plan) records(contentType string) bool {
	if !matchType(p.types, contentType) {
		return false
	}
	for _, l := range p.less {
		if l.types != nil && !matchType(l.types, contentType) {
			return false
		}
	}
	return true
}

// selects reports whether the header field of an attribute is recorded.
func (p *plan) selects(key attribute.Key, sd headerSide) bool {
	set := p.reqSet
	if sd == responseSide {
		set = p.resSet
	}
	if !set.hasKey(key) {
		return false
	}
	for _, l := range p.less {
		set = l.reqSet
		if sd == responseSide {
			set = l.resSet
		}
		if set != nil && !set.hasKey(key) {
			return false
		}
	}
	return true
}

// Validate reports what is wrong with options, all at once. The constructors
// cannot return an error, because otelhttp's cannot; they hand the same errors to
// otel.Handle and leave the wrong value out, on the side that captures less. Call
// Validate at start-up to make such a mistake fatal.
func Validate(opts ...Option) error {
	return errors.Join(apply(serverSide, opts).errs...)
}

// settingsPool holds the settings that no wrapper is being made of: they are larger than
// what is made of them.
var settingsPool = sync.Pool{New: func() any { return new(settings) }}

func apply(sd side, opts []Option) *settings {
	s := settingsPool.Get().(*settings)
	*s = settings{
		enabled:      true,
		reqHeaders:   headerSpec{names: defaultRequestHeaders, std: true},
		resHeaders:   headerSpec{names: defaultResponseHeaders, std: true},
		defaultSkips: true,
		budget:       DefaultMemoryBudget,
		side:         sd,
	}
	for _, o := range opts {
		if our, ok := o.(*option); ok && our != nil {
			our.apply(s)
		} else if !ok && o != nil {
			s.tracing.delegate = true // only otelhttp can read it
			s.tracing.foreign = optionName(o)
		}
	}
	s.identityPlans = s.plans()
	for _, r := range s.routes {
		rs := *s
		rs.errs = nil
		s.errs = append(s.errs, r.check(&rs)...)
	}
	return s
}

// optionName is the name of the function that made an option of otelhttp's, as far as
// it can be told.
func optionName(o Option) string {
	if v := reflect.ValueOf(o); v.Kind() == reflect.Func {
		if f := runtime.FuncForPC(v.Pointer()); f != nil {
			name, _, _ := strings.Cut(path.Base(f.Name()), ".func")
			return name
		}
	}
	return fmt.Sprintf("%T", o)
}

var delegationSaid sync.Once

// sayDelegation tells once in a process that an option makes otelhttp make the spans.
func (c *config) sayDelegation() {
	if c.tracing.foreign == "" || c.tracing.meant || !c.captures() {
		return
	}
	delegationSaid.Do(func() {
		otel.Handle(fmt.Errorf("httpcapture: an option of the package otelhttp (%s) can only be read by otelhttp, so it makes the spans, in three layers instead of one: about 1.5 times the CPU time and 20 allocations more an exchange; take the option of the same name from httpcapture, or say WithOtelhttpSpans if it is meant", c.tracing.foreign))
	})
}

// foreign returns the options that otelhttp may see: all but nil, which it would
// call a method of.
func foreign(opts []Option) []Option {
	out := make([]Option, 0, len(opts))
	for _, o := range opts {
		if our, ok := o.(*option); o == nil || ok && our == nil {
			continue
		}
		out = append(out, o)
	}
	return out
}

func newConfig(sd side, opts []Option) *config {
	s := apply(sd, opts)
	defer func() {
		*s = settings{}
		settingsPool.Put(s)
	}()
	for _, err := range s.errs {
		otel.Handle(err)
	}
	limits := limitsFromEnv()
	if s.meterProvider == nil {
		s.meterProvider = otel.GetMeterProvider()
	}
	c := &config{
		side:          sd,
		tracing:       s.tracing,
		meterProvider: s.meterProvider,
		policy:        s.policy,
		defaultSkips:  s.defaultSkips,
		skip:          s.skip,
		skipRequest:   s.skipRequest,
		identity:      s.identity,
		resolvers:     s.identityPlans,

		sessionKey:     s.sessionKey,
		sessionSources: s.sessionSources,

		metadata:     s.metadata,
		forwarding:   s.forwarding,
		probePeers:   s.probePeers,
		eventHeader:  s.eventHeader,
		eventPrefix:  s.eventPrefix,
		trustEventID: s.trustEventID,
		budget:       s.budget,
		decoders:     s.decoders,
		valueLimit:   limits.value,
		maxAttrs:     limits.attrs,
		drops:        countersOf(s.meterProvider).drops(),
	}
	if s.policy != nil {
		conf := s.policy.Config()
		c.policyStamp, c.dryRun, c.policyScoped = s.policy.Hash(), conf.DryRun, len(conf.Rules) > 0
	}
	for _, plan := range c.resolvers {
		for _, step := range plan {
			c.anyResolver = true
			c.jsonBody = c.jsonBody || inBody(step.Place())
		}
	}

	reqNames := headerTables[requestSide]()
	resNames := headerTables[responseSide]()
	c.plan = s.plan(c, reqNames, resNames)
	c.anyBodies = c.plan.enabled && c.plan.bodies != BodiesOff || c.jsonBody
	c.reqSet, c.resSet = c.plan.reqSet, c.plan.resSet
	for _, r := range s.routes {
		rs := *s
		r.lay(&rs)
		p := rs.plan(c, reqNames, resNames)
		rule := r.compile(p)
		rule.less = rs.less(&p, s, &c.plan)
		c.routes = append(c.routes, rule)
		c.anyBodies = c.anyBodies || p.enabled && p.bodies != BodiesOff
		c.reqSet = c.reqSet.union(p.reqSet)
		c.resSet = c.resSet.union(p.resSet)
	}
	return c
}

func (s *settings) plan(c *config, reqNames, resNames *headerTable) plan {
	return plan{
		enabled: s.enabled,
		bodies:  s.bodies,
		reqMax:  clampBody(s.reqMax, c.valueLimit),
		resMax:  clampBody(s.resMax, c.valueLimit),
		types:   newTypeSet(s.types),
		reqSet:  newHeaderSet(reqNames, s.reqHeaders, s.sanitize, c),
		resSet:  newHeaderSet(resNames, s.resHeaders, s.sanitize, c),
	}
}

func clampBody(n, valueLimit int) int {
	if n <= 0 {
		n = DefaultMaxBodySize
	}
	n = min(n, maxBodySize)
	if valueLimit > 0 {
		n = min(n, valueLimit)
	}
	return n
}
