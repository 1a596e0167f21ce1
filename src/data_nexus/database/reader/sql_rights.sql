-- name: read_rights
-- What the session may do beyond reading tables: whether it is a superuser's, whether its user may
-- reach files and programs of the server, whether the server is the embedded one, and whether that
-- has its reading user already, with a right to each table but the system's and to no more.
SELECT current_setting('is_superuser') = 'on' AS is_superuser,
       pg_has_role(session_user, 'pg_read_server_files', 'MEMBER')
       OR pg_has_role(session_user, 'pg_write_server_files', 'MEMBER')
       OR pg_has_role(session_user, 'pg_execute_server_program', 'MEMBER') AS reaches_server,
       current_setting('cluster_name') = 'data-nexus' AND inet_server_addr() IS NULL AS is_embedded,
       EXISTS (
           SELECT FROM pg_roles r
           WHERE rolname = 'nexus_reader'
             AND NOT pg_has_role(r.oid, 'pg_read_all_data', 'MEMBER')
             AND NOT EXISTS (
                 SELECT FROM pg_class c
                 JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
                   AND n.nspname !~ '^pg_|^information_schema$'
                   AND NOT (has_schema_privilege(r.oid, n.oid, 'USAGE')
                            AND has_table_privilege(r.oid, c.oid, 'SELECT'))
             )
       ) AS has_reading_user

-- name: create_reading_user
-- Create the user of the embedded server that can read tables and nothing else, or give it what it
-- lacks. The system's own tables are left out: with pg_read_all_data it could read password hashes.
DO $$
DECLARE
    place name;
BEGIN
    PERFORM pg_advisory_xact_lock(7311969);
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'nexus_reader') THEN
        BEGIN
            CREATE ROLE nexus_reader LOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
    IF pg_has_role('nexus_reader', 'pg_read_all_data', 'MEMBER') THEN
        REVOKE pg_read_all_data FROM nexus_reader;
    END IF;
    FOR place IN
        SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$'
    LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO nexus_reader', place);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO nexus_reader', place);
    END LOOP;
END
$$

-- name: become_reader
-- Give up, for a transaction, all rights but those to read tables.
SET LOCAL ROLE pg_read_all_data
