// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// stringMaps is a table of spans with their attributes in maps of strings, with the columns,
// codecs and indexes that the exporter clickhouse of opentelemetry-collector-contrib v0.155.0
// creates for traces (otel_traces).
const stringMaps = `CREATE TABLE api.spans (
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)), SpanId String CODEC(ZSTD(1)), ParentSpanId String CODEC(ZSTD(1)), TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)), SpanKind LowCardinality(String) CODEC(ZSTD(1)), ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)), ScopeName String CODEC(ZSTD(1)), ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)), Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)), StatusMessage String CODEC(ZSTD(1)),
    INDEX trace TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX resource_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX resource_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX span_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX span_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX took Duration TYPE minmax GRANULARITY 1
) ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS ttl_only_drop_parts = 1`

// someEvents makes rows [%d, %d) of %d: 40 routes of 8 services, 2,000 consumers that come up
// one after the other, over 30 days, small bodies, five header fields.
const someEvents = `INSERT INTO api.api_events (event_id, time, service, environment, direction, method, scheme, protocol, host, route, path, query, status,
    duration_us, request_size, response_size, consumer_id, user_id, company_id, session_id, client_address, user_agent, trace_id, span_id, parent_span_id,
    weight, request_headers, response_headers, request_body, request_body_encoding, response_body, response_body_encoding, metadata, redaction_policy, redaction_count)
SELECT reinterpretAsUUID(sipHash128(number)), toDateTime64('2026-03-01 00:00:00', 6, 'UTC') + toIntervalMicrosecond(number * intDiv(2592000000000, %[3]d)),
    'service-' || toString(h %% 8) AS s, 'production', 'incoming', ['GET', 'GET', 'POST', 'PUT', 'DELETE'][1 + h2 %% 5] AS m, 'https', '1.1', 'api.example.com',
    '/v1/things-' || toString(h2 %% 40) || '/{id}' AS r, replaceOne(r, '{id}', toString(h3 %% 100000)), if(h %% 3 = 0, 'page=' || toString(h3 %% 50), ''),
    [200, 200, 200, 200, 201, 204, 304, 400, 404, 500][1 + h3 %% 10], toUInt64(1000 * exp(randNormal(3, 1))), h3 %% 800, h2 %% 6000,
    'consumer-' || toString(h %% (1 + intDiv(number * 2000, %[3]d))) AS c, 'user-' || toString(h2 %% 50000), 'company-' || toString(h %% 300), lower(hex(sipHash64(h3 %% 200000))),
    IPv4NumToString(toUInt32(h3)), 'client/' || toString(h %% 20), lower(hex(sipHash128(number, 1))), lower(hex(sipHash64(number, 2))), lower(hex(sipHash64(number, 3))),
    1, map('content-type', 'application/json', 'accept', '*/*', 'user-agent', 'client/' || toString(h %% 20), 'x-request-id', lower(hex(sipHash64(number, 4)))), map('content-type', 'application/json'),
    '{"id":' || toString(h3 %% 100000) || ',"note":"' || lower(hex(sipHash64(h3 %% 1000))) || '"}', 'text', '{"ok":true,"items":[' || toString(h2 %% 1000) || ']}', 'text',
    map('plan', ['free', 'pro', 'team'][1 + h %% 3]), '0123456789abcdef', 2
FROM (SELECT number, sipHash64(number, 11) AS h, sipHash64(number, 12) AS h2, sipHash64(number, 13) AS h3 FROM numbers(%[1]d, %[2]d - %[1]d))`

// sameEvents writes them as spans with string maps.
const sameEvents = `INSERT INTO api.spans SELECT time, trace_id, span_id, parent_span_id, '', method || ' ' || route, 'Server', service,
    map('service.name', service, 'deployment.environment.name', environment), 'httpcapture', '0.1.0',
    mapFilter((k, v) -> v != '', mapConcat(CAST(map('http.request.method', method, 'url.scheme', scheme, 'network.protocol.version', protocol, 'server.address', host,
        'http.route', route, 'url.path', path, 'url.query', query, 'http.response.status_code', toString(status), 'http.request.body.size', ifNull(toString(request_size), ''),
        'http.response.body.size', ifNull(toString(response_size), ''), 'apispan.consumer.id', consumer_id, 'user.id', user_id, 'apispan.company.id', company_id,
        'session.id', session_id, 'client.address', client_address, 'user_agent.original', user_agent, 'apispan.event.id', toString(event_id), 'apispan.weight', toString(weight),
        'http.request.body.content', request_body, 'http.response.body.content', response_body, 'apispan.redaction.policy', redaction_policy, 'apispan.redaction.count', toString(redaction_count)), 'Map(String, String)'),
        CAST(mapConcat(mapApply((k, v) -> ('http.request.header.' || k, v), request_headers), mapApply((k, v) -> ('http.response.header.' || k, v), response_headers), mapApply((k, v) -> ('apispan.metadata.' || k, v), metadata)), 'Map(String, String)'))),
    duration_us * 1000, 'Unset', '' FROM api.api_events WHERE time >= toDateTime64('%s', 6, 'UTC') AND time < toDateTime64('%s', 6, 'UTC')`

// overMaps has the columns of api_events over string maps, so that the same queries run there;
// what a query does not need is not read.
const overMaps = `CREATE VIEW api.over_maps AS SELECT Timestamp AS time, ServiceName AS service, 'incoming' AS direction, TraceId AS trace_id,
    SpanAttributes['http.request.method'] AS method, SpanAttributes['http.route'] AS route, SpanAttributes['url.path'] AS path, SpanAttributes['url.query'] AS query,
    toUInt16OrZero(SpanAttributes['http.response.status_code']) AS status, intDiv(Duration, 1000) AS duration_us,
    toUInt64OrZero(SpanAttributes['apispan.weight']) AS weight, SpanAttributes['apispan.consumer.id'] AS consumer_id, SpanAttributes['apispan.company.id'] AS company_id,
    toUInt64OrZero(SpanAttributes['http.request.body.size']) AS request_size, toUInt64OrZero(SpanAttributes['http.response.body.size']) AS response_size,
    SpanAttributes['apispan.event.id'] AS event_id, map('user-agent', SpanAttributes['http.request.header.user-agent']) AS request_headers,
    SpanAttributes['http.request.body.content'] AS request_body, SpanAttributes['http.response.body.content'] AS response_body
FROM api.spans`

// TestFigures prints what docs/clickhouse.md says: bytes for each event, and times of queries,
// as ratios to the same over string maps. It takes minutes, and runs where FIGURES is a number
// of events, of which a million needs half a GB. FIGURES_DIR keeps the tables, so that the
// next run only asks.
func TestFigures(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("FIGURES"))
	if err != nil {
		t.Skip("FIGURES is no number of events")
	}
	e := startEngineIn(t, os.Getenv("FIGURES_DIR"))
	if e.number("SELECT count() AS n FROM system.tables WHERE database = 'api' AND name = 'over_maps'") == 0 {
		fillFigures(t, e, n)
	}
	if a, b := e.number("SELECT count() AS n FROM api.api_events"), e.number("SELECT count() AS n FROM api.spans"); a != int64(n) || b != int64(n) {
		t.Fatalf("%d events, %d spans, want %d", a, b, n)
	}
	bytes := func(table string) int64 {
		return e.number("SELECT sum(bytes_on_disk) AS n FROM system.parts WHERE active AND database = 'api' AND table = '" + table + "'")
	}
	a, b := bytes("api_events"), bytes("spans")
	t.Logf("bytes an event: %.1f, as spans %.1f, ratio %.2f", float64(a)/float64(n), float64(b)/float64(n), float64(a)/float64(b))
	params := map[string]string{
		"from": begin.AddDate(0, 0, 10).Format(time.DateTime), "to": begin.AddDate(0, 0, 20).Format(time.DateTime), "route": "/v1/things-7/{id}", "consumer": "consumer-77",
	}
	files := readDir(t, queriesDir)
	for _, name := range []string{"endpoints.sql", "consumers.sql", "slow_calls.sql", "new_consumers.sql", "adoption.sql", "last_calls.sql"} {
		typed, final := best(e, inAPI(strings.ReplaceAll(files[name], " FINAL", "")), params), best(e, inAPI(files[name]), params)
		maps := best(e, strings.NewReplacer("FROM api_events FINAL", "FROM api.over_maps", "FROM api_events", "FROM api.over_maps").Replace(files[name]), params)
		t.Logf("%s: %v, with FINAL %v, over string maps %v: ratio %.2f, with FINAL %.2f", name, typed, final, maps, float64(typed)/float64(maps), float64(final)/float64(maps))
	}
}

// fillFigures makes the two tables, each as it is after its merges: a day of spans, which is a
// partition, comes in one insert.
func fillFigures(t *testing.T, e *engine, n int) {
	e.must("CREATE DATABASE api")
	for _, statement := range append(eventSteps(t, "", ""), stringMaps, "SYSTEM STOP MERGES api.api_events") {
		e.must(statement)
	}
	start := time.Now()
	const part = 1_000_000
	for lo := 0; lo < n; lo += part {
		e.must(fmt.Sprintf(someEvents, lo, min(lo+part, n), n))
		t.Logf("%d events made in %v", min(lo+part, n), time.Since(start).Round(time.Second))
	}
	e.must("SYSTEM START MERGES api.api_events")
	e.must("OPTIMIZE TABLE api.api_events FINAL")
	t.Logf("merged in %v", time.Since(start).Round(time.Second))
	for d := range days {
		e.must(fmt.Sprintf(sameEvents, begin.AddDate(0, 0, d).Format(time.DateTime), begin.AddDate(0, 0, d+1).Format(time.DateTime)))
	}
	e.must(overMaps)
	t.Logf("as spans in %v", time.Since(start).Round(time.Second))
}

// best is the shortest of some times.
func best(e *engine, query string, params map[string]string) time.Duration {
	e.t.Helper()
	var list []time.Duration
	for range 3 {
		start := time.Now()
		e.rows(query, params)
		list = append(list, time.Since(start))
	}
	return slices.Min(list).Round(time.Millisecond)
}
