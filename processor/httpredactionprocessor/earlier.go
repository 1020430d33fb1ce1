// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"regexp"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact"
)

// earlier is what redactions before this one say they did: the one in the
// application, that of an agent's Collector. It is no proof of anything and goes on
// under names of its own.
type earlier struct {
	policies, rules []string
	count           int64
	// same and sameRules are those of this very policy.
	same      int64
	sameRules []string
}

const (
	maxEarlierPolicies = 8
	maxEarlierRules    = 64
	maxRuleID          = 256
)

var (
	policyHash = regexp.MustCompile(`^[0-9a-f]{16}$`)
	// ruleID is how the engine names rules.
	ruleID = regexp.MustCompile(`^(deny|drop|hmac|encrypt|truncate|allow|except|pattern|default|in|rules\[\d+\])[.:][^\x00-\x1f\x7f]+$`)
)

// readEarlier collects the stamps of an item before they are removed. What is not
// exactly what a redaction writes is left behind.
func (w *walker) readEarlier(attrs pcommon.Map) {
	w.earlier = earlier{}
	if w.r.strip || !slices.ContainsFunc(w.infos, func(ki *keyInfo) bool { return ki.stamp }) {
		return
	}
	if v, ok := attrs.Get(httpattr.RedactionPolicy); ok && v.Type() == pcommon.ValueTypeStr && v.Str() == w.r.hash && onlyPolicy(w.infos) {
		return // the same policy, which has found nothing
	}
	e := &w.earlier
	if e.policies = appendNew(nil, attrs, httpattr.RedactionUpstreamPolicy, maxEarlierPolicies, policyHash.MatchString); len(e.policies) > 0 {
		e.count = countOf(attrs, httpattr.RedactionUpstreamCount)
		e.rules = appendNew(nil, attrs, httpattr.RedactionUpstreamRules, maxEarlierRules, isRuleID)
	}
	own := func(s string) bool { return s == w.r.hash }
	if len(appendNew(nil, attrs, httpattr.RedactionPolicy, 1, own)) > 0 {
		// The same policy once more: what it has done already it does again.
		e.same = countOf(attrs, httpattr.RedactionCount)
		e.sameRules = appendNew(nil, attrs, httpattr.RedactionRules, maxEarlierRules, isRuleID)
		return
	}
	if last := appendNew(nil, attrs, httpattr.RedactionPolicy, 1, policyHash.MatchString); len(last) > 0 && len(e.policies) < maxEarlierPolicies {
		e.policies = append(e.policies, last[0])
		e.count += countOf(attrs, httpattr.RedactionCount)
		e.rules = appendNew(e.rules, attrs, httpattr.RedactionRules, maxEarlierRules, isRuleID)
	}
}

func isRuleID(v string) bool { return len(v) <= maxRuleID && ruleID.MatchString(v) }

// countOf reads a count; 0 if it is none.
func countOf(attrs pcommon.Map, key string) int64 {
	if v, ok := attrs.Get(key); ok && v.Type() == pcommon.ValueTypeInt && v.Int() > 0 && v.Int() < 1<<32 {
		return v.Int()
	}
	return 0
}

// onlyPolicy reports whether the policy is all that a stamp says.
func onlyPolicy(infos []*keyInfo) bool {
	return !slices.ContainsFunc(infos, func(ki *keyInfo) bool { return ki.stamp && ki.key != httpattr.RedactionPolicy })
}

// cleanEarlier takes out rules whose names the policy would not let pass as text.
func (w *walker) cleanEarlier() {
	dirty := func(rule string) bool {
		_, ef := w.text(placeAttribute, rule)
		return ef != redact.Unchanged
	}
	w.earlier.rules = slices.DeleteFunc(w.earlier.rules, dirty)
	w.earlier.sameRules = slices.DeleteFunc(w.earlier.sameRules, dirty)
}

func appendNew(to []string, attrs pcommon.Map, key string, most int, ok func(string) bool) []string {
	v, there := attrs.Get(key)
	if !there || v.Type() != pcommon.ValueTypeStr && v.Type() != pcommon.ValueTypeSlice {
		return to
	}
	for _, s := range stringsOf(v) {
		if len(to) < most && ok(s) && !slices.Contains(to, s) {
			to = append(to, s)
		}
	}
	return to
}

func (e *earlier) put(attrs pcommon.Map) {
	putList(attrs, httpattr.RedactionUpstreamPolicy, e.policies)
	if e.count > 0 {
		attrs.PutInt(httpattr.RedactionUpstreamCount, e.count)
	}
	putList(attrs, httpattr.RedactionUpstreamRules, e.rules)
}
