-- The moment that a transaction sees, whatever is written meanwhile.
SELECT now();
