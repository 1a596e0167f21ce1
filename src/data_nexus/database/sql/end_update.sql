-- Let others update the exchange in bulk.
SELECT pg_advisory_unlock(hashtext('update'), hashtext(current_schema() || '.' || %(exchange)s));
