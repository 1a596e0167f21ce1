"""The nightly update: fresh in the cheapest way, at no cost when nothing is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.commands import commands_at
from tests.support.vendor.nights import load_all, update_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import differences, truth, with_actions

# One session in bulk costs less than so many assets, two than the large number.
SYMBOLS, LARGE = 420, 720
FRIDAY, MONDAY, TUESDAY = "2026-11-06", "2026-11-09", "2026-11-10"
SUNDAY = datetime(2026, 11, 8, 15, tzinfo=UTC)
# Before the opening: the funds of the day before are out, too.
TUESDAY_MORNING = datetime(2026, 11, 10, 12, tzinfo=UTC)
# A session's prices, splits and dividends, and the prices of the one before it.
SESSION, LOOK_BACK = 300, 100
# Assets that are read before the rest, after a weekend; and more where none of them has a new bar.
PROBES, ALL_PROBES = 3, 10
BULK = SESSION + LOOK_BACK
EMPTY = {"kind": "hostile_json", "body_base64": "W10=", "endpoint": "eod-bulk-last-day"}


@contextmanager
def vendor_on_friday(symbols: int) -> Iterator[Sandbox]:
    """A vendor with a few weeks of bars up to a Friday."""
    options = {"symbols": symbols, "bars_per_symbol": 25, "clean": True}
    with sandbox(now="2026-11-10T22:00:00", minute_limit=1_000_000, **options) as running:  # type: ignore[arg-type]
        publish(running, FRIDAY)
        yield running


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    with vendor_on_friday(SYMBOLS) as running:
        yield running


@pytest.fixture
def large_vendor() -> Iterator[Sandbox]:
    with vendor_on_friday(LARGE) as running:
        yield running


@contextmanager
def loaded_with(symbols: int, cluster: Cluster, folder: Path) -> Iterator[str]:
    """A database that holds all that such a vendor has."""
    with cluster.fresh_database() as url, vendor_on_friday(symbols) as vendor:
        commands = commands_at(folder, vendor, url)
        assert commands.run("discover", "--exchange", "US").code == 0
        load_all(vendor, url)
        # Nothing is due on a Sunday; the actions of what was loaded are read.
        update_at(SUNDAY, vendor, url)
        execute(url, "DELETE FROM quota_ledger")
        yield url


@pytest.fixture(scope="module")
def loaded_once(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with loaded_with(SYMBOLS, cluster, tmp_path_factory.mktemp("home")) as url:
        yield url


@pytest.fixture
def loaded(cluster: Cluster, loaded_once: str) -> Iterator[str]:
    """The URL of a copy of it."""
    with cluster.fresh_database(filled=loaded_once) as url:
        yield url


@pytest.fixture(scope="module")
def large_once(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with loaded_with(LARGE, cluster, tmp_path_factory.mktemp("home")) as url:
        yield url


@pytest.fixture
def large(cluster: Cluster, large_once: str) -> Iterator[str]:
    """The URL of a copy of it."""
    with cluster.fresh_database(filled=large_once) as url:
        yield url


def publish(vendor: Sandbox, day: str) -> None:
    vendor.post("/publish", {"exchange": "US", "date": day})


def asked(vendor: Sandbox, since: int) -> Counter[str]:
    """The requests since a number of them, by endpoint."""
    return Counter(entry["endpoint"] for entry in vendor.log()[since:])


def refuse_bulk(vendor: Sandbox, status: int) -> None:
    vendor.post("/faults", {"kind": "status", "status": status, "endpoint": "eod-bulk-last-day"})


def assert_true(url: str, vendor: Sandbox) -> None:
    """What is stored is what the vendor says now, in every column, and nothing is held."""
    counts = differences(url, truth(vendor))
    assert (counts["lost"], counts["invented"]) == (0, 0)
    assert value(url, "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL") == 0


def assert_nothing_is_due(vendor: Sandbox, url: str, now: datetime) -> None:
    """Another update asks the vendor for nothing at all."""
    before = len(vendor.log())
    report = update_at(now, vendor, url)
    assert (report.ended_by, report.total_assets, report.calls) == (None, 0, 0)
    assert len(vendor.log()) == before


def test_one_session_costs_three_bulk_requests_and_one_for_each_asset_with_an_action(
    vendor: Sandbox, loaded: str
) -> None:
    vendor.post("/actions", {"symbol": "AAPL.US", "date": MONDAY, "split": "4/1"})
    vendor.post("/actions", {"symbol": "MSFT.US", "date": MONDAY, "dividend": 0.75})
    publish(vendor, MONDAY)
    named = with_actions(vendor, MONDAY)
    assert {"AAPL", "MSFT"} <= named
    begun, spent = len(vendor.log()), vendor.post("/limits", {})["used"]
    figures = update_at(TUESDAY_MORNING, vendor, loaded).as_dict()
    assert asked(vendor, begun) == {"user": 1, "eod-bulk-last-day": 4, "eod": PROBES + len(named)}
    assert figures["calls"] == PROBES + BULK + len(named)
    assert vendor.post("/limits", {})["used"] - spent == figures["calls"]
    assert (figures["total_assets"], figures["synced"]) == (SYMBOLS, SYMBOLS)
    assert_true(loaded, vendor)
    assert value(loaded, "SELECT min(synced_through)::text FROM assets") == MONDAY
    assert_nothing_is_due(vendor, loaded, TUESDAY_MORNING)


def test_the_actions_of_the_feeds_are_stored(vendor: Sandbox, loaded: str) -> None:
    vendor.post("/actions", {"symbol": "AAPL.US", "date": MONDAY, "split": "4/1"})
    for amount in (0.75, 2.5):
        vendor.post("/actions", {"symbol": "MSFT.US", "date": MONDAY, "dividend": amount})
    publish(vendor, MONDAY)
    update_at(TUESDAY_MORNING, vendor, loaded)
    split = (
        "SELECT date::text, numerator, denominator FROM splits"
        " JOIN assets a ON a.id = asset_id WHERE a.symbol = 'AAPL'"
    )
    assert rows(loaded, split) == [(MONDAY, 4, 1)]
    paid = (
        "SELECT date::text, value, unadjusted_value, d.currency FROM dividends d"
        " JOIN assets a ON a.id = asset_id WHERE a.symbol = 'MSFT' ORDER BY value"
    )
    assert rows(loaded, paid) == [(MONDAY, each, each, "USD") for each in (0.75, 2.5)]


@pytest.mark.parametrize("refused", [423, 403, 404])
def test_without_bulk_the_result_is_the_same_symbol_by_symbol(
    vendor: Sandbox, loaded: str, refused: int
) -> None:
    refuse_bulk(vendor, refused)
    publish(vendor, MONDAY)
    begun = len(vendor.log())
    figures = update_at(TUESDAY_MORNING, vendor, loaded).as_dict()
    assert asked(vendor, begun)["eod-bulk-last-day"] == 1
    assert (figures["synced"], figures["bulk"]) == (SYMBOLS, [])
    assert_true(loaded, vendor)
    assert_nothing_is_due(vendor, loaded, TUESDAY_MORNING)


def test_a_refusal_is_remembered_for_a_week_and_bulk_taken_up_again(
    vendor: Sandbox, loaded: str
) -> None:
    refuse_bulk(vendor, 423)
    publish(vendor, MONDAY)
    update_at(TUESDAY_MORNING, vendor, loaded)
    vendor.delete("/faults")
    found = []
    # So that bulk would be cheaper on each of the last nights, only one session is missing then.
    for days, session in ((3, "2026-11-12"), (6, "2026-11-13"), (7, "2026-11-16")):
        publish(vendor, session)
        begun = len(vendor.log())
        update_at(TUESDAY_MORNING + timedelta(days=days), vendor, loaded)
        found.append(asked(vendor, begun)["eod-bulk-last-day"])
        assert_true(loaded, vendor)
    assert found == [0, 0, 4]
    assert value(loaded, "SELECT count(*) FROM refusals") == 0


def test_the_plan_says_the_price_and_the_choice(
    vendor: Sandbox, loaded: str, tmp_path: Path
) -> None:
    """By the real clock, of which the loaded bars are weeks behind or days: whatever it is."""
    commands = commands_at(tmp_path, vendor, loaded)
    planned = commands.run("plan", "--json").answer
    kinds = {step["kind"]: step for step in planned["steps"]}
    assert planned["calls"] == sum(step["calls"] for step in planned["steps"])
    assert set(kinds) <= {"eod", "bulk", "splits", "dividends"}
    assert planned["calls"] <= SYMBOLS
    told = commands.run("plan").stdout
    assert "nexus update" in " ".join(told.split())


@pytest.mark.parametrize(
    ("what", "now"),
    [
        ("Sunday", SUNDAY),
        ("Monday, five minutes after the close", datetime(2026, 11, 9, 21, 5, tzinfo=UTC)),
    ],
)
def test_when_no_session_is_missing_nothing_is_asked_for(
    vendor: Sandbox, loaded: str, what: str, now: datetime
) -> None:
    del what
    assert_nothing_is_due(vendor, loaded, now)


def test_a_holiday_costs_no_call(vendor: Sandbox, loaded: str) -> None:
    thanksgiving = datetime(2026, 11, 26, 23, tzinfo=UTC)
    publish(vendor, "2026-11-25")
    update_at(thanksgiving, vendor, loaded)
    assert_true(loaded, vendor)
    assert_nothing_is_due(vendor, loaded, thanksgiving)
    # The funds of Wednesday are out since the morning; Friday is a half-day.
    assert_nothing_is_due(vendor, loaded, datetime(2026, 11, 27, 18, 5, tzinfo=UTC))


def test_missed_nights_are_made_up_for_when_they_are_out(large_vendor: Sandbox, large: str) -> None:
    wednesday = TUESDAY_MORNING + timedelta(days=1)
    assert update_at(wednesday, large_vendor, large).calls == 1, "neither is out: one is asked"
    assert value(large, "SELECT max(synced_through)::text FROM assets") == FRIDAY
    publish(large_vendor, TUESDAY)
    named = with_actions(large_vendor, MONDAY, TUESDAY)
    figures = update_at(wednesday, large_vendor, large).as_dict()
    assert [each["session"] for each in figures["bulk"]] == [MONDAY, TUESDAY]
    assert figures["total_assets"] == figures["synced"] == LARGE, "each counts once"
    assert figures["inserted"] == 2 * LARGE
    assert figures["calls"] <= PROBES + 2 * SESSION + LOOK_BACK + len(named)
    assert_true(large, large_vendor)


def test_a_session_that_is_late_holds_the_cursor_back(vendor: Sandbox, loaded: str) -> None:
    """The calendar says that Monday is out, and the vendor has not got it yet."""
    report = update_at(TUESDAY_MORNING, vendor, loaded)
    assert (report.ended_by, report.calls) == (None, ALL_PROBES)
    assert value(loaded, "SELECT max(synced_through)::text FROM assets") == FRIDAY
    publish(vendor, MONDAY)
    figures = update_at(TUESDAY_MORNING, vendor, loaded).as_dict()
    assert figures["calls"] == PROBES + BULK + len(with_actions(vendor, MONDAY))
    assert_true(loaded, vendor)


def test_a_session_that_was_none_is_passed_when_a_later_one_is_out(
    large_vendor: Sandbox, large: str
) -> None:
    """An unforeseen closure: no bars on Monday, and it is no gap of each asset's own."""
    large_vendor.post("/faults", {**EMPTY, "times": 1})
    publish(large_vendor, TUESDAY)
    figures = update_at(TUESDAY_MORNING + timedelta(days=1), large_vendor, large).as_dict()
    assert figures["calls"] <= 100 + BULK + len(with_actions(large_vendor, MONDAY, TUESDAY))
    assert [each["session"] for each in figures["bulk"]] == [MONDAY, TUESDAY]
    assert value(large, "SELECT min(synced_through)::text FROM assets") == TUESDAY


def test_two_sessions_that_bulk_lacks_hold_all_back(large_vendor: Sandbox, large: str) -> None:
    large_vendor.post("/faults", {**EMPTY, "times": 2})
    publish(large_vendor, TUESDAY)
    assert update_at(TUESDAY_MORNING + timedelta(1), large_vendor, large).calls < LARGE / 2


def test_an_asset_whose_bar_came_late_is_read_again_when_it_trades_again(
    vendor: Sandbox, loaded: str
) -> None:
    """Its session is known absent for a night; the gap is seen at the next bar."""
    publish(vendor, MONDAY)
    update_at(TUESDAY_MORNING, vendor, loaded)
    execute(
        loaded,
        "DELETE FROM market_data m USING assets a"
        " WHERE m.asset_id = a.id AND a.symbol = 'AAPL' AND m.date = '2026-11-09'",
        "UPDATE assets SET last_bar = '2026-11-06' WHERE symbol = 'AAPL'",
    )
    publish(vendor, TUESDAY)
    figures = update_at(TUESDAY_MORNING + timedelta(days=1), vendor, loaded).as_dict()
    assert figures["calls"] <= BULK + len(with_actions(vendor, TUESDAY) | {"AAPL"})
    assert_true(loaded, vendor)


def test_a_bulk_answer_that_is_unfit_leaves_all_due_and_costs_no_call_an_asset(
    vendor: Sandbox, loaded: str
) -> None:
    page: dict[str, Any] = {"kind": "hostile_json", "body_base64": "eyJhIjoxfQ=="}
    vendor.post("/faults", {**page, "endpoint": "eod-bulk-last-day"})
    publish(vendor, MONDAY)
    report = update_at(TUESDAY_MORNING, vendor, loaded)
    assert (report.failed, report.synced) == (SYMBOLS - PROBES, PROBES)
    assert report.calls <= PROBES + 100
    vendor.delete("/faults")
    update_at(TUESDAY_MORNING, vendor, loaded)
    assert_true(loaded, vendor)


def test_a_new_listing_is_loaded_and_a_resting_one_is_woken_by_its_bar(
    large_vendor: Sandbox, large: str
) -> None:
    execute(large, "UPDATE assets SET ask_after = now() + interval '9 days' WHERE symbol = 'AAPL'")
    execute(large, "INSERT INTO assets (symbol, exchange, venue) VALUES ('NEWCO', 'US', 'NYSE')")
    large_vendor.post("/list", {"action": "list", "symbol": "NEWCO.US", "date": TUESDAY})
    publish(large_vendor, TUESDAY)
    update_at(TUESDAY_MORNING + timedelta(days=1), large_vendor, large)
    assert_true(large, large_vendor)
    assert value(large, "SELECT count(*) FROM assets WHERE ask_after IS NOT NULL") == 0


def test_a_session_that_is_late_costs_ten_calls_where_there_is_no_bulk(
    vendor: Sandbox, loaded: str
) -> None:
    refuse_bulk(vendor, 423)
    begun = len(vendor.log())
    figures = update_at(TUESDAY_MORNING, vendor, loaded).as_dict()
    assert asked(vendor, begun)["eod"] == figures["synced"] == ALL_PROBES
    assert value(loaded, "SELECT max(synced_through)::text FROM assets") == FRIDAY


def test_who_was_asked_before_the_session_was_seen_is_not_asked_again_for_it(
    vendor: Sandbox, loaded: str
) -> None:
    """The first in the queue has no bar of Monday: only the next answer shows that it is out."""
    refuse_bulk(vendor, 423)
    execute(
        loaded,
        "UPDATE assets SET last_synced = '2026-01-01' WHERE symbol = 'AAPL'",
        # No other one would be a probe, and one alone is none.
        "UPDATE assets SET last_bar = '2026-10-30' WHERE symbol <> 'AAPL'",
    )
    vendor.post("/hold", {"symbol": "AAPL.US", "date": MONDAY, "until": TUESDAY})
    publish(vendor, MONDAY)
    begun = len(vendor.log())
    update_at(TUESDAY_MORNING, vendor, loaded, concurrency=1)
    histories = [each["symbol"] for each in vendor.log()[begun:] if each["endpoint"] == "eod"]
    assert histories[0] == "AAPL.US"
    assert value(loaded, "SELECT min(synced_through)::text FROM assets") == MONDAY
    assert_nothing_is_due(vendor, loaded, TUESDAY_MORNING)
    assert not any(broken_invariants(PostgresConnection(loaded)).values())
