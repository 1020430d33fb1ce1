-- New consumers: those whose first call ever, as far as it is kept, is in the interval.
SELECT
    consumer_id,
    min(time) AS first_call,
    argMin((method, route), (time, event_id)) AS first_endpoint,
    sum(weight) AS calls
FROM api_events FINAL
WHERE direction = 'incoming' AND consumer_id != '' AND time < {to:DateTime('UTC')}
GROUP BY consumer_id
HAVING first_call >= {from:DateTime('UTC')}
ORDER BY first_call, consumer_id
LIMIT 100
