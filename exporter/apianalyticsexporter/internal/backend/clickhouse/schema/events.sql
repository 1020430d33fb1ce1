-- One row is one exchange (RFC 9110: a request and its response). Empty text means unknown.
CREATE TABLE IF NOT EXISTS {table}
(
    event_id UUID,
    time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    service LowCardinality(String),
    service_version LowCardinality(String),
    environment LowCardinality(String),
    api_version LowCardinality(String),
    direction LowCardinality(String),
    method LowCardinality(String),
    scheme LowCardinality(String),
    protocol LowCardinality(String),
    host LowCardinality(String),
    route LowCardinality(String),
    path String CODEC(ZSTD(1)),
    query String CODEC(ZSTD(1)),
    status UInt16,
    duration_us UInt64 CODEC(T64, ZSTD(1)),
    request_size Nullable(UInt64) CODEC(T64, ZSTD(1)),
    response_size Nullable(UInt64) CODEC(T64, ZSTD(1)),
    consumer_id String CODEC(ZSTD(1)),
    consumer_label String CODEC(ZSTD(1)),
    consumer_email String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    user_name String CODEC(ZSTD(1)),
    user_email String CODEC(ZSTD(1)),
    company_id String CODEC(ZSTD(1)),
    subscription_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    client_address String CODEC(ZSTD(1)),
    user_agent String CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    parent_span_id String CODEC(ZSTD(1)),
    weight UInt64 CODEC(T64, ZSTD(1)),
    blocked_by LowCardinality(String),
    request_headers Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    response_headers Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    request_body String CODEC(ZSTD(3)){body_ttl},
    request_body_encoding LowCardinality(String),
    request_body_truncated Bool,
    response_body String CODEC(ZSTD(3)){body_ttl},
    response_body_encoding LowCardinality(String),
    response_body_truncated Bool,
    metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    shed_bodies Bool,
    shed_headers Bool,
    shed_url Bool,
    shed_metadata Bool,
    shed_fields Bool,
    redaction_policy LowCardinality(String),
    redaction_count UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
PRIMARY KEY (service, environment, route, method, time)
ORDER BY (service, environment, route, method, time, event_id)
{ttl}SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'apispan schema 1'

-- What a path does that serves many ("tools/call get_user"), and indexes for looking things up.
ALTER TABLE {table}
    ADD COLUMN IF NOT EXISTS operation LowCardinality(String) AFTER route,
    ADD INDEX IF NOT EXISTS by_event event_id TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_consumer consumer_id TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_user user_id TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_company company_id TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_session session_id TYPE bloom_filter(0.01) GRANULARITY 1;
ALTER TABLE {table} MODIFY COMMENT 'apispan schema 2'
