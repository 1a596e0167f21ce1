"""A copy of the vendor that is behind: its answers lack the last bars of every asset."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from data_nexus.domain.calendar.exchanges import sessions_of
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.domain.planning.suspicion import Reason
from tests.support.postgres.tables import execute, rows, value
from tests.support.vendor.nights import discover_at, load_all, update_at
from tests.support.vendor.sandbox import Sandbox, sandbox

FRIDAY = date(2026, 11, 6)
SESSIONS = [
    day_date(day) for day in sessions_of("US", FRIDAY).between(FRIDAY, date(2026, 11, 24)).tolist()
]
# So many liquid assets are asked at most before an exchange is left alone.
LIQUID = 10
SYMBOLS = 12
LACKING = "the answer ends before them and may be old"
DOUBTED: LiteralString = "SELECT count(*) FROM findings WHERE detail = %s"
BARS: LiteralString = "SELECT asset_id, date FROM market_data ORDER BY asset_id, date"
AAPL: LiteralString = "SELECT last_bar, settled_through FROM assets WHERE symbol = 'AAPL'"


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    options: dict[str, Any] = {"symbols": SYMBOLS, "bars_per_symbol": 25, "clean": True}
    with sandbox(now="2026-11-25T22:00:00", minute_limit=1_000_000, **options) as running:
        running.post("/limits", {"daily": 10_000_000})
        yield running


@pytest.fixture
def loaded(vendor: Sandbox, database_url: str) -> str:
    """A database that was loaded on Friday and updated after Monday."""
    vendor.post("/publish", {"exchange": "US", "date": str(FRIDAY)})
    discover_at(datetime(2026, 11, 7, 12, tzinfo=UTC), vendor, database_url)
    load_all(vendor, database_url)
    execute(database_url, "DELETE FROM quota_ledger")
    night(vendor, database_url, SESSIONS[1])
    return database_url


def night(vendor: Sandbox, url: str, session: date) -> dict[str, Any]:
    """Update in the morning after a session."""
    vendor.post("/publish", {"exchange": "US", "date": str(session)})
    now = datetime(session.year, session.month, session.day, 12, tzinfo=UTC) + timedelta(1)
    report = update_at(now, vendor, url)
    assert report.ended_by is None
    assert not any(broken_invariants(PostgresConnection(url)).values())
    ahead = "SELECT count(*) FROM assets WHERE settled_through > synced_through"
    assert value(url, ahead) == 0
    return report.as_dict()


def fall_behind(vendor: Sandbox, sessions: int, **assets: Any) -> None:  # noqa: ANN401
    """Send no bars after Friday for some sessions."""
    behaviour = {"name": "late", "sessions": sessions, "since": str(FRIDAY)}
    vendor.post("/behaviours", behaviour | assets)


def test_answers_that_lack_the_last_bar_of_every_asset_withdraw_none(
    vendor: Sandbox, loaded: str
) -> None:
    """For some days; with the first good answer all of it is over."""
    before = rows(loaded, BARS)
    trading = value(loaded, "SELECT count(*) FROM assets WHERE last_bar = %s", SESSIONS[1])
    assert trading >= SYMBOLS / 2
    for days in range(1, 4):
        fall_behind(vendor, days + 1, share=1)
        figures = night(vendor, loaded, SESSIONS[days + 1])
        # Its probes lack the new session, so the rest of the exchange is not asked.
        assert (figures["withdrawn"], value(loaded, DOUBTED, LACKING)) == (0, min(trading, LIQUID))
        assert rows(loaded, BARS) == before
        settled = "SELECT count(*) FROM assets WHERE settled_through > %s AND last_bar = %s"
        assert value(loaded, settled, FRIDAY, SESSIONS[1]) == 0, "nothing was compared"
    fall_behind(vendor, 1)
    night(vendor, loaded, SESSIONS[5])
    assert value(loaded, DOUBTED, LACKING) == 0
    assert value(loaded, "SELECT count(*) FROM suspicions WHERE reason = %s", Reason.END) == 0
    fresh = "SELECT count(*) FROM assets WHERE last_bar = %s AND settled_through = %s"
    assert value(loaded, fresh, SESSIONS[5], SESSIONS[4]) == trading


def test_a_last_bar_that_stays_away_for_a_week_is_withdrawn(vendor: Sandbox, loaded: str) -> None:
    fall_behind(vendor, 100, symbols=["AAPL.US"])
    withdrawn = []
    for session in SESSIONS[2:]:
        withdrawn.append(night(vendor, loaded, session)["withdrawn"])
        ((last_bar, settled),) = rows(loaded, AAPL)
        assert last_bar == FRIDAY or settled < last_bar, "of what it lacks it says nothing"
    assert withdrawn.index(1) >= 5
    assert sum(withdrawn) == 1
    assert last_bar == FRIDAY
    assert settled >= SESSIONS[1], "its absence is known"
    assert value(loaded, DOUBTED, LACKING) == 0
    assert value(loaded, "SELECT count(*) FROM suspicions") == 0


def test_a_last_bar_that_is_not_sent_goes_with_the_first_answer_that_has_a_later_one(
    vendor: Sandbox, loaded: str
) -> None:
    vendor.post("/withdraw", {"symbol": "AAPL.US", "date": str(SESSIONS[1])})
    assert night(vendor, loaded, SESSIONS[2])["withdrawn"] == 1
    assert value(loaded, "SELECT count(*) FROM suspicions") == 0
