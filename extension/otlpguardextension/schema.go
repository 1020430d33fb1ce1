// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

// message is what the guard knows of a message type of OTLP: what one takes when it
// is decoded, and which of its fields are messages again.
type message struct {
	// cost is an estimate, in bytes, of the decoded struct, of the pointer to it and
	// of the slice that has grown to hold it. TestCosts holds it against the decoder.
	cost int
	// nested is whether one counts as a level of depth.
	nested bool
	fields map[uint64]*message
}

// The parts of OTLP 1.10 that can hold others
// (https://github.com/open-telemetry/opentelemetry-proto). Fields that are missing
// here hold text, numbers or bytes, which are counted as they are.
var (
	anyValue = &message{cost: 64, nested: true}
	keyValue = &message{cost: 96, fields: fields{2: anyValue}}

	attributes1 = fields{1: keyValue}
	entityRef   = &message{cost: 160}
	resource    = &message{cost: 96, fields: fields{1: keyValue, 3: entityRef}}
	scope       = &message{cost: 96, fields: fields{3: keyValue}}

	spanEvent   = &message{cost: 128, fields: fields{3: keyValue}}
	spanLink    = &message{cost: 160, fields: fields{4: keyValue}}
	span        = &message{cost: 400, fields: fields{9: keyValue, 11: spanEvent, 13: spanLink, 15: {cost: 64}}}
	scopeSpans  = &message{cost: 200, fields: fields{1: scope, 2: span}}
	traces      = &message{fields: fields{1: {cost: 200, fields: fields{1: resource, 2: scopeSpans}}}}
	logRecord   = &message{cost: 320, fields: fields{5: anyValue, 6: keyValue}}
	scopeLogs   = &message{cost: 200, fields: fields{1: scope, 2: logRecord}}
	logs        = &message{fields: fields{1: {cost: 200, fields: fields{1: resource, 2: scopeLogs}}}}
	exemplar    = &message{cost: 160, fields: fields{7: keyValue}}
	number      = &message{cost: 240, fields: fields{5: exemplar, 7: keyValue}}
	histogram   = &message{cost: 400, fields: fields{8: exemplar, 9: keyValue}}
	buckets     = &message{cost: 64}
	exponential = &message{cost: 480, fields: fields{1: keyValue, 8: buckets, 9: buckets, 11: exemplar}}
	summary     = &message{cost: 240, fields: fields{6: {cost: 48}, 7: keyValue}}
	metricKind  = &message{cost: 320, fields: fields{
		5: points(number), 7: points(number), 9: points(histogram), 10: points(exponential), 11: points(summary), 12: keyValue,
	}}
	scopeMetrics = &message{cost: 200, fields: fields{1: scope, 2: metricKind}}
	metrics      = &message{fields: fields{1: {cost: 200, fields: fields{1: resource, 2: scopeMetrics}}}}
)

type fields = map[uint64]*message

// points are the kinds of metrics, which hold their data points in field 1.
func points(point *message) *message { return &message{cost: 96, fields: fields{1: point}} }

func init() {
	// Values hold values: an array (5) values, a list of pairs (6) pairs.
	anyValue.fields = fields{5: {cost: 64, fields: fields{1: anyValue}}, 6: {cost: 64, fields: attributes1}}
}
