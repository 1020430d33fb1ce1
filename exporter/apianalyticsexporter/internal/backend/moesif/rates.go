// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesif

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// Bounds on what the app config may cost us for each event. What goes beyond is
// ignored and counted.
const (
	maxRateRules       = 200
	maxRuleConditions  = 20
	maxRulePatternSize = 1000
)

var _ backend.RateSource = (*Encoder)(nil)

// ratesPath is https://www.moesif.com/docs/api#config.
const ratesPath = "/v1/config"

// RatesPath implements [backend.RateSource].
func (e *Encoder) RatesPath() string { return ratesPath }

// RatesTag implements [backend.RateSource]. The tag of the governance rules
// (X-Moesif-Rules-Tag, or X-Moesif-Rules-ETag) is not looked at: an exporter sees
// exchanges that are over and can block none.
func (e *Encoder) RatesTag(h http.Header) string { return h.Get("X-Moesif-Config-Etag") }

// rates is what the app config says about sampling.
type rates struct {
	encoder *Encoder
	rules   []rateRule
	user    map[string]float64
	company map[string]float64
	global  float64
}

// rateRule holds for exchanges that meet all conditions.
type rateRule struct {
	conditions []condition
	rate       float64
}

type condition struct {
	path  conditionPath
	value *regexp.Regexp
}

type conditionPath uint8

const (
	pathUnknown conditionPath = iota
	pathVerb
	pathRoute
	pathIP
	pathStatus
)

var conditionPaths = map[string]conditionPath{
	"request.verb": pathVerb, "request.route": pathRoute, "request.ip_address": pathIP, "response.status": pathStatus,
}

// ParseRates implements [backend.RateSource]. Of the app config it reads
// sample_rate, user_sample_rate, company_sample_rate and regex_config; a rate
// outside 0 to 100 is taken for the nearer of the two. A rule that cannot be used
// (a pattern that RE2 does not know, an unknown path, no condition) holds for no
// exchange. Everything else is left alone, block_bot_traffic too: it is about
// traffic that a server-side SDK would refuse to record.
func (e *Encoder) ParseRates(body []byte) (backend.Rates, int, error) {
	var config struct {
		Global  json.RawMessage            `json:"sample_rate"`
		User    map[string]json.RawMessage `json:"user_sample_rate"`
		Company map[string]json.RawMessage `json:"company_sample_rate"`
		Rules   []struct {
			Conditions []struct {
				Path  string `json:"path"`
				Value string `json:"value"`
			} `json:"conditions"`
			Rate json.RawMessage `json:"sample_rate"`
		} `json:"regex_config"`
	}
	if len(body) > backend.MaxRatesBytes || len(body) == 0 || body[0] != '{' || json.Unmarshal(body, &config) != nil {
		return nil, 0, errors.New("moesif: the app config is not what the documentation shows")
	}
	ignored := 0
	r := &rates{encoder: e, global: 100}
	if config.Global != nil {
		if rate, ok := readRate(config.Global); ok {
			r.global = rate
		} else {
			ignored++
		}
	}
	entities := func(in map[string]json.RawMessage) map[string]float64 {
		out := make(map[string]float64, len(in))
		for id, raw := range in {
			if rate, ok := readRate(raw); ok {
				out[id] = rate
			} else {
				ignored++
			}
		}
		return out
	}
	r.user, r.company = entities(config.User), entities(config.Company)
	for i := range config.Rules {
		in := &config.Rules[i]
		rule := rateRule{}
		rate, ok := readRate(in.Rate)
		rule.rate = rate
		ok = ok && i < maxRateRules && len(in.Conditions) > 0 && len(in.Conditions) <= maxRuleConditions
		for j := 0; ok && j < len(in.Conditions); j++ {
			c := condition{path: conditionPaths[in.Conditions[j].Path]}
			pattern := in.Conditions[j].Value
			var err error
			if c.path == pathUnknown || len(pattern) > maxRulePatternSize {
				ok = false
			} else if c.value, err = regexp.Compile(pattern); err != nil {
				ok = false
			}
			rule.conditions = append(rule.conditions, c)
		}
		if ok {
			r.rules = append(r.rules, rule)
		} else {
			ignored++
		}
	}
	return r, ignored, nil
}

// readRate reads a percentage; null is none.
func readRate(raw json.RawMessage) (float64, bool) {
	var f *float64
	if json.Unmarshal(raw, &f) != nil || f == nil {
		return 0, false
	}
	return min(max(*f, 0), 100), true
}

// Rate implements [backend.Rates]: the first rule that holds, else the user's
// rate, else the company's, else the global one.
func (r *rates) Rate(ex *exchange.Exchange) float64 {
	for i := range r.rules {
		if r.holds(&r.rules[i], ex) {
			return r.rules[i].rate
		}
	}
	if ex.UserID != "" {
		if rate, ok := r.user[ex.UserID]; ok {
			return rate
		}
	}
	if ex.CompanyID != "" {
		if rate, ok := r.company[ex.CompanyID]; ok {
			return rate
		}
	}
	return r.global
}

// holds reports whether every condition finds its pattern somewhere in the value
// that the event would carry. A value that the event has not got meets none.
func (r *rates) holds(rule *rateRule, ex *exchange.Exchange) bool {
	var buf [64]byte
	for i := range rule.conditions {
		c := &rule.conditions[i]
		switch c.path {
		case pathVerb:
			if ex.Method == "" || !c.value.MatchString(ex.Method) {
				return false
			}
		case pathRoute:
			if !c.value.MatchString(ex.Path) {
				return false
			}
		case pathIP:
			ip := appendCallerIP(buf[:0], ex)
			ip = ip[1 : len(ip)-1] // its quotation marks
			if string(ip) == wire.UnknownIP || !c.value.Match(ip) {
				return false
			}
		case pathStatus:
			status := r.encoder.status(ex)
			if status == 0 || !c.value.Match(strconv.AppendInt(buf[:0], int64(status), 10)) {
				return false
			}
		default:
			return false
		}
	}
	return true
}
