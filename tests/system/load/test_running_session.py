"""The bar of a running session, loaded before its close, is the final one after the next update."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from tests.support.postgres.tables import rows, value
from tests.support.vendor.nights import discover_at, update_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import truth

FRIDAY, MONDAY, TUESDAY = date(2026, 11, 6), date(2026, 11, 9), date(2026, 11, 10)
# Eleven o'clock in New York.
RUNNING = datetime(2026, 11, 9, 16, tzinfo=UTC)
IN_BULK, SINGLY = 620, 12
COLUMNS = ("open", "high", "low", "close", "volume")


def bars_of(url: str, day: date) -> dict[str, tuple[Any, ...]]:
    """The stored bars of a day, by symbol."""
    query = (
        "SELECT a.symbol || '.' || a.exchange, m.open, m.high, m.low, m.close, m.volume"
        " FROM market_data m JOIN assets a ON a.id = m.asset_id WHERE m.date = %s"
    )
    return {symbol: tuple(values) for symbol, *values in rows(url, query, day)}


def served(vendor: Sandbox, day: date) -> dict[str, tuple[Any, ...]]:
    return {
        row["symbol"]: tuple(row[name] for name in COLUMNS)
        for row in truth(vendor).to_pylist()
        if row["date"] == day
    }


def morning_after(vendor: Sandbox, url: str, session: date) -> None:
    """Publish a session, and update on the next day at noon."""
    vendor.post("/publish", {"exchange": "US", "date": str(session)})
    now = datetime(session.year, session.month, session.day + 1, 12, tzinfo=UTC)
    vendor.post("/clock", {"now": now.isoformat()})
    assert update_at(now, vendor, url, look_back=1).ended_by is None
    assert not any(broken_invariants(PostgresConnection(url)).values())


@pytest.mark.parametrize("symbols", [IN_BULK, SINGLY], ids=["in bulk", "singly"])
def test_a_bar_of_the_running_session_is_provisional_and_then_final(
    database_url: str, symbols: int
) -> None:
    options: dict[str, Any] = {"symbols": symbols, "bars_per_symbol": 25, "clean": True}
    with sandbox(
        now=RUNNING.replace(tzinfo=None).isoformat(), minute_limit=1_000_000, **options
    ) as vendor:
        vendor.post("/limits", {"daily": 10_000_000})
        vendor.post("/behaviours", {"name": "partial", "share": 1, "since": None})
        discover_at(RUNNING, vendor, database_url)
        assert update_at(RUNNING, vendor, database_url).ended_by is None
        partial = bars_of(database_url, MONDAY)
        assert partial == served(vendor, MONDAY)
        assert len(partial) > symbols / 2
        assert value(database_url, "SELECT max(synced_through) FROM assets") == FRIDAY
        assert value(database_url, "SELECT max(settled_through) FROM assets") < MONDAY
        morning_after(vendor, database_url, MONDAY)
        final = bars_of(database_url, MONDAY)
        assert final == served(vendor, MONDAY)
        assert all(final[symbol] != bar for symbol, bar in partial.items())
        assert (
            value(
                database_url, "SELECT min(synced_through) FROM assets WHERE last_bar = %s", MONDAY
            )
            == MONDAY
        )
        morning_after(vendor, database_url, TUESDAY)
        assert bars_of(database_url, MONDAY) == served(vendor, MONDAY)
        settled = "SELECT count(*) FROM assets WHERE last_bar >= %s AND settled_through < %s"
        assert value(database_url, settled, MONDAY, MONDAY) == 0
