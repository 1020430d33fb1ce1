// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package entities

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/embedded"
)

// The type of a log record's values has changed: log.Value until otel/log v0.20,
// attribute.Value since. This package names neither, so that it compiles with both.
// The values are made by otelslog, which is released for each version of otel/log.

// setAttributes adds the attributes to the record. Their values are those of
// slog.String, or trees of converter.
func setAttributes(r *otellog.Record, list []slog.Attr) {
	var in slog.Record
	in.AddAttrs(list...)
	bridge := otelslog.NewHandler(scopeName, otelslog.WithLoggerProvider(catcherProvider{r: r}))
	_ = bridge.Handle(context.Background(), in) // it has no errors
}

// catcherProvider is a provider of one catcher.
type catcherProvider struct {
	embedded.LoggerProvider

	r *otellog.Record
}

func (p catcherProvider) Logger(string, ...otellog.LoggerOption) otellog.Logger {
	return catcher{r: p.r}
}

// catcher copies attributes of the record that it is given, and nothing else: a body
// and the name of a severity are slog's, not an event's.
type catcher struct {
	embedded.Logger

	r *otellog.Record
}

func (c catcher) Enabled(context.Context, otellog.EnabledParameters) bool { return true }

func (c catcher) Emit(_ context.Context, from otellog.Record) {
	move(from.AttributesLen(), from.WalkAttributes, c.r.AddAttributes)
}

// move leaves the type of an attribute to the compiler.
func move[KV any](n int, walk func(func(KV) bool), add func(...KV)) {
	list := make([]KV, 0, n)
	walk(func(kv KV) bool {
		list = append(list, kv)
		return true
	})
	add(list...)
}

// tree returns the attributes as a value of one.
func tree(list []slog.Attr) map[string]any {
	m := make(map[string]any, len(list))
	for _, a := range list {
		m[a.Key] = a.Value.Any()
	}
	return m
}
