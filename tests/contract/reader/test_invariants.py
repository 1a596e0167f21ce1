"""What a database says of itself is checked against its rows: a breach of any promise is named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import embedded_server, remove
from data_nexus.database.embedded.directory import cluster_folder
from data_nexus.database.reader.invariants import (
    BARS_ARE_LOGGED,
    INVARIANTS,
    NONE_WAITS,
    SAMPLE_IS_EXPLAINED,
    inspect_database,
    note_damaged,
)
from data_nexus.database.reader.table_reads import require_readable
from data_nexus.database.upgrade import upgrade
from data_nexus.domain.adjustment.findings import Verdict
from data_nexus.errors import StorageDamaged
from data_nexus.research.sql_query import ask
from tests.support.postgres.embedded import lay_cluster
from tests.support.postgres.tables import add_assets, execute, rows, value
from tests.support.postgres.workers import Worker, bars_from, batch_for, worker_on

DAY = date(2024, 1, 2)
CURSOR, SUMS, LOG, FENCES = (each.name for each in INVARIANTS)


def fill(worker: Worker, url: str, *codes: str) -> list[int]:
    """Assets with four unadjusted bars each."""
    ids = add_assets(url, *codes, currency="USD")
    bars = bars_from(DAY, 1.0, 2.0, 3.0, 4.0)
    plain = replace(bars, adjusted_close=bars.close)
    batches = [batch_for(lease, plain) for lease in worker.claim(days_old=0)]
    worker.commit(*(replace(each, verdict=Verdict(wants_actions=False)) for each in batches))
    return ids


@pytest.fixture
def ids(worker: Worker, database_url: str) -> list[int]:
    return fill(worker, database_url, "A", "B", "C")


def broken(url: str) -> dict[str, tuple[int, ...]]:
    """The invariants that are broken, with their assets."""
    found = inspect_database(PostgresConnection(url), sample=10)
    assert found.damaged == {}
    return {name: assets for name, assets in found.broken.items() if assets}


@pytest.mark.usefixtures("ids")
def test_a_database_as_it_was_loaded_breaks_nothing(database_url: str) -> None:
    assert broken(database_url) == {}
    found = inspect_database(PostgresConnection(database_url), sample=10)
    only_here = {BARS_ARE_LOGGED, SAMPLE_IS_EXPLAINED, NONE_WAITS}
    assert set(found.broken) == {CURSOR, SUMS, LOG, FENCES} | only_here


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE assets SET synced_through = '2025-01-01' WHERE symbol = 'B'", {CURSOR}),
        ("UPDATE assets SET synced_through = '2024-01-03' WHERE symbol = 'B'", {CURSOR}),
        ("UPDATE assets SET last_bar = '2024-01-04' WHERE symbol = 'B'", {CURSOR}),
        ("UPDATE assets SET last_bar = NULL WHERE symbol = 'B'", {CURSOR}),
        ("UPDATE sync_log SET received = 5 WHERE asset_id = {b}", {SUMS}),
        ("UPDATE sync_log SET rejected = 1 WHERE asset_id = {b}", {SUMS}),
        ("UPDATE sync_log SET fence = 2 WHERE asset_id = {b}", {FENCES}),
        ("UPDATE assets SET fence = 0 WHERE symbol = 'B'", {FENCES}),
        ("UPDATE sync_log SET outcome = 'empty' WHERE asset_id = {b}", {LOG}),
        ("UPDATE assets SET last_synced = NULL WHERE symbol = 'B'", {LOG}),
        ("DELETE FROM sync_log WHERE asset_id = {b}", {LOG, BARS_ARE_LOGGED}),
        ("DELETE FROM market_data WHERE asset_id = {b} AND date = '2024-01-03'", {BARS_ARE_LOGGED}),
        ("DELETE FROM market_data WHERE asset_id = {b}", {BARS_ARE_LOGGED, CURSOR}),
        (
            "INSERT INTO market_data SELECT {b}, '2023-12-31', 1, 1, 1, 1, 1, 1",
            {BARS_ARE_LOGGED},
        ),
        (
            "UPDATE market_data SET close = 7 WHERE asset_id = {b} AND close = 2",
            {SAMPLE_IS_EXPLAINED},
        ),
        ("INSERT INTO splits VALUES ({b}, '2024-01-04', 2, 1)", {SAMPLE_IS_EXPLAINED}),
    ],
)
def test_each_breach_is_found_and_its_asset_named(
    ids: list[int], database_url: str, change: str, named: set[str]
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(change.format(b=ids[1]).encode())
    assert broken(database_url) == dict.fromkeys(named, (ids[1],))


@pytest.mark.usefixtures("ids")
def test_bars_of_an_asset_that_is_gone_are_found(database_url: str) -> None:
    execute(database_url, "INSERT INTO market_data VALUES (99, '2024-01-02', 1, 1, 1, 1, 1, 1)")
    assert broken(database_url) == {BARS_ARE_LOGGED: (99,)}


def test_what_a_repair_can_mend_is_noted_for_it(ids: list[int], database_url: str) -> None:
    execute(
        database_url,
        "DELETE FROM market_data WHERE date = '2024-01-03'"
        " AND asset_id = (SELECT min(id) FROM assets)",
        "UPDATE sync_log SET received = 9 WHERE asset_id = (SELECT max(id) FROM assets)",
    )
    database = PostgresConnection(database_url)
    found = inspect_database(database)
    assert found.to_repair == ids[:1]
    assert note_damaged(database, found.to_repair)
    marked = "SELECT id FROM assets WHERE repair_wanted_at IS NOT NULL"
    assert rows(database_url, marked) == [(ids[0],)]


def test_on_a_server_that_only_reads_nothing_is_noted(ids: list[int], database_url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        change = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on")
        connection.execute(change.format(sql.Identifier(str(name))))
    database = PostgresConnection(database_url)
    assert set(inspect_database(database, sample=5).broken.values()) == {()}
    assert not note_damaged(database, ids)


@pytest.fixture
def home(tmp_path: Path, made_cluster: Path) -> Iterator[Path]:
    """The home of an embedded server that is not running."""
    lay_cluster(tmp_path, made_cluster)
    yield tmp_path
    remove(tmp_path)


@pytest.mark.parametrize("table", ["market_data", "sync_log", "rebasings"])
def test_a_damaged_page_is_met_wherever_it_lies(home: Path, table: str) -> None:
    """Three bytes are changed in the middle of a table, while the server is down."""
    with embedded_server(home) as url:
        upgrade(url)
        with worker_on(url) as worker:
            fill(worker, url, "A", "B")
        execute(
            url,
            "INSERT INTO rebasings SELECT 1, now(), 1, '2024-01-02', '2024-01-02', 1, 1, 1,"
            " array_agg(d::date), array_agg(1.5), NULL"
            " FROM generate_series('2024-01-02'::date, '2024-01-09', '1 day') d",
            "CHECKPOINT",
        )
        file = value(url, "SELECT pg_relation_filepath(%s::regclass)", table)
    damage(cluster_folder(home) / "cluster" / file)
    with embedded_server(home) as url:
        database = PostgresConnection(url)
        found = inspect_database(database, sample=5)
        with pytest.raises(StorageDamaged, match=f"the table {table} is damaged: invalid page"):
            require_readable(database)
        with pytest.raises(StorageDamaged, match=r"invalid page in block 0 .* restore a backup"):
            ask(database, f"SELECT count(*) FROM {table}")  # noqa: S608 - the test's own
    assert list(found.damaged) == [table]
    assert "invalid page in block 0" in found.damaged[table]


def damage(file: Path) -> None:
    """Change some bytes in the middle of a file."""
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        opened.write(os.urandom(3))
