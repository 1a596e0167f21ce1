-- Let the discoveries of an exchange follow one another.
-- What follows compares whole lists: loops over them are never cheaper than hashes, though tables
-- that were just filled, without statistics yet, look as if they were.
SELECT pg_advisory_xact_lock(hashtext('discovery ' || current_schema()), hashtext(%(exchange)s)),
       set_config('enable_nestloop', 'off', true);
