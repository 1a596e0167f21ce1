"""What bars have shown against the calendars: stored once, replaced by its contrary."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.planning import known_calendars, last_sightings
from data_nexus.database.store import open_store
from data_nexus.domain.calendar.learned import Calendars, LearnedSession
from data_nexus.domain.planning.due import MarketSegment
from tests.support.postgres.tables import add_assets, execute, rows

SUNDAY = date(2026, 2, 1)
STORED = "SELECT is_open, traded, asked, symbols FROM learned_sessions"
TRADED = MarketSegment("US", "NASDAQ", "Common Stock")


def session(*, is_open: bool = True, traded: int = 2) -> LearnedSession:
    return LearnedSession(
        exchange="NSE",
        date=SUNDAY,
        is_open=is_open,
        traded=traded,
        asked=3,
        symbols=("CO0", "CO1") if is_open else (),
    )


def learn(url: str, *found: LearnedSession) -> tuple[Sequence[LearnedSession], Calendars]:
    async def run() -> tuple[Sequence[LearnedSession], Calendars]:
        async with open_store(url, "public", 2, 60) as store:
            return await store.calendars.learn(found), await store.calendars.read()

    return asyncio.run(run())


def test_what_was_learned_is_replaced_by_its_contrary_only(database_url: str) -> None:
    assert learn(database_url)[0] == []
    opened = session()
    new, calendars = learn(database_url, opened)
    assert (new, calendars.rows()) == ([opened], (("NSE", SUNDAY, True),))
    assert learn(database_url, session(traded=9))[0] == []
    assert rows(database_url, STORED) == [(True, 2, 3, ["CO0", "CO1"])]
    shut = session(is_open=False, traded=0)
    assert learn(database_url, shut)[0] == [shut]
    assert rows(database_url, STORED) == [(False, 0, 3, [])]
    database = PostgresConnection(database_url)
    assert known_calendars(database).shut_days("NSE", date.min, date.max) == (SUNDAY,)
    database.close()


def test_neither_a_closure_nor_a_bar_of_a_day_to_come_is_believed(database_url: str) -> None:
    """Written by a clock that ran ahead, or by hand: nothing can have shown it."""
    ahead = datetime.now(UTC).date() + timedelta(days=3)
    _, calendars = learn(database_url, replace(session(is_open=False), date=ahead), session())
    assert calendars.rows() == (("NSE", SUNDAY, True),)
    add_assets(database_url, "A", last_bar=f"{ahead}")
    add_assets(database_url, "B", last_bar="2026-01-30")
    assert last_sightings(PostgresConnection(database_url)) == {"US": date(2026, 1, 30)}


def probes(url: str, since: date, last: date) -> dict[int, datetime | None]:
    async def run() -> dict[int, datetime | None]:
        async with open_store(url, "public", 2, 60) as store:
            return await store.calendars.probes("US", [TRADED], since, last)

    return asyncio.run(run())


@pytest.fixture
def traded(database_url: str) -> dict[str, int]:
    """Fourteen assets: each next one trades more; two have no bar of late, or another segment."""
    execute(
        database_url,
        "INSERT INTO assets (symbol, exchange, venue, asset_type, last_bar, last_synced)"
        " SELECT 'A' || n, 'US', CASE n WHEN 13 THEN 'PINK' ELSE 'NASDAQ' END, 'Common Stock',"
        " CASE n WHEN 14 THEN DATE '2026-01-02' ELSE DATE '2026-01-30' END,"
        " TIMESTAMPTZ '2026-01-31 12:00+00' - n * interval '1 minute'"
        " FROM generate_series(1, 14) AS n",
    )
    execute(
        database_url,
        "INSERT INTO market_data (asset_id, date, open, high, low, close, adjusted_close, volume)"
        " SELECT id, day, 9, 9, 9, 9, 9, 100 * substr(symbol, 2)::int FROM assets,"
        " generate_series(DATE '2026-01-28', '2026-01-30', '1 day') AS day",
    )
    return dict(rows(database_url, "SELECT symbol, id FROM assets"))


def test_the_most_liquid_assets_take_turns_as_probes(
    database_url: str, traded: dict[str, int]
) -> None:
    found = probes(database_url, date(2026, 1, 28), date(2026, 1, 30))
    assert [*found] == [traded[f"A{n}"] for n in range(12, 2, -1)]
    assert min(filter(None, found.values())) == datetime(2026, 1, 31, 11, 48, tzinfo=UTC)
    now = "UPDATE assets SET last_synced = now() WHERE symbol = 'A12'"
    execute(database_url, now)
    assert [*probes(database_url, date(2026, 1, 28), date(2026, 1, 30))][-1] == traded["A12"]
