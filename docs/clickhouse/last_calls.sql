-- A consumer's last calls, with what was asked and answered. LIMIT BY leaves repeats out, for less than
-- FINAL where few rows are left.
SELECT
    time,
    service,
    method,
    route,
    path,
    query,
    status,
    duration_us / 1000 AS ms,
    request_headers['user-agent'] AS user_agent,
    request_body,
    response_body,
    event_id
FROM api_events
WHERE consumer_id = {consumer:String} AND time >= {from:DateTime('UTC')} AND time < {to:DateTime('UTC')}
ORDER BY time DESC, event_id
LIMIT 1 BY event_id
LIMIT 50
