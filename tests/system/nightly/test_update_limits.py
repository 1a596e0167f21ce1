"""An update under the vendor's limits: no session is begun that cannot be paid, none is half."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute, rows, snapshot, value
from tests.support.programs.commands import commands_at
from tests.support.vendor.nights import load_all, recent_night, update_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import differences, truth

SYMBOLS = 420
NIGHT = recent_night()
BULK = "eod-bulk-last-day"
STORED = ("market_data", "rejected_rows", "sync_log", "splits", "dividends")


@pytest.fixture(scope="module")
def shared_vendor() -> Iterator[Sandbox]:
    """A vendor on our own day: the ledger and it count the same."""
    with sandbox(symbols=SYMBOLS, bars_per_symbol=25, clean=True, minute_limit=1_000_000) as vendor:
        vendor.post("/publish", {"exchange": "US", "date": NIGHT.before})
        yield vendor


@pytest.fixture(scope="module")
def loaded_once(
    cluster: Cluster, shared_vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with cluster.fresh_database() as url:
        commands = commands_at(tmp_path_factory.mktemp("home"), shared_vendor, url)
        assert commands.run("discover", "--exchange", "US").code == 0
        load_all(shared_vendor, url)
        execute(url, "DELETE FROM quota_ledger", "UPDATE assets SET actions_wanted_at = NULL")
        shared_vendor.post("/publish", {"exchange": "US", "date": NIGHT.session})
        yield url


@pytest.fixture
def vendor(shared_vendor: Sandbox, loaded_once: str) -> Iterator[Sandbox]:
    """It has a session more than the database, and a fresh day."""
    del loaded_once
    shared_vendor.post("/limits", {"daily": 100_000, "extra": 0, "used": 0})
    yield shared_vendor
    shared_vendor.delete("/faults")


@pytest.fixture
def loaded(cluster: Cluster, loaded_once: str) -> Iterator[str]:
    with cluster.fresh_database(filled=loaded_once) as url:
        yield url


def asked(vendor: Sandbox, since: int) -> Counter[str]:
    return Counter(entry["endpoint"] for entry in vendor.log()[since:])


def used(vendor: Sandbox) -> int:
    """Calls of the day, as the vendor counts them."""
    return int(vendor.post("/limits", {})["used"])


def charged(url: str) -> int:
    """Calls of the day, as the ledger counts them."""
    return int(value(url, "SELECT coalesce(sum(spent), 0) FROM quota_ledger"))


def strike(vendor: Sandbox, kind: str = "status", **fault: Any) -> None:  # noqa: ANN401 - of JSON
    vendor.post("/faults", {"endpoint": BULK, "kind": kind, **fault})


def assert_sound(url: str) -> None:
    assert set(broken_invariants(PostgresConnection(url)).values()) == {0}
    assert value(url, "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL") == 0


def assert_completed(vendor: Sandbox, url: str) -> None:
    """On another day, nothing in the way, all becomes as the vendor has it."""
    vendor.delete("/faults")
    vendor.post("/limits", {"daily": 100_000, "used": 0})
    execute(url, "DELETE FROM quota_ledger", "DELETE FROM refusals")
    report = update_at(NIGHT.morning, vendor, url)
    assert report.ended_by is None
    counts = differences(url, truth(vendor))
    assert (counts["lost"], counts["invented"]) == (0, 0)
    assert value(url, "SELECT min(synced_through)::text FROM assets") == NIGHT.session
    assert_sound(url)


@pytest.mark.parametrize("left", [299, 120, 0])
def test_a_session_that_the_day_does_not_pay_is_not_begun(
    vendor: Sandbox, loaded: str, left: int
) -> None:
    vendor.post("/limits", {"daily": 1000, "used": 1000 - left})
    before, begun = snapshot(loaded, *STORED), len(vendor.log())
    report = update_at(NIGHT.morning, vendor, loaded)
    assert report.ended_by is not None
    assert (report.ended_by.exit_code, report.calls) == (4, 0)
    assert asked(vendor, begun) == {"user": 1}
    assert snapshot(loaded, *STORED) == before
    assert charged(loaded) == 1000 - left == used(vendor)
    assert_completed(vendor, loaded)


def test_three_hundred_calls_are_enough(vendor: Sandbox, loaded: str) -> None:
    vendor.post("/limits", {"daily": 1000, "used": 700})
    report = update_at(NIGHT.morning, vendor, loaded)
    (session,) = report.as_dict()["bulk"]
    assert session["calls"] == report.calls == charged(loaded) - 700 == 300
    assert (session["stored"] + session["fetched_individually"], used(vendor)) == (SYMBOLS, 1000)
    assert_sound(loaded)
    assert_completed(vendor, loaded)


def test_what_needs_fewer_calls_goes_on_when_a_session_cannot_be_paid(
    vendor: Sandbox, loaded: str
) -> None:
    """A new listing is loaded by itself; nobody's cursor passes the session."""
    vendor.post("/limits", {"daily": 1000, "used": 880})
    vendor.post("/list", {"action": "list", "symbol": "NEWCO.US", "date": NIGHT.session})
    add_assets(loaded, "NEWCO", venue="NYSE", asset_type="Common Stock")
    begun = len(vendor.log())
    report = update_at(NIGHT.morning, vendor, loaded)
    vendor.post("/list", {"action": "remove", "symbol": "NEWCO.US"})
    assert report.ended_by is not None
    assert report.ended_by.exit_code == 4
    assert asked(vendor, begun)[BULK] == 0
    assert asked(vendor, begun)["eod"] == 1
    assert report.calls < 10
    assert_sound(loaded)


@pytest.mark.parametrize("daily", [20, 299])
def test_a_plan_whose_whole_day_does_not_pay_a_session_goes_symbol_by_symbol(
    vendor: Sandbox, loaded: str, daily: int
) -> None:
    vendor.post("/limits", {"daily": daily, "used": 0})
    begun = len(vendor.log())
    report = update_at(NIGHT.morning, vendor, loaded)
    assert report.ended_by is not None
    assert (report.ended_by.exit_code, report.calls) == (4, daily)
    assert (asked(vendor, begun)[BULK], asked(vendor, begun)["eod"]) == (0, daily)


@pytest.mark.parametrize(("status", "request_number"), [(423, 1), (403, 2), (423, 3), (403, 4)])
def test_a_refusal_that_the_vendor_charges_keeps_the_ledger_right(
    vendor: Sandbox, loaded: str, status: int, request_number: int
) -> None:
    """Whichever of a session's requests is refused: prices without actions are not stored."""
    refuse_at(vendor, request_number, status=status)
    begun = len(vendor.log())
    report = update_at(NIGHT.morning, vendor, loaded)
    assert report.ended_by is None
    assert asked(vendor, begun)[BULK] == request_number
    assert value(loaded, "SELECT count(*) FROM sync_log WHERE calls = 0") == 0
    cost = sum(entry["cost"] for entry in vendor.log()[begun:])
    singly = len(vendor.log()) - begun - request_number - asked(vendor, begun)["user"]
    assert charged(loaded) == report.calls == 100 * request_number + singly
    assert used(vendor) <= cost <= charged(loaded)
    assert_completed(vendor, loaded)


@pytest.mark.parametrize("request_number", [1, 4])
def test_a_402_in_the_middle_of_a_session_ends_the_run_with_4_and_stores_nothing(
    vendor: Sandbox, loaded: str, request_number: int
) -> None:
    before, begun = snapshot(loaded, *STORED), len(vendor.log())
    refuse_at(vendor, request_number, status=402)
    report = update_at(NIGHT.morning, vendor, loaded)
    assert report.ended_by is not None
    assert report.ended_by.exit_code == 4
    assert asked(vendor, begun) == {"user": 1, BULK: request_number}, "nobody goes on asking"
    after = snapshot(loaded, *STORED)
    assert (after["market_data"], after["sync_log"]) == (before["market_data"], before["sync_log"])
    assert charged(loaded) >= used(vendor)
    assert_completed(vendor, loaded)


def refuse_at(vendor: Sandbox, request_number: int, status: int) -> None:
    """Let the vendor answer a session's request of that number so, after it has done the others."""
    for _ in range(request_number - 1):
        strike(vendor, "slow", bytes_per_sec=10_000_000, times=1)
    strike(vendor, times=1, status=status)


def test_a_minute_limit_only_makes_it_wait(vendor: Sandbox, loaded: str) -> None:
    strike(vendor, status=429, headers={"Retry-After": "1"}, times=2)
    begun = len(vendor.log())
    report = update_at(NIGHT.morning, vendor, loaded)
    assert report.ended_by is None
    assert asked(vendor, begun)[BULK] == 6
    assert charged(loaded) == report.calls >= used(vendor)
    assert_completed(vendor, loaded)


@pytest.mark.parametrize("request_number", [3, 4])
def test_a_feed_that_fails_leaves_the_session_for_the_next_run(
    vendor: Sandbox, loaded: str, request_number: int
) -> None:
    before = snapshot(loaded, "market_data", "sync_log")
    for _ in range(request_number - 1):
        strike(vendor, "slow", bytes_per_sec=10_000_000, times=1)
    strike(vendor, status=503)
    report = update_at(NIGHT.morning, vendor, loaded)
    assert (report.ended_by, report.failed, report.synced) == (
        None,
        SYMBOLS,
        0,
    )
    assert snapshot(loaded, "market_data", "sync_log") == before
    assert charged(loaded) == report.calls >= used(vendor)
    assert rows(loaded, "SELECT max(times_failed), count(parked_at) FROM assets") == [(0, 0)]
    assert_completed(vendor, loaded)
