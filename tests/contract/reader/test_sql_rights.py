"""`db.sql` reads tables and nothing else: no file and no program of the server's machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import data_nexus as nexus
from data_nexus.database.connection import PostgresConnection
from data_nexus.errors import UsageError
from data_nexus.research.sql_query import ask
from tests.support.postgres.tables import add_assets, execute, value

NAME = "somebody_s_own"


@pytest.fixture
def db(database_url: str) -> Iterator[nexus.Nexus]:
    with nexus.connect(database_url) as opened:
        yield opened


def escapes(mark: Path) -> dict[str, str]:
    """Statements that read, write or run something beyond the tables."""
    program = f"COPY (SELECT 1) TO PROGRAM 'touch {mark}'"
    return {
        "program": program,
        "file": f"COPY (SELECT 1) TO '{mark}'",
        "read": "SELECT pg_read_file('/etc/passwd')",
        "folder": "SELECT pg_ls_dir('/')",
        "import": "SELECT lo_import('/etc/passwd')",
        "do": f"DO $$ BEGIN RESET SESSION AUTHORIZATION; RESET ROLE; {program}; END $$",
        "role": f"DO $$ BEGIN SET ROLE nexus; EXECUTE $e$ {program} $e$; END $$",
        "user": "SELECT set_config('session_authorization', 'nexus', false),"
        " query_to_xml('SELECT pg_read_file(''/etc/passwd'')', true, false, '')",
        "setting": "SELECT set_config('role', 'nexus', false),"
        " query_to_xml('SELECT pg_read_file(''/etc/passwd'')', true, false, '')",
        "unicode": "SELECT U&\"set\\005fconfig\"('role', 'nexus', false),"
        " query_to_xml('SELECT pg_read_file(''/etc/passwd'')', true, false, '')",
        "library": "LOAD '/tmp/evil.so'",
        "table": "CREATE TABLE mine ()",
        "write": "SELECT setval('assets_id_seq', 1)",
        "catalog": "UPDATE pg_authid SET rolsuper = true",
        "comment": f"/* /* */ SELECT 1 */ {program}",
    }


KINDS = tuple(escapes(Path("x")))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_leads_out_of_the_embedded_server_s_tables(
    db: nexus.Nexus, tmp_path: Path, kind: str
) -> None:
    mark = tmp_path / "PWNED"
    tmp_path.chmod(0o777)
    with pytest.raises(UsageError):
        db.sql(escapes(mark)[kind])
    assert not mark.exists()


def test_sql_reads_all_tables_of_the_embedded_server(db: nexus.Nexus, database_url: str) -> None:
    add_assets(database_url, "A", "B")
    for _ in range(2):
        assert db.sql("SELECT count(*) AS n FROM assets")["n"].to_pylist() == [2]
    assert db.sql("SELECT session_user::text AS u")["u"].to_pylist() == ["nexus_reader"]


@pytest.mark.parametrize("table", ["pg_authid", "pg_shadow", "pg_statistic", "pg_largeobject"])
def test_sql_does_not_read_the_embedded_server_s_secrets(
    db: nexus.Nexus, database_url: str, table: str
) -> None:
    """Also where an earlier version has given its user the right to read everything."""
    execute(
        database_url,
        "DO $$ BEGIN CREATE ROLE nexus_reader LOGIN;"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        "GRANT pg_read_all_data TO nexus_reader",
    )
    with pytest.raises(UsageError, match=f"permission denied for (table|view) {table}"):
        db.sql(f"SELECT * FROM {table}")  # noqa: S608 - the test's own


def test_sql_reads_a_table_that_was_made_since(db: nexus.Nexus, database_url: str) -> None:
    db.sql("SELECT 1 AS one")
    execute(database_url, "CREATE SCHEMA mine", "CREATE TABLE mine.notes AS SELECT 7 AS n")
    assert db.sql("SELECT n FROM mine.notes")["n"].to_pylist() == [7]


@pytest.fixture
def foreign(database_url: str) -> Iterator[str]:
    """The same server by a user that does not look like the embedded one's: no superuser."""
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(f"DROP ROLE IF EXISTS {NAME}")
        owner.execute(f"CREATE ROLE {NAME} LOGIN IN ROLE pg_read_all_data")
        yield database_url.replace("//nexus@", f"//{NAME}@")
        owner.execute(f"DROP OWNED BY {NAME}; DROP ROLE {NAME}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_user_of_another_server_with_rights_to_its_files_puts_them_off(
    foreign: str, database_url: str, tmp_path: Path, kind: str
) -> None:
    grant = "pg_read_server_files, pg_write_server_files, pg_execute_server_program"
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(f"GRANT {grant} TO {NAME}")
    mark = tmp_path / "PWNED"
    tmp_path.chmod(0o777)
    database = PostgresConnection(foreign)
    with pytest.raises(UsageError):
        ask(database, escapes(mark)[kind])
    assert not mark.exists()
    assert ask(database, "SELECT count(*) AS n FROM assets")["n"].to_pylist() == [0]


def test_a_user_that_cannot_put_its_rights_off_gets_no_sql(foreign: str, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(f"REVOKE pg_read_all_data FROM {NAME}")
        owner.execute(f"GRANT pg_execute_server_program TO {NAME}")
    with pytest.raises(UsageError, match="connect as a user that can only read"):
        ask(PostgresConnection(foreign), "SELECT 1 AS one")


def test_an_ordinary_user_of_another_server_keeps_its_own_rights(
    foreign: str, database_url: str
) -> None:
    database = PostgresConnection(foreign)
    assert ask(database, "SELECT session_user::text AS u")["u"].to_pylist() == [NAME]
    with pytest.raises(UsageError, match="read-only"):
        ask(database, "CREATE TABLE mine ()")
    assert value(database_url, "SELECT to_regclass('mine')") is None
