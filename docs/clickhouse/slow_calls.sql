-- Slow calls: those that took longest, with what leads to their trace.
SELECT
    time,
    service,
    method,
    route,
    path,
    status,
    duration_us / 1000 AS ms,
    consumer_id,
    trace_id,
    event_id
FROM api_events FINAL
WHERE direction = 'incoming' AND time >= {from:DateTime('UTC')} AND time < {to:DateTime('UTC')}
ORDER BY duration_us DESC, event_id
LIMIT 50
