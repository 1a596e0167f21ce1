-- The moment of a symbol list: as given, else now, and never before the list read before it.
SELECT greatest(coalesce(%(moment)s::timestamptz, clock_timestamp()), max(moment))
FROM discoveries
WHERE exchange = %(exchange)s;
