// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact"
)

// stamp says on the span that the policy was applied to it. It comes last: a span
// on which anything failed is dropped and never stamped. Incoming attributes of
// these names were removed by the walk.
func (w *walker) stamp(attrs pcommon.Map) {
	// Room for two more and not twice the size, which append would take.
	attrs.EnsureCapacity(attrs.Len() + 2)
	attrs.PutStr(httpattr.RedactionPolicy, w.r.hash)
	w.earlier.put(attrs)
	if w.r.audit == auditOff {
		return
	}
	if n := max(w.changed, w.earlier.same); n > 0 {
		attrs.PutInt(httpattr.RedactionCount, n)
	}
	if w.r.audit != auditRules {
		return
	}
	rules := w.earlier.sameRules
	for _, c := range w.e.Counts() {
		if c.Rule != "" && !slices.Contains(rules, c.Rule) {
			rules = append(rules, c.Rule)
		}
	}
	slices.Sort(rules)
	putList(attrs, httpattr.RedactionRules, rules)
	w.decisions = decisions(w.e)
	putList(attrs, httpattr.RedactionDecisions, w.decisions)
}

// decisions are what the engine did, where and by which rule.
func decisions(e *redact.Scratch) (out []string) {
	for _, d := range e.Decisions() {
		out = append(out, d.String())
	}
	return out
}

func putList(attrs pcommon.Map, key string, values []string) {
	if len(values) == 0 {
		return
	}
	list := attrs.PutEmptySlice(key)
	list.EnsureCapacity(len(values))
	for _, v := range values {
		list.AppendEmpty().SetStr(v)
	}
}

// unstampTraces removes stamps that came in: in a dry run nothing was redacted
// here, and what was redacted before is not known.
func unstampTraces(td ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		unstamp(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			unstamp(ss.Scope().Attributes())
			for _, s := range ss.Spans().All() {
				unstamp(s.Attributes())
			}
		}
	}
}

func unstampLogs(ld plog.Logs) {
	for _, rl := range ld.ResourceLogs().All() {
		unstamp(rl.Resource().Attributes())
		for _, sl := range rl.ScopeLogs().All() {
			unstamp(sl.Scope().Attributes())
			for _, r := range sl.LogRecords().All() {
				unstamp(r.Attributes())
			}
		}
	}
}

func unstamp(attrs pcommon.Map) {
	attrs.RemoveIf(func(k string, _ pcommon.Value) bool {
		return httpattr.IsRedactionStamp(k)
	})
}
