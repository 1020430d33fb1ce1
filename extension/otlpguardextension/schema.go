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

// jsonCost is that of an object, or of one in an array, whose name is none of jsonCosts:
// the most that one can take, since a name can be spelled with escapes.
const jsonCost = 480

// jsonCosts are the same costs by the names of fields in JSON.
var jsonCosts = map[string]int{
	"attributes": 96, "values": 96, "value": 64, "body": 64, "arrayValue": 64, "kvlistValue": 64,
	"resource": 96, "scope": 96, "status": 64, "entityRefs": 160,
	"resourceSpans": 200, "scopeSpans": 200, "spans": 400, "events": 128, "links": 160,
	"resourceLogs": 200, "scopeLogs": 200, "logRecords": 320,
	"resourceMetrics": 200, "scopeMetrics": 200, "metrics": 320, "exemplars": 160, "quantileValues": 48,
	"gauge": 96, "sum": 96, "histogram": 96, "exponentialHistogram": 96, "summary": 96, "positive": 64, "negative": 64,
	"bucketCounts": 8, "explicitBounds": 8, "keys": 24, "idKeys": 24, "descriptionKeys": 24,
}

func costOf(name []byte) int {
	if cost, ok := jsonCosts[string(name)]; ok {
		return cost
	}
	return jsonCost
}
