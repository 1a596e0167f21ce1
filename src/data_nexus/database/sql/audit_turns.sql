-- Count by exchange the histories that an audit of so many calls would read.
SELECT exchange, count(*) AS assets
FROM (
    SELECT exchange
    FROM assets
    WHERE last_bar IS NOT NULL
      AND coalesce(read_whole_at, '-infinity'::timestamptz) < now() - %(audit_days)s * interval '1 day'
      AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
      AND is_active
      AND parked_at IS NULL
      AND retired_at IS NULL
    ORDER BY coalesce(read_whole_at, '-infinity'::timestamptz), id
    LIMIT %(calls)s
) AS turns
GROUP BY exchange
ORDER BY exchange;
