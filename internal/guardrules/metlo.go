// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardrules

import (
	"encoding/json"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"time"
)

// waf is what Metlo's agent configuration says about blocking.
type waf struct {
	rules  []*wafRule
	auth   []authConfig
	hosts  []hostName
	limits bool // a rule counts
}

// wafRule blocks, or counts and then blocks.
type wafRule struct {
	id, tag     string
	rate        bool
	end         time.Time // zero is none
	groups      []wafGroup
	identifiers []string
	threshold   uint32
	interval    time.Duration
	duration    time.Duration
}

type wafGroup struct {
	all        bool // else one
	conditions []wafCondition
}

type wafField uint8

const (
	wafPath wafField = iota
	wafMethod
	wafStatus
	wafHeader
	wafParameter
	wafBody
	wafIP
	wafUser
)

var wafFields = map[string]wafField{
	"path": wafPath, "method": wafMethod, "status_code": wafStatus, "request_header": wafHeader,
	"request_parameter": wafParameter, "request_body": wafBody, "ip_address": wafIP, "user": wafUser,
}

type wafCondition struct {
	field    wafField
	operator string // without nt_
	not      bool
	key      string
	value    string
	status   int
}

// vendorWAF is a rule as the vendor writes it.
type vendorWAF struct {
	UUID        string   `json:"uuid"`
	Type        string   `json:"ruleType"`
	Tag         string   `json:"tagName"`
	Identifiers []string `json:"identifiers"`
	Action      *struct {
		Type string `json:"actionType"`
		Rate *struct {
			Threshold uint32 `json:"threshold"`
			Interval  string `json:"interval"`
			Duration  struct {
				Hour, Minute, Second int
			} `json:"duration"`
		} `json:"rateLimit"`
	} `json:"action"`
	End    *int64 `json:"blockEndTime"`
	Groups []struct {
		Rule       string `json:"rule"`
		Conditions []struct {
			Field    string          `json:"field"`
			Operator string          `json:"operator"`
			Key      string          `json:"key"`
			Value    json.RawMessage `json:"value"`
		} `json:"conditions"`
	} `json:"conditionGroups"`
}

var intervals = map[string]time.Duration{
	"minute_1": time.Minute, "minute_5": 5 * time.Minute, "minute_10": 10 * time.Minute,
	"minute_15": 15 * time.Minute, "minute_30": 30 * time.Minute, "hour_1": time.Hour,
}

func (b *Builder) wafRule(raw json.RawMessage) {
	r, id, f := compileWAF(raw)
	if f.text != "" {
		b.problem("metlo", id, f.field, f.text)
		return
	}
	w := b.waf()
	if slices.ContainsFunc(w.rules, func(o *wafRule) bool { return o.id == r.id }) {
		b.problem("metlo", r.id, "uuid", "stands there twice: the first is applied")
		return
	}
	w.rules = append(w.rules, r)
	w.limits = w.limits || r.rate
	b.set.addresses = b.set.addresses || slices.Contains(r.identifiers, "ip")
	for _, g := range r.groups {
		for _, c := range g.conditions {
			b.set.bodies = b.set.bodies || c.field == wafBody
			b.set.addresses = b.set.addresses || c.field == wafIP
		}
	}
}

func (b *Builder) waf() *waf {
	if b.set.waf == nil {
		b.set.waf = &waf{}
	}
	return b.set.waf
}

func compileWAF(raw json.RawMessage) (r *wafRule, id string, _ fault) {
	var v vendorWAF
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, idOf(raw), fault{fieldOf(err), "has another type than the vendor's format: " + typeOf(err)}
	}
	r = &wafRule{id: v.UUID, tag: v.Tag, identifiers: v.Identifiers}
	if r.id == "" || len(r.id) > maxID {
		return nil, "", fault{"uuid", fmt.Sprintf("has %d bytes: 1 to %d", len(r.id), maxID)}
	}
	if v.End != nil {
		r.end = time.UnixMilli(*v.End)
	}
	for _, i := range v.Identifiers {
		if i != "ip" && i != "user" && i != "session" {
			return nil, r.id, fault{"identifiers", "holds one that is not known: ip, user or session"}
		}
	}
	switch v.Type {
	case "block":
	case "rate_limit":
		r.rate = true
		if v.Action == nil || v.Action.Rate == nil {
			return nil, r.id, fault{"action.rateLimit", "is missing, so nothing says how much is too much"}
		}
		l := v.Action.Rate
		r.threshold, r.interval = l.Threshold, intervals[l.Interval]
		if r.interval == 0 {
			r.interval = time.Second
		}
		r.duration = time.Duration(l.Duration.Hour)*time.Hour + time.Duration(l.Duration.Minute)*time.Minute + time.Duration(l.Duration.Second)*time.Second
		if r.threshold == 0 || r.duration < 0 {
			return nil, r.id, fault{"action.rateLimit", "has a threshold of 0 or a negative duration"}
		}
	default:
		return nil, r.id, fault{"ruleType", "is none that is known: block or rate_limit"}
	}
	for i, g := range v.Groups {
		group := wafGroup{all: g.Rule == "all"}
		if !group.all && g.Rule != "one" {
			return nil, r.id, fault{fmt.Sprintf("conditionGroups[%d].rule", i), "is neither all nor one"}
		}
		for j, c := range g.Conditions {
			k, text := compileWAFCondition(c.Field, c.Operator, c.Key, c.Value)
			if text != "" {
				return nil, r.id, fault{fmt.Sprintf("conditionGroups[%d].conditions[%d]", i, j), text}
			}
			group.conditions = append(group.conditions, k)
		}
		r.groups = append(r.groups, group)
	}
	return r, r.id, fault{}
}

func compileWAFCondition(name, operator, key string, value json.RawMessage) (c wafCondition, problem string) {
	var ok bool
	if c.field, ok = wafFields[name]; !ok {
		return c, "the field is none that is known: path, method, status_code, request_header, request_parameter, request_body, ip_address, user"
	}
	c.operator, c.not = strings.CutPrefix(operator, "nt_")
	var v any
	_ = json.Unmarshal(value, &v)
	if c.value, ok = scalar(v); !ok {
		return c, "the value is no text and no number"
	}
	if c.field == wafStatus {
		if n, err := fmt.Sscan(c.value, &c.status); n != 1 || err != nil {
			return c, "the value is no status"
		}
		if c.operator != "eq" && (c.not || c.operator != "lt" && c.operator != "gt") {
			return c, "the operator is none of a status: lt, gt, eq, nt_eq"
		}
		return c, ""
	}
	if c.operator != "eq" && c.operator != "contains" && c.operator != "startswith" && c.operator != "endswith" {
		return c, "the operator is none that is known: eq, contains, startswith, endswith, each also with nt_ before it"
	}
	c.key = key
	switch c.field {
	case wafHeader:
		c.key = textproto.CanonicalMIMEHeaderKey(key)
	case wafPath:
		c.value = strings.TrimRight(c.value, "/")
	default:
	}
	return c, ""
}
