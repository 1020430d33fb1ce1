-- Adoption of a route: by day, who has called it, who for the first time, and what share of all
-- consumers of that day they are.
WITH first AS
(
    SELECT consumer_id, min(toDate(time)) AS day
    FROM api_events
    WHERE direction = 'incoming' AND consumer_id != '' AND route = {route:String} AND time < {to:DateTime('UTC')}
    GROUP BY consumer_id
)
SELECT
    toDate(time) AS day,
    uniqExactIf(consumer_id, route = {route:String}) AS consumers,
    uniqExactIf(consumer_id, route = {route:String} AND (consumer_id, toDate(time)) IN (SELECT consumer_id, day FROM first)) AS new_consumers,
    sumIf(weight, route = {route:String}) AS calls,
    consumers / uniqExact(consumer_id) AS share
FROM api_events FINAL
WHERE direction = 'incoming' AND consumer_id != '' AND time >= {from:DateTime('UTC')} AND time < {to:DateTime('UTC')}
GROUP BY day
ORDER BY day
