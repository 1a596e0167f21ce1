"""A loaded database follows the vendor: new sessions, restated bars, several workers at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date

import pytest

from tests.support.postgres.tables import add_assets, rows, value
from tests.support.programs.commands import Commands
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes, differences, truth
from tests.system.conftest import Placed

SYMBOLS = 30


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    """A vendor on a Tuesday evening of 2026, with a year of bars up to the Friday before."""
    options = {"symbols": SYMBOLS, "years": 1, "clean": True, "minute_limit": 1_000_000}
    with sandbox(now="2026-11-10T22:00:00", **options) as running:  # type: ignore[arg-type]
        running.post("/publish", {"exchange": "US", "date": "2026-11-06"})
        yield running


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed, database_url: str) -> Commands:
    add_assets(database_url, *codes(vendor))
    commands = commands_for(vendor)
    assert commands.run("backfill", "--no-limit").code == 0
    return commands


def test_new_sessions_are_added_and_nothing_else_is_written(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    before = set(rows(database_url, "SELECT asset_id, date, xmin::text FROM market_data"))
    vendor.post("/publish", {"exchange": "US", "date": "2026-11-09"})
    done = commands.run("backfill", "--no-limit", "--days-old", "0", "--json")
    assert done.answer["inserted"] == SYMBOLS
    assert done.answer["total_rows"] == SYMBOLS + done.answer["unchanged"] + done.answer["revised"]
    assert value(database_url, "SELECT min(synced_through)::text FROM assets") == "2026-11-09"
    after = set(rows(database_url, "SELECT asset_id, date, xmin::text FROM market_data"))
    assert len(after - before) == SYMBOLS + done.answer["revised"]
    served = truth(vendor)
    new = served.filter([day == date(2026, 11, 9) for day in served["date"].to_pylist()])
    counts = differences(database_url, new)
    assert (counts["lost"], counts["served"]) == (0, SYMBOLS)


def test_a_restated_bar_is_revised_and_its_old_values_are_kept(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    day, old = date(2026, 11, 5), "SELECT close FROM bars WHERE ticker = 'AAPL.US' AND date = %s"
    before = value(database_url, old, day)
    vendor.post("/restate", {"symbol": "AAPL.US", "date": str(day), "close": before + 1})
    done = commands.run("backfill", "--days-old", "0", "--json")
    assert (done.answer["revised"], done.answer["inserted"]) == (1, 0)
    assert value(database_url, old, day) == before + 1
    kept = "SELECT date, close FROM market_data_revisions"
    assert rows(database_url, kept) == [(day, before)]
    assert differences(database_url, truth(vendor))["lost"] == 0
    again = commands.run("backfill", "--days-old", "0", "--json")
    assert again.answer["revised"] == 0
    assert rows(database_url, kept) == [(day, before)]


def test_a_listing_that_the_vendor_lost_keeps_its_bars(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    facts = (
        "SELECT last_synced, synced_through, (SELECT count(*) FROM market_data WHERE asset_id = id)"
        " FROM assets WHERE symbol = 'AAPL'"
    )
    before = rows(database_url, facts)
    vendor.post("/list", {"action": "remove", "symbol": "AAPL.US"})
    done = commands.run("backfill", "--days-old", "0", "--symbols", "AAPL.US", "--json")
    assert (done.code, done.answer["absent"]) == (0, 1)
    assert rows(database_url, facts) == before
    again = commands.run("backfill", "--days-old", "0", "--symbols", "AAPL.US", "--json")
    assert again.answer["requests"] == 0, "it is asked for again tomorrow at the earliest"


def test_two_runs_at_the_same_time_share_the_work(
    vendor: Sandbox, commands_for: Placed, database_url: str
) -> None:
    add_assets(database_url, *codes(vendor))
    commands = commands_for(vendor)
    vendor.post("/faults", {"kind": "slow", "bytes_per_sec": 100_000, "endpoint": "eod"})
    # Each takes a handful of the queue at a time, so that both find work.
    arguments = ("backfill", "--limit", "20", "--json")
    with commands.running(*arguments) as first, commands.running(*arguments) as second:
        answers = [first.end().answer, second.end().answer]
    asked = Counter(entry["symbol"] for entry in vendor.log() if entry["endpoint"] == "eod")
    assert (len(asked), asked.total()) == (SYMBOLS, SYMBOLS)
    assert sum(answer["synced"] for answer in answers) == SYMBOLS
    assert sorted(answer["synced"] for answer in answers) == [10, 20]
    assert differences(database_url, truth(vendor))["lost"] == 0
