-- Consumers: who calls how much, with how many errors and bytes, and when last.
SELECT
    consumer_id,
    argMax(company_id, (time, event_id)) AS company,
    sum(weight) AS calls,
    sumIf(weight, status >= 400) / calls AS error_share,
    sum(weight * (ifNull(request_size, 0) + ifNull(response_size, 0))) AS bytes,
    uniqExact(service, method, route) AS endpoints,
    max(time) AS last_call
FROM api_events FINAL
WHERE direction = 'incoming' AND consumer_id != '' AND time >= {from:DateTime('UTC')} AND time < {to:DateTime('UTC')}
GROUP BY consumer_id
ORDER BY calls DESC, consumer_id
LIMIT 100
