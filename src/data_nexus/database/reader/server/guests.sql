-- name: admit_guests
-- Let the reading user of the embedded server log in by a password, whose verifier is in a setting
-- of this transaction, with a bounded number of connections; its transactions begin as reading ones.
DO $$
BEGIN
    EXECUTE format(
        'ALTER ROLE nexus_reader LOGIN CONNECTION LIMIT 40 PASSWORD %L',
        current_setting('nexus.verifier')
    );
    EXECUTE format(
        'ALTER ROLE nexus_reader IN DATABASE %I SET search_path = %I',
        current_database(), current_setting('nexus.schema')
    );
    ALTER ROLE nexus_reader SET default_transaction_read_only = on;
END
$$

-- name: note_guests
-- Hand over what the statement that admits guests needs, for this transaction.
SELECT set_config('nexus.verifier', %(verifier)s, true),
       set_config('nexus.schema', %(schema)s, true)

-- name: dismiss_guests
-- Take the password back; who came by it is cut off by the next statement.
ALTER ROLE nexus_reader PASSWORD NULL

-- name: cut_guests
-- End the sessions that came by the loopback address.
SELECT count(pg_terminate_backend(pid))
FROM pg_stat_activity
WHERE usename = 'nexus_reader' AND client_addr IS NOT NULL
