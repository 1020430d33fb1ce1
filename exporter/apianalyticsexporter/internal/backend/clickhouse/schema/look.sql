-- What there is of a table: its columns, the version that its comment names, and its database.
SELECT CAST((groupArray(name), groupArray(type)), 'Map(String, String)') AS have
FROM
(
    SELECT name, type FROM system.columns WHERE database = '{database}' AND table = '{name}'
    UNION ALL
    SELECT '.version', extract(comment, '\\bapispan schema (\\d{1,4})\\b') FROM system.tables WHERE database = '{database}' AND name = '{name}'
    UNION ALL
    SELECT '.database', name FROM system.databases WHERE name = '{database}'
)
FORMAT JSONEachRow
