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
	if out, changed := rewrite(raw, ',', w.traceStateMember); changed {
		ts.FromRaw(out)
	}
}

// rewrite passes each part of a list to f and joins what it keeps. It allocates
// only if something changes.
func rewrite(list string, sep byte, f func(part string) (now string, keep bool)) (out string, changed bool) {
	var b strings.Builder
	kept := 0
	for at := 0; at <= len(list); {
		end := len(list)
		if i := strings.IndexByte(list[at:], sep); i >= 0 {
			end = at + i
		}
		part := list[at:end]
		now, keep := f(part)
		if !changed && (!keep || now != part) {
			// First difference: what came before is kept as it stood.
			changed = true
			if at > 0 {
				b.WriteString(list[:at-1])
				kept = 1
			}
		}
		if changed && keep {
			if kept > 0 {
				b.WriteByte(sep)
			}
			b.WriteString(now)
			kept++
		}
		at = end + 1
	}
	return b.String(), changed
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
		// OpenTelemetry's own member is a list of k:v divided by ";"
		// (https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/).
		now, changed := rewrite(value, ';', w.otField)
		if !changed {
			return member, true
		}
		return "ot=" + now, now != ""
	}
	ki := w.lookup(key)
	if w.badKey(ki, key) {
		return "", false
	}
	now, ef := w.attribute(placeTraceState, ki, value)
	switch {
	case ef == redact.Unchanged:
		return member, true
	case ef == redact.Removed || !validTraceStateValue(now):
		return "", false
	default:
		return key + "=" + now, true
	}
}

// otField redacts one field of the "ot" member.
func (w *walker) otField(field string) (out string, keep bool) {
	k, v, ok := strings.Cut(field, ":")
	switch {
	case ok && (k == "th" || k == "rv") && isHex(v, 14), ok && (k == "p" || k == "r") && isHex(v, 2):
		return field, true
	case !ok || k == "":
		return "", false
	}
	now, ef := w.attribute(placeTraceState, w.lookup(k), v)
	switch {
	case ef == redact.Unchanged:
		return field, true
	case ef == redact.Removed || !validTraceStateValue(now) || strings.ContainsAny(now, ";:"):
		return "", false
	default:
		return k + ":" + now, true
	}
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
