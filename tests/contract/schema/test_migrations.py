"""The migrations, the models and what `alembic` makes are one and the same schema."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg import sql

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.models import VIEWS, Tables
from data_nexus.database.upgrade import check_schema, upgrade
from data_nexus.errors import SchemaMismatch, StorageUnfit
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute, rows, snapshot, value
from tests.support.source import ROOT

CATALOGUE = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attidentity, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
          AND a.attnum > 0 AND c.relname <> 'alembic_version'
        ORDER BY c.relname, a.attnum""",
    # What a migration has not checked of old rows (NOT VALID) is checked of new ones all the same.
    "constraints": """
        SELECT conrelid::regclass::text, conname,
               replace(pg_get_constraintdef(oid), ' NOT VALID', '')
        FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
          AND conrelid::regclass::text <> 'alembic_version'
        ORDER BY 1, 2""",
    "indexes": """
        SELECT tablename, indexname, indexdef
        FROM pg_indexes
        WHERE schemaname = 'public' AND tablename <> 'alembic_version'
        ORDER BY 1, 2""",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
    "comments": """
        SELECT relname, obj_description(oid, 'pg_class')
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
          AND relname <> 'alembic_version'
        ORDER BY 1""",
}


@pytest.fixture
def blank_url(database_url: str) -> str:
    """A database without any table."""
    execute(database_url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    return database_url


@pytest.fixture
def modelled_url(cluster: Cluster) -> Iterator[str]:
    """A database with the tables that the models make."""
    with cluster.fresh_database() as url:
        execute(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        database = PostgresConnection(url)
        with database.engine.begin() as connection:
            Tables.metadata.create_all(connection)
            for view in VIEWS.values():
                connection.exec_driver_sql(view)
        database.close()
        yield url


# SQLAlchemy hands on NOT VALID of what it reads, and does not take it back.
@pytest.mark.filterwarnings("ignore:Can't validate argument 'dialect_options'")
def test_alembic_finds_nothing_that_the_migrations_lack(database_url: str) -> None:
    database = PostgresConnection(database_url)
    options = {"compare_type": True, "compare_server_default": True}
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Tables.metadata) == []
    database.close()


@pytest.mark.parametrize("part", CATALOGUE)
def test_models_and_migrations_make_the_same_catalogue(
    database_url: str, modelled_url: str, part: str
) -> None:
    with psycopg.connect(database_url) as migrated, psycopg.connect(modelled_url) as modelled:
        found = migrated.execute(CATALOGUE[part].encode()).fetchall()
        assert found
        assert found == modelled.execute(CATALOGUE[part].encode()).fetchall()


def test_no_foreign_key_leaves_a_table_and_each_large_key_begins_with_the_asset(
    database_url: str,
) -> None:
    """A Citus cluster could hold neither otherwise."""
    assert value(database_url, "SELECT count(*) FROM pg_constraint WHERE contype = 'f'") == 0
    keys: dict[str, str] = dict(
        rows(
            database_url,
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE contype = 'p' AND connamespace = 'public'::regnamespace"
            " AND conrelid::regclass::text NOT IN"
            " ('assets', 'runs', 'quota_ledger', 'workers', 'alembic_version', 'refusals',"
            " 'discoveries', 'rechecked_sessions', 'learned_sessions', 'exchange_requests',"
            " 'watchlists', 'watched_assets', 'follows', 'jobs', 'job_runs', 'vendor_exchanges',"
            " 'coverage_years', 'alerts', 'alert_messages', 'alert_silences')",
        )
    )
    assert len(keys) == 14
    assert [key for key in keys.values() if not key.startswith("PRIMARY KEY (asset_id")] == []


def alembic(*arguments: str, url: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=folder,
        env=os.environ | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_alembic_upgrade_head_works_from_the_project(blank_url: str) -> None:
    done = alembic("upgrade", "head", url=blank_url)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    check_schema(blank_url)
    assert re.search(r"^\w+ \(head\)$", alembic("current", url=blank_url).stdout, re.MULTILINE)
    assert alembic("check", url=blank_url).returncode == 0


def test_yields_whose_rows_an_older_version_rejected_are_read_again(blank_url: str) -> None:
    assert alembic("upgrade", "0011", url=blank_url).returncode == 0
    for code, exchange in (("DE10Y", "GBOND"), ("CL", "COMM"), ("A", "US"), ("TNX", "INDX")):
        add_assets(blank_url, code, exchange=exchange)
    put = "INSERT INTO rejected_rows (asset_id, rule, excerpt) VALUES (%s, %s, '')"
    for asset_id, rule in ((1, "close is above zero"), (2, "date is readable")):
        rows(blank_url, put, asset_id, rule)
    for asset_id in (3, 4):
        rows(blank_url, put, asset_id, "prices are not negative")
    upgrade(blank_url)
    read = "SELECT symbol FROM assets WHERE repair_wanted_at IS NOT NULL ORDER BY 1"
    assert rows(blank_url, read) == [("DE10Y",), ("TNX",)]


def test_when_an_older_database_read_its_histories_is_told_by_its_log(blank_url: str) -> None:
    """Or, where the log has lost it, by the asset's own age; what was never loaded has none."""
    assert alembic("upgrade", "0005", url=blank_url).returncode == 0
    add_assets(blank_url, "LOGGED", "LOST", created_at="2025-01-01", last_bar="2026-01-02")
    add_assets(blank_url, "NEW")
    log = (
        "INSERT INTO sync_log (asset_id, fence, outcome, window_first, window_last, received,"
        " inserted, revised, unchanged, rejected, calls, requests, committed_at)"
        " VALUES (1, %s, 'stored', %s, '2026-01-02', 1, 1, 0, 0, 0, 1, 1, %s)"
    )
    for fence, (first, moment) in enumerate(
        [("1700-01-01", "2025-03-01"), ("1700-01-01", "2025-04-01"), ("2025-12-01", "2026-01-02")]
    ):
        rows(blank_url, log, fence, first, moment)
    upgrade(blank_url)
    read = "SELECT symbol, read_whole_at::date::text FROM assets ORDER BY id"
    expected = [("LOGGED", "2025-04-01"), ("LOST", "2025-01-01"), ("NEW", None)]
    assert rows(blank_url, read) == expected


def test_an_upgrade_of_a_database_of_this_version_writes_nothing(database_url: str) -> None:
    add_assets(database_url, "A")
    before = snapshot(database_url)
    upgrade(database_url)
    assert snapshot(database_url) == before


def test_an_upgrade_marks_whose_bars_show_that_there_are_actions(blank_url: str) -> None:
    """They were loaded before anything marked them; the oldest bar is adjusted for everything."""
    assert alembic("upgrade", "0005", url=blank_url).returncode == 0
    execute(
        blank_url,
        "INSERT INTO assets (symbol, exchange)"
        " VALUES ('PLAIN', 'US'), ('PAYS', 'US'), ('NEW', 'US')",
        "INSERT INTO market_data SELECT id, day, 9, 9, 9, 9,"
        " CASE WHEN symbol = 'PAYS' AND day = '2024-01-02' THEN 8.5 ELSE 9.0002 END, 0 FROM assets,"
        " unnest(ARRAY['2024-01-02', '2024-01-03']::date[]) AS day WHERE symbol <> 'NEW'",
    )
    upgrade(blank_url)
    marked = "SELECT symbol FROM assets WHERE actions_wanted_at <= now()"
    assert rows(blank_url, marked) == [("PAYS",)]


def test_actions_from_before_their_revisions_count_as_told_so_since_they_are_known(
    blank_url: str,
) -> None:
    assert alembic("upgrade", "0008", url=blank_url).returncode == 0
    execute(
        blank_url,
        "INSERT INTO splits VALUES (1, '2024-01-02', 4, 1, '2024-01-03')",
        "INSERT INTO dividends (asset_id, date, value, stored_at)"
        " VALUES (1, '2024-01-02', 1, '2024-01-04')",
    )
    upgrade(blank_url)
    reported = (
        "SELECT reported_at::date::text FROM splits"
        " UNION SELECT reported_at::date::text FROM dividends"
    )
    assert sorted(rows(blank_url, reported)) == [("2024-01-03",), ("2024-01-04",)]


def test_an_upgrade_heals_dates_that_no_command_can_read(blank_url: str) -> None:
    assert alembic("upgrade", "0014", url=blank_url).returncode == 0
    moment = "2026-01-02 12:00+00"
    add_assets(blank_url, "SOUND", last_bar="2026-01-02", last_synced=moment)
    for column in ("last_bar", "synced_through", "last_synced", "read_whole_at", "created_at"):
        add_assets(blank_url, column.upper(), **{"last_synced": moment, column: "infinity"})
    add_assets(blank_url, "PARKED", parked_at="-infinity")
    execute(
        blank_url,
        "INSERT INTO market_data SELECT id, '2026-01-05', 1, 1, 1, 1, 1, 1 FROM assets",
        "INSERT INTO market_data VALUES (2, 'infinity', 1, 1, 1, 1, 1, 1)",
        "INSERT INTO quota_ledger VALUES ('x', 'infinity', 9, 9, 0, true, 1, '-infinity')",
        "INSERT INTO suspicions VALUES (1, '', '-infinity', now(), 0, 'infinity')",
    )
    upgrade(blank_url)
    read = "SELECT last_bar::text, repair_wanted_at IS NOT NULL FROM assets ORDER BY id"
    healed = [("2026-01-05", True)] * 6
    assert rows(blank_url, read) == [("2026-01-02", False), *healed]
    dates = "SELECT day, next_slot, reported_at, spent, refused FROM quota_ledger"
    ((day, next_slot, *others),) = rows(blank_url, dates)
    assert (day, others) == (next_slot.date(), [None, 0, False])
    assert rows(blank_url, "SELECT * FROM assets WHERE id > 1 AND last_synced <> %s", moment) == []
    assert value(blank_url, "SELECT count(*) FROM assets WHERE parked_at IS NOT NULL") == 1
    assert value(blank_url, "SELECT session FROM suspicions") == day


def test_upgrades_at_the_same_moment_make_the_tables_once(blank_url: str) -> None:
    failures: list[BaseException] = []

    def attempt() -> None:
        try:
            upgrade(blank_url)
        except BaseException as failure:  # noqa: BLE001 - whatever it is, the test tells it
            failures.append(failure)

    threads = [threading.Thread(target=attempt) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    check_schema(blank_url)


def test_the_tables_may_live_in_a_schema_of_their_own(blank_url: str) -> None:
    upgrade(blank_url, "prices_2")
    check_schema(blank_url, "prices_2")
    found = rows(blank_url, "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = 'assets'")
    assert found == [("prices_2",)]
    with pytest.raises(SchemaMismatch, match="nexus db upgrade"):
        check_schema(blank_url)


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        ("0001", "run: nexus db upgrade"),
        ("0000", "does not know; restore a backup"),
        ("9999", "install a newer data-nexus"),
        (None, "does not name one version"),
    ],
)
def test_tables_of_another_version_are_refused_with_the_remedy(
    database_url: str, version: str | None, remedy: str
) -> None:
    if version is None:
        execute(database_url, "DELETE FROM alembic_version")
    else:
        rows(database_url, "UPDATE alembic_version SET version_num = %s", version)
    with pytest.raises(SchemaMismatch, match=remedy):
        check_schema(database_url)
    if version != "0001":
        with pytest.raises(SchemaMismatch, match=remedy):
            upgrade(database_url)


def test_tables_that_no_version_made_are_not_taken_for_ours(database_url: str) -> None:
    execute(database_url, "DROP TABLE alembic_version")
    with pytest.raises(StorageUnfit, match="already exists; the tables are not those of this"):
        upgrade(database_url)


def test_a_read_only_server_is_refused(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name)
        )
    with pytest.raises(SchemaMismatch, match="read-only"):
        check_schema(database_url)


@pytest.fixture
def powerless_url(database_url: str) -> Iterator[str]:
    """The database as a role sees it that may do nothing there."""
    execute(
        database_url,
        "DROP ROLE IF EXISTS powerless",
        "CREATE ROLE powerless LOGIN",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    )
    yield database_url.replace("//nexus@", "//powerless@")
    execute(database_url, "DROP ROLE powerless")


def test_a_role_without_rights_is_told_so(powerless_url: str) -> None:
    with pytest.raises(StorageUnfit, match=r"permission denied .* GRANT USAGE"):
        check_schema(powerless_url)


def test_a_role_that_may_make_no_tables_is_told_so(powerless_url: str) -> None:
    with pytest.raises(StorageUnfit, match=r"permission denied .* GRANT CREATE ON DATABASE"):
        upgrade(powerless_url, "elsewhere")
