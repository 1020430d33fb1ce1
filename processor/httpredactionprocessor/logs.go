// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"context"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact"
)

func (r *redactor) processLogs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	if r.dryRun {
		shadow := plog.NewLogs()
		ld.CopyTo(shadow)
		var told [][]string
		r.redactRecords(ctx, shadow, &told)
		unstampLogs(ld)
		tellRecords(ld, told)
		return ld, nil
	}
	r.redactLogs(ctx, ld)
	return ld, nil
}

// tellRecords is tellSpans for log records.
func tellRecords(ld plog.Logs, told [][]string) {
	if ld.LogRecordCount() != len(told) {
		return
	}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				putList(rec.Attributes(), httpattr.RedactionDryRun, told[0])
				told = told[1:]
			}
		}
	}
}

func (r *redactor) redactLogs(ctx context.Context, ld plog.Logs) { r.redactRecords(ctx, ld, nil) }

func (r *redactor) redactRecords(ctx context.Context, ld plog.Logs, told *[][]string) {
	w := r.walker()
	ld.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
		if !w.resource(rl.Resource(), rl.SchemaUrl(), rl.SetSchemaUrl) {
			for _, sl := range rl.ScopeLogs().All() {
				w.tally.dropped += int64(sl.LogRecords().Len())
			}
			return true
		}
		rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool {
			if !w.scope(sl.Scope(), sl.SchemaUrl(), sl.SetSchemaUrl) {
				w.tally.dropped += int64(sl.LogRecords().Len())
				return true
			}
			sl.LogRecords().RemoveIf(func(rec plog.LogRecord) bool {
				w.decisions = nil
				ok := w.record(rec)
				if told != nil {
					*told = append(*told, w.decisions)
				}
				if ok {
					return false
				}
				w.tally.dropped++
				return true
			})
			return false
		})
		return false
	})
	r.release(ctx, w)
}

// record redacts one log record. It reports false if that failed and the record
// must be dropped.
func (w *walker) record(rec plog.LogRecord) (ok bool) {
	defer w.guard(&ok)
	attrs := rec.Attributes()
	ex := w.gather(attrs)
	if w.r.derives() && w.derive(attrs) {
		w.gather(attrs)
	}
	w.readEarlier(attrs)
	w.begin(ex)
	w.cleanEarlier()
	w.attributes(attrs, placeAttribute)
	if name := rec.EventName(); !httpattr.IsEventName(name) {
		// An exporter knows an entity update by its name, under any policy.
		w.setText(placeLogRecord, name, rec.SetEventName)
	}
	w.setText(placeLogRecord, rec.SeverityText(), rec.SetSeverityText)
	if w.content(rec.Body()) {
		// pdata has no call that removes a body.
		pcommon.NewValueEmpty().CopyTo(rec.Body())
	}
	w.stamp(attrs)
	w.end()
	w.tally.items++
	return true
}

// content redacts the body of a log record. It reports whether the body must go.
// Structured bodies are read like a request body, so that "$" paths of the policy
// start at their root.
func (w *walker) content(v pcommon.Value) (remove bool) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		out, ef := w.text(placeLogBody, v.Str())
		return apply(v, out, ef)
	default:
		return w.tree(placeLogBody, w.bodyNode(placeLogBody, redact.Request), v, 0)
	}
}
