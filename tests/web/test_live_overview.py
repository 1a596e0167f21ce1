"""What the dashboard shows is what `nexus status` counts, and no bar is read for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest

from data_nexus.app.commands.overview import progress_of, read_overview
from data_nexus.config import load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.connection.reading_pool import ReadingPool
from data_nexus.database.queries import query
from data_nexus.database.reader.overview.overview import RunningRun, RunTotal, Standing
from data_nexus.database.reader.planning import known_calendars
from data_nexus.database.reader.status import overview, state_parameters
from data_nexus.domain.calendar.publication import PublicationKind, last_published
from data_nexus.domain.limits.quota import Quota
from data_nexus.errors import StorageUnavailable
from tests.support.postgres.tables import add_assets, execute

PLACE: dict[str, Any] = {"venue": "NYSE", "asset_type": "Common Stock"}
NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
# What the first page of the assets asks for.
ASKED: dict[str, Any] = {
    "asset_ids": None,
    "only": ["LSE", "US"],
    "beginning": None,
    "words": None,
    "ascii_words": None,
    "latest_published": None,
    "latest_settled": None,
    "state": None,
    "after_exchange": "",
    "after": "",
    "most": 101,
}
QUOTA = Quota(NOW.date(), 0, 1000, 0, 300, NOW)
MANY: LiteralString = (
    "INSERT INTO assets (symbol, exchange, venue, asset_type, last_bar, last_synced)"
    " SELECT 'S' || n, 'LSE', 'LSE', 'Common Stock', '2024-01-02', now()"
    " FROM generate_series(1, 20000) n"
)


@pytest.fixture
def filled(database_url: str) -> str:
    """A database with an asset in each state."""
    out = last_published("US", PublicationKind.TRADED, datetime.now(UTC))
    whole: dict[str, Any] = {"synced_through": out.last, "settled_through": out.before}
    states: dict[str, dict[str, Any]] = {
        "FRESH": whole,
        "BEHIND": {"synced_through": out.before, "settled_through": out.before},
        "UNSETTLED": {"synced_through": out.last, "settled_through": out.earlier},
        "PARKED": whole | {"parked_at": NOW},
        "PAUSED": {"synced_through": out.earlier, "paused_at": NOW},
        "DAMAGED": whole | {"repair_wanted_at": NOW},
        "GONE": {"is_delisted": True, "last_synced": NOW},
    }
    for code, known in states.items():
        (asset_id,) = add_assets(database_url, code, **PLACE, last_bar="2024-01-02", **known)
        bar = f"INSERT INTO market_data VALUES ({asset_id}, '2024-01-02', 1, 1, 1, 1, 1, 1)"  # noqa: S608
        execute(database_url, bar)
    add_assets(database_url, "NEVER", **PLACE)
    return database_url


def test_the_counts_are_those_of_status(filled: str) -> None:
    settings, database = load_settings({"database_url": filled}), PostgresConnection(filled)
    expected = overview(database, settings).assets
    found = read_overview(database, settings)
    assert found.counts == {
        kind: expected["with_data" if kind == "with_bars" else kind] for kind in found.counts
    }
    assert found.counts["fresh"] == 3
    out = last_published("US", PublicationKind.TRADED, datetime.now(UTC))
    assert (found.behind, found.oldest) == (2, out.before)


@pytest.mark.parametrize("statement", ["exchange_states", "asset_page"])
def test_no_bar_is_read_for_it(filled: str, statement: str) -> None:
    execute(filled, MANY, "ANALYZE")
    database = PostgresConnection(filled)
    calendars = known_calendars(database)
    with psycopg.connect(filled) as connection:
        asked = state_parameters(connection, datetime.now(UTC), calendars) | ASKED
        plan = connection.execute(b"EXPLAIN " + query(statement), asked).fetchall()
    assert "market_data" not in str(plan)
    assert "on assets" in str(plan)


def test_a_pool_reads_one_moment_and_writes_nothing(filled: str) -> None:
    database = ReadingPool(filled)
    try:
        with database.together() as one, one.connect() as connection:
            before = connection.execute("SELECT count(*) FROM assets").fetchone()
            add_assets(filled, "LATER")
            assert connection.execute("SELECT count(*) FROM assets").fetchone() == before
        with pytest.raises(StorageUnavailable), database.connect() as connection:
            connection.execute("DELETE FROM assets")
        settings = load_settings({"database_url": filled})
        assert read_overview(database, settings).counts["total"] == 9
    finally:
        database.close()


@pytest.mark.parametrize(
    ("state", "quota", "waits_for"),
    [
        ({"in_flight": 4}, QUOTA, ""),
        ({"breakers": {"eod": "open"}}, QUOTA, "the vendor, which fails: eod"),
        ({"breakers": {"eod": "closed"}}, QUOTA, ""),
        ({}, Quota(NOW.date(), 1000, 1000, 0, 300, NOW), "the daily quota"),
        ({}, Quota(NOW.date(), 1, 1000, 0, 300, NOW + timedelta(minutes=1)), "the rate limit"),
    ],
)
def test_a_run_says_what_it_waits_for(state: dict[str, Any], quota: Quota, waits_for: str) -> None:
    run = RunningRun(run_id=1, command="backfill", started_at=NOW, state=state)
    standing = Standing(moment=NOW, exchanges=[], running=[run], totals={}, quota=quota)
    assert [each.waits_for for each in progress_of(standing)] == [waits_for]


def test_the_pace_of_a_young_run_is_of_its_own_age() -> None:
    run = RunningRun(run_id=1, command="backfill", started_at=NOW - timedelta(seconds=10))
    total = RunTotal(run_id=1, assets=10, rows=5000, assets_a_minute=10, rows_a_minute=5000)
    standing = Standing(moment=NOW, exchanges=[], running=[run], totals={1: total}, quota=QUOTA)
    (found,) = progress_of(standing)
    assert (found.rows_a_second, found.eta_sec) == (500.0, None)
