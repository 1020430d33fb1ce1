-- Endpoints: calls, error share and how long they took.
SELECT
    service,
    method,
    route,
    calls,
    errors / calls AS error_share,
    q[1] / 1000 AS p50_ms,
    q[2] / 1000 AS p95_ms,
    q[3] / 1000 AS p99_ms
FROM
(
    SELECT
        service,
        method,
        route,
        sum(weight) AS calls,
        sumIf(weight, status >= 500 OR status = 0) AS errors,
        quantilesExactWeighted(0.5, 0.95, 0.99)(duration_us, weight) AS q
    FROM api_events FINAL
    WHERE direction = 'incoming' AND time >= {from:DateTime('UTC')} AND time < {to:DateTime('UTC')}
    GROUP BY service, method, route
)
ORDER BY calls DESC, service, method, route
LIMIT 100
