"""What an update could not bring is named once: in its report, in its run's row and in status."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.support.postgres.tables import execute, rows, value
from tests.support.vendor.nights import load_all, update_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.system.conftest import Placed

FRIDAY, MONDAY, TUESDAY = date(2026, 11, 6), date(2026, 11, 9), date(2026, 11, 10)
IN_BULK, SINGLY = 640, 40
FIGURES = "SELECT figures -> 'notices' FROM runs WHERE command = 'update' ORDER BY id DESC LIMIT 1"


@pytest.fixture(params=[IN_BULK, SINGLY], ids=["in bulk", "singly"])
def symbols(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def vendor(symbols: int) -> Iterator[Sandbox]:
    with sandbox(
        now="2026-11-12T22:00:00",
        symbols=symbols,
        bars_per_symbol=25,
        clean=True,
        minute_limit=1_000_000,
    ) as running:
        running.post("/limits", {"daily": 10_000_000})
        running.post("/publish", {"exchange": "US", "date": str(FRIDAY)})
        yield running


@pytest.fixture
def loaded(vendor: Sandbox, commands_for: Placed, database_url: str) -> str:
    """A database that was loaded on Friday and updated after Monday."""
    assert commands_for(vendor).run("discover", "--exchange", "US").code == 0
    load_all(vendor, database_url)
    execute(database_url, "DELETE FROM quota_ledger", "UPDATE assets SET actions_wanted_at = NULL")
    assert update(vendor, database_url, MONDAY) == {"counts": {}, "assets": []}
    return database_url


def update(vendor: Sandbox, url: str, session: date) -> dict[str, Any]:
    """Update in the morning after a session; the notices of the report and of the run's row."""
    vendor.post("/publish", {"exchange": "US", "date": str(session)})
    now = datetime(session.year, session.month, session.day, 12, tzinfo=UTC) + timedelta(1)
    report = update_at(now, vendor, url, look_back=1)
    assert report.ended_by is None
    noticed = report.as_dict()["notices"]
    assert value(url, FIGURES) == noticed
    assert isinstance(noticed, dict)
    return noticed


def test_each_asset_that_an_update_could_not_complete_is_named_once_with_the_reason(
    vendor: Sandbox, commands_for: Placed, loaded: str, symbols: int
) -> None:
    late, rejected, withdrawn, parked = (code for (code,) in rows(loaded, TRADING, MONDAY))
    vendor.post("/behaviours", {"name": "late", "symbols": [f"{late}.US"]})
    vendor.post("/restate", {"symbol": f"{rejected}.US", "date": str(TUESDAY), "close": -1})
    vendor.post("/withdraw", {"symbol": f"{withdrawn}.US", "date": str(MONDAY)})
    vendor.post(
        "/faults", {"kind": "status", "status": 422, "endpoint": "eod", "symbol": f"{parked}.US"}
    )
    # An asset that lacks more than the newest session is read individually.
    execute(loaded, f"UPDATE assets SET synced_through = '2026-11-05' WHERE symbol = '{parked}'")  # noqa: S608
    noticed = update(vendor, loaded, TUESDAY)
    details = {
        (f"{late}.US", "late"): "no row of 2026-11-10",
        (f"{parked}.US", "parked"): f"{parked}.US: 422",
        (f"{rejected}.US", "rejected"): "2026-11-10: prices are not negative",
        (f"{withdrawn}.US", "withdrawn"): "bar of 2026-11-09",
    }
    found = {(each["symbol"], each["reason"]): each["detail"] for each in noticed["assets"]}
    assert found == details
    assert noticed["counts"] == dict.fromkeys(("late", "parked", "rejected", "withdrawn"), 1)
    assert update(vendor, loaded, TUESDAY) == {"counts": {}, "assets": []}
    # Of an asset that is read individually the next update asks for the late row anyway.
    is_open = {"late": 1} if symbols == IN_BULK else {}
    commands = commands_for(vendor)
    status = commands.run("status", "--json").answer["notices"]
    assert status["counts"] == is_open | dict.fromkeys(("parked", "rejected", "withdrawn"), 1)
    late_ones = "1 late, " if is_open else ""
    line = f"notices {late_ones}1 parked, 1 rejected in 7 days, 1 withdrawn in 7 days"
    printed = " ".join(commands.run("status").stdout.split())
    assert line in printed
    assert line in " ".join(commands.run("status", "--verbose").stdout.split())
    assert printed.count("parked") == 1, "it is counted once"


TRADING = (
    "SELECT a.symbol FROM assets a JOIN market_data m ON m.asset_id = a.id"
    " WHERE a.last_bar = %s AND m.date >= '2026-11-02'"
    " GROUP BY a.symbol HAVING count(*) >= 5 ORDER BY a.symbol LIMIT 4"
)
