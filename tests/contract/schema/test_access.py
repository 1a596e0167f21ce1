"""A database that a command cannot work with is refused at its start, with what to change."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from data_nexus.database.connection import SESSION_SETTINGS, PostgresConnection
from data_nexus.database.models import VIEWS as MADE_VIEWS
from data_nexus.database.models import Tables
from data_nexus.database.pool import open_pool
from data_nexus.database.store import open_store
from data_nexus.database.upgrade import TABLES, VIEWS, check_schema, upgrade
from data_nexus.errors import SchemaMismatch, StorageDamaged, StorageUnavailable, StorageUnfit
from tests.support.postgres.database import Cluster
from tests.support.postgres.pooler import pooler_before
from tests.support.postgres.tables import add_assets, execute, rows, value


@pytest.fixture
def reader_url(database_url: str) -> Iterator[str]:
    """The database as a role sees it that may read and nothing else."""
    execute(
        database_url,
        "DROP ROLE IF EXISTS looks",
        "CREATE ROLE looks LOGIN",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO looks",
    )
    yield database_url.replace("//nexus@", "//looks@")
    execute(database_url, "DROP OWNED BY looks", "DROP ROLE looks")


def test_all_tables_are_looked_at() -> None:
    assert sorted(TABLES) == sorted(table.name for table in Tables.metadata.sorted_tables)


def test_who_may_not_write_is_given_the_statements_that_change_it(
    reader_url: str, database_url: str
) -> None:
    check_schema(reader_url, writes=False)
    with pytest.raises(StorageUnfit, match="the role looks may not write") as refused:
        check_schema(reader_url)
    grants = str(refused.value).partition("run as its owner: ")[2].split("; ")
    assert "GRANT INSERT, UPDATE, DELETE ON public.market_data TO looks" in grants
    assert len(grants) == len(TABLES)
    with psycopg.connect(database_url) as owner:
        for grant in grants:
            owner.execute(grant.encode())
    check_schema(reader_url)


def test_who_may_make_no_temporary_table_is_told_so(reader_url: str, database_url: str) -> None:
    name = value(database_url, "SELECT current_database()")
    with psycopg.connect(database_url) as owner:
        owner.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO looks")
        take = sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC")
        owner.execute(take.format(sql.Identifier(name)))
    with pytest.raises(StorageUnfit, match=f"GRANT TEMPORARY ON DATABASE {name} TO looks$"):
        check_schema(reader_url)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "ALTER TABLE market_data DROP CONSTRAINT market_data_pkey",
            "primary key of public.market",
        ),
        ("DROP VIEW bars", "view public.bars"),
        ("DROP VIEW queued_assets", "view public.queued_assets"),
    ],
)
def test_a_key_or_a_view_that_is_gone_is_named(
    database_url: str, statement: LiteralString, named: str
) -> None:
    execute(database_url, statement)
    with pytest.raises(StorageUnfit, match=rf"the {named}.* is gone; restore a backup"):
        check_schema(database_url)


def test_all_views_are_looked_at() -> None:
    assert sorted(VIEWS) == sorted(MADE_VIEWS)


def test_a_table_that_is_gone_is_named(database_url: str) -> None:
    execute(database_url, "DROP TABLE rejected_rows")
    with pytest.raises(StorageUnfit, match=r"public\.rejected_rows are gone; restore a backup"):
        check_schema(database_url)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_another_encoding_is_refused_before_anything_is_made(
    cluster: Cluster, encoding: str
) -> None:
    name = f"of_{encoding.lower()}"
    with psycopg.connect(cluster.url, autocommit=True) as owner:
        make = sql.SQL(
            "CREATE DATABASE {} ENCODING {} LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        )
        owner.execute(make.format(sql.Identifier(name), sql.Literal(encoding)))
        try:
            for act in (upgrade, check_schema):
                with pytest.raises(StorageUnfit, match=f"encoding is {encoding}, UTF8 is needed"):
                    act(cluster.url_of(name))
            assert (
                value(
                    cluster.url_of(name),
                    "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'",
                )
                == 0
            )
        finally:
            owner.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_a_caller_s_encoding_changes_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_assets(database_url, "A", name="Łódź")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with PostgresConnection(database_url).connect() as connection:
        assert connection.execute("SELECT name FROM assets").fetchall() == [("Łódź",)]


@pytest.mark.parametrize(
    ("switches", "keeps_options"), [(True, True), (False, False), (True, False)]
)
def test_a_pooler_of_transactions_is_refused(
    database_url: str, *, switches: bool, keeps_options: bool
) -> None:
    with (
        pooler_before(database_url, switches=switches, keeps_options=keeps_options) as url,
        pytest.raises(StorageUnfit, match="let it pool sessions, or name the server itself"),
    ):
        check_schema(url, writes=False)


def test_settings_of_the_role_are_not_those_of_a_session(database_url: str) -> None:
    """Whoever gives a role what a pooler ignores has each transaction in another session still."""
    settings = SESSION_SETTINGS | {"search_path": "public"}
    role = f"ALTER ROLE CURRENT_USER IN DATABASE {value(database_url, 'SELECT current_database()')}"
    execute(database_url, *(f"{role} SET {name} = '{each}'" for name, each in settings.items()))
    with (
        pooler_before(database_url, switches=False, keeps_options=False) as url,
        pytest.raises(StorageUnfit, match="let it pool sessions"),
    ):
        check_schema(url, writes=False)


def test_a_pooler_of_sessions_is_fine(database_url: str) -> None:
    with pooler_before(database_url, switches=False, keeps_options=True) as url:
        check_schema(url)


def test_what_a_pool_failed_at_is_named(reader_url: str) -> None:
    async def wait() -> None:
        async with open_pool(reader_url, "public", 1, configure, wait_sec=0.5) as pool:
            await pool.execute("hold_presence", {"owner": 1})

    async def configure(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        await connection.execute("CREATE TABLE public.mine ()")

    with pytest.raises(StorageUnfit, match=r"no connection within 0\.5 seconds: permission denied"):
        asyncio.run(wait())


def test_a_right_that_is_lost_in_mid_load_ends_with_the_grant(
    reader_url: str, database_url: str
) -> None:
    execute(database_url, "GRANT ALL ON ALL TABLES IN SCHEMA public TO looks")

    async def start() -> None:
        async with open_store(reader_url, "public", 1, lease_sec=60) as store:
            execute(database_url, "REVOKE INSERT ON runs FROM looks")
            await store.runs.start("backfill")

    with pytest.raises(StorageUnfit, match="permission denied for table runs; run as its owner"):
        asyncio.run(start())


def test_a_session_says_what_the_database_lacks_and_leaves_mistakes_as_they_are(
    reader_url: str,
) -> None:
    database = PostgresConnection(reader_url)
    with pytest.raises(StorageUnfit, match="GRANT"), database.get_session() as session:
        session.execute(text("DELETE FROM assets"))
    with pytest.raises(ProgrammingError), database.get_session() as session:
        session.execute(text("SELECT 1 FROM no_such_table"))
    database.close()
    lost = PostgresConnection("postgresql://x@127.0.0.1:1/none")
    with pytest.raises(StorageUnavailable, match="refused"), lost.get_session() as session:
        session.execute(text("SELECT 1"))


def test_a_lock_of_somebody_s_is_no_bug(database_url: str) -> None:
    database = PostgresConnection(database_url)
    with psycopg.connect(database_url) as holder, database.connect() as waiting:
        holder.execute("LOCK assets IN ACCESS EXCLUSIVE MODE")
        waiting.execute("SET lock_timeout = 10")
        with pytest.raises(psycopg.errors.LockNotAvailable) as refused:
            waiting.execute("SELECT 1 FROM assets")
        waiting.rollback()

    def run() -> None:
        with database.connect():
            raise refused.value

    with pytest.raises(StorageUnavailable, match="another session has locked it"):
        run()


def test_a_damaged_page_is_no_bug(cluster: Cluster, database_url: str) -> None:
    add_assets(database_url, *(f"A{n}" for n in range(400)))
    path = value(database_url, "SELECT pg_relation_filepath('assets')")
    with cluster.fresh_database(filled=database_url) as copy:
        name = copy.rpartition("/")[2].partition("?")[0]
        oid = value(cluster.url, "SELECT oid::text FROM pg_database WHERE datname = %s", name)
        folder = Path(value(cluster.url, "SHOW data_directory"))
        # Nobody has read the copy: no page of it is in the server's memory.
        file = os.open(folder / "base" / oid / Path(path).name, os.O_WRONLY)
        os.pwrite(file, b"\xff" * 64, 8192 + 4000)
        os.close(file)
        database = PostgresConnection(copy)
        with pytest.raises(StorageDamaged, match="restore a backup"), database.connect() as reading:
            reading.execute("SELECT sum(length(symbol)) FROM assets")


def test_a_server_that_only_reads_is_read(database_url: str) -> None:
    add_assets(database_url, "A")
    with psycopg.connect(database_url) as owner:
        name = sql.Identifier(owner.info.dbname)
        only = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on")
        owner.execute(only.format(name))
    check_schema(database_url, writes=False)
    with pytest.raises(SchemaMismatch, match="DATABASE_URL must name the primary server"):
        check_schema(database_url)
    assert rows(database_url, "SELECT symbol FROM assets") == [("A",)]
