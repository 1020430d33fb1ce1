-- One row is one update of a user, company or subscription, or one action: what is not known is
-- empty, so the newest filled value of a column is what holds. `id` is that of the entity, or an
-- action's name.
CREATE TABLE IF NOT EXISTS {table}
(
    update_id UUID,
    id String CODEC(ZSTD(1)),
    time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    company_id String CODEC(ZSTD(1)),
    subscription_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    email String CODEC(ZSTD(1)),
    name String CODEC(ZSTD(1)),
    client_address String CODEC(ZSTD(1)),
    user_agent String CODEC(ZSTD(1)),
    company_domain String CODEC(ZSTD(1)),
    status LowCardinality(String),
    period_start Nullable(DateTime64(6, 'UTC')),
    period_end Nullable(DateTime64(6, 'UTC')),
    items String CODEC(ZSTD(1)),
    url String CODEC(ZSTD(1)),
    utm_source LowCardinality(String),
    utm_medium LowCardinality(String),
    utm_campaign LowCardinality(String),
    utm_term LowCardinality(String),
    utm_content LowCardinality(String),
    referrer String CODEC(ZSTD(1)),
    referring_domain LowCardinality(String),
    gclid String CODEC(ZSTD(1)),
    metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    service LowCardinality(String),
    environment LowCardinality(String),
    redaction_policy LowCardinality(String)
)
ENGINE = ReplacingMergeTree
ORDER BY (id, time, update_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'apispan schema 1'
