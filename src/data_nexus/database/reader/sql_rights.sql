-- name: read_rights
-- What the session may do beyond reading tables: whether it is a superuser's, whether its user may
-- reach files and programs of the server, whether the server is the embedded one, and whether that
-- has its reading user already.
SELECT current_setting('is_superuser') = 'on' AS is_superuser,
       pg_has_role(session_user, 'pg_read_server_files', 'MEMBER')
       OR pg_has_role(session_user, 'pg_write_server_files', 'MEMBER')
       OR pg_has_role(session_user, 'pg_execute_server_program', 'MEMBER') AS reaches_server,
       current_setting('cluster_name') = 'data-nexus' AND inet_server_addr() IS NULL AS is_embedded,
       EXISTS (SELECT FROM pg_roles WHERE rolname = 'nexus_reader') AS has_reading_user

-- name: create_reading_user
-- Create the user of the embedded server that can read tables and nothing else; it may be there.
DO $$
BEGIN
    CREATE ROLE nexus_reader LOGIN IN ROLE pg_read_all_data;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$

-- name: become_reader
-- Give up, for a transaction, all rights but those to read tables.
SET LOCAL ROLE pg_read_all_data
