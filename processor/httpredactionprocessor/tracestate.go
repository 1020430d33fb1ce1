// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/apispan/apispan/redact"
)

// traceState redacts a W3C tracestate (https://www.w3.org/TR/trace-context/#tracestate-header).
// Members are judged one by one, so that the list stays a list; a member that is
// none, or whose redacted value would break the syntax, is dropped. The sampling
// fields of the "ot" member (th, rv) are kept: weights are computed from them.
func (w *walker) traceState(ts pcommon.TraceState) {
	raw := ts.AsRaw()
	if raw == "" {
		return
	}
	var out []string
	changed := false
	for i, rest, more := 0, raw, true; more; i++ {
		var member string
		member, rest, more = strings.Cut(rest, ",")
		now, keep := w.traceStateMember(member)
		if keep && now == member && !changed {
			continue
		}
		if !changed {
			// First difference: what came before was kept as it stood.
			changed = true
			if i > 0 {
				out = append(out, strings.Split(raw, ",")[:i]...)
			}
		}
		if keep {
			out = append(out, now)
		}
	}
	if changed {
		ts.FromRaw(strings.Join(out, ","))
	}
}

func (w *walker) traceStateMember(member string) (out string, keep bool) {
	trimmed := strings.Trim(member, " \t")
	if trimmed == "" {
		return member, true
	}
	key, value, ok := strings.Cut(trimmed, "=")
	if !ok || key == "" || !validTraceStateValue(value) {
		w.tally.failed(placeTraceState, failure{"malformed", "attribute"})
		w.changed++
		return "", false
	}
	if key == "ot" {
		value, ok = w.otMember(value)
		if !ok {
			return member, true
		}
		return "ot=" + value, value != ""
	}
	if w.key(key) {
		return "", false
	}
	now, ef := w.attribute(placeTraceState, w.lookup(key), value)
	switch {
	case ef == redact.Unchanged:
		return member, true
	case ef == redact.Removed || !validTraceStateValue(now):
		return "", false
	default:
		return key + "=" + now, true
	}
}

// otMember redacts the value of OpenTelemetry's own member, a list of k:v divided
// by ";" (https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/).
func (w *walker) otMember(value string) (out string, changed bool) {
	kept := make([]string, 0, 4)
	for _, sub := range strings.Split(value, ";") {
		k, v, ok := strings.Cut(sub, ":")
		switch {
		case ok && (k == "th" || k == "rv") && isHex(v, 14), ok && (k == "p" || k == "r") && isDigits(v, 2):
			kept = append(kept, sub)
			continue
		case !ok || k == "":
			changed = true
			continue
		}
		now, ef := w.attribute(placeTraceState, w.lookup(k), v)
		switch {
		case ef == redact.Unchanged:
			kept = append(kept, sub)
		case ef == redact.Removed || !validTraceStateValue(now) || strings.ContainsAny(now, ";:"):
			changed = true
		default:
			changed = true
			kept = append(kept, k+":"+now)
		}
	}
	return strings.Join(kept, ";"), changed
}

// validTraceStateValue allows what the W3C grammar allows, and the empty value.
func validTraceStateValue(v string) bool {
	if len(v) > 256 {
		return false
	}
	for i := range len(v) {
		if c := v[i]; c < 0x20 || c > 0x7e || c == ',' || c == '=' {
			return false
		}
	}
	return true
}

func isHex(s string, maxLen int) bool {
	if s == "" || len(s) > maxLen {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isDigits(s string, maxLen int) bool {
	if s == "" || len(s) > maxLen {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
