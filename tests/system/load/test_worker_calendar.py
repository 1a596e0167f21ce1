"""Workers follow the calendar as updates do, together and beside them; no call is spent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data_nexus.events import Event, ignore
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.nightly.worker import work
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import eventually, execute, rows, value
from tests.support.programs.commands import Commands
from tests.support.programs.forked_commands import forked_update
from tests.support.vendor.nights import plan_at, settings_of
from tests.support.vendor.update_field import (
    MONDAY,
    MORNING_AFTER,
    TUESDAY,
    WEDNESDAY,
    UpdateField,
    update_field,
)
from tests.support.vendor.worker_field import (
    IN_BULK,
    LACKING,
    LATE,
    NOW,
    SETTINGS,
    SINGLY,
    an_hour_later,
    at_work,
    begun,
    histories,
    in_bulk,
    limit_calls,
    run_until_quiet,
)

BULK, LOOK_BACK = 300, 100
# Monday is loaded, and nothing newer is published by the calendar.
TUESDAY_NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def bulk_field(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpdateField]:
    folder = tmp_path_factory.mktemp("bulk")
    with update_field(cluster, folder, IN_BULK, through=TUESDAY) as field:
        yield field


@pytest.fixture(scope="module")
def small_field(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[UpdateField]:
    folder = tmp_path_factory.mktemp("singly")
    with update_field(cluster, folder, SINGLY, through=TUESDAY) as field:
        yield field


@pytest.fixture
def commands(bulk_field: UpdateField) -> Iterator[Commands]:
    with begun(bulk_field) as commands:
        yield commands


def test_a_worker_with_nothing_due_sends_no_request(
    bulk_field: UpdateField, commands: Commands
) -> None:
    del commands
    drain, passes = Drain(ignore), 0

    def clock() -> datetime:
        nonlocal passes
        passes += 1
        if passes == 6:
            drain.request("test")
        return TUESDAY_NOON

    requested = bulk_field.requests()
    settings = settings_of(bulk_field.vendor, bulk_field.url, poll_seconds=0.01)
    report = asyncio.run(work(settings, None, ignore, drain, clock))
    assert (report.total_assets, report.requests, report.ended_by) == (0, 0, None)
    assert passes == 6
    assert bulk_field.requests() == requested, "not even for the account"


def test_two_workers_bring_a_session_in_together_for_what_the_plan_says(
    bulk_field: UpdateField, commands: Commands, tmp_path: Path
) -> None:
    """One fetches the session in bulk; what it leaves is read by both, each asset by one."""
    field = bulk_field
    # More than one worker claims at once lack sessions before that.
    execute(
        field.url,
        "UPDATE assets SET synced_through = '2026-11-04', settled_through = '2026-11-03'"
        " WHERE mod(id, 7) = 0",
    )
    far_behind = value(field.url, "SELECT count(*) FROM assets WHERE mod(id, 7) = 0")
    planned = plan_at(NOW, field.vendor, field.url)
    assert planned.calls == BULK + LOOK_BACK + far_behind
    field.vendor.post("/faults", {"kind": "slow", "endpoint": "eod", "bytes_per_sec": 4_000})
    since = field.requests()
    with at_work(commands, 2, tmp_path):
        eventually(lambda: not value(field.url, LACKING, TUESDAY), 60)
    assert in_bulk(field, since) == 4
    read = histories(field, since)
    assert set(read.values()) == {1}, "each asset by one"
    assert len(read) >= far_behind
    account = [each for each in field.asked(since) if each["endpoint"] == "user"]
    assert len(field.asked(since)) == 4 + len(read) + len(account)
    # An asset with an action costs one call more than is planned.
    assert sum(each["cost"] for each in field.asked(since)) == planned.calls + (
        len(read) - far_behind
    )
    readers = (
        "SELECT count(DISTINCT run_id) FROM sync_log JOIN runs r ON r.id = run_id"
        " WHERE command = 'worker' AND calls > 0"
    )
    assert value(field.url, readers) == 2, "the work is shared"
    field.assert_true()
    field.assert_paid(since)
    figures = "SELECT figures FROM runs WHERE command = 'worker' ORDER BY id"
    reports: list[dict[str, Any]] = [row[0] for row in rows(field.url, figures)]
    (session,) = [each for report in reports for each in report["bulk"]]
    assert (session["session"], session["calls"]) == (TUESDAY, BULK)
    stored = value(field.url, "SELECT count(*) FROM market_data WHERE date > %s", MONDAY)
    assert sum(report["inserted"] for report in reports) == stored
    assert sum(report["calls"] for report in reports) == value(
        field.url, "SELECT sum(spent) FROM quota_ledger"
    )


@pytest.mark.parametrize("symbols", [IN_BULK, SINGLY], ids=["in bulk", "singly"])
def test_a_worker_and_an_update_at_once_cost_no_call_twice(
    request: pytest.FixtureRequest, tmp_path: Path, symbols: int
) -> None:
    name = "bulk_field" if symbols == IN_BULK else "small_field"
    field: UpdateField = request.getfixturevalue(name)
    with begun(field) as commands:
        since = field.requests()
        settings = {**SETTINGS, "look_back": 0}
        with (
            at_work(commands, 2, tmp_path),
            forked_update(commands, field.now, **settings) as updating,
        ):
            updating.join(60)
            assert updating.exitcode == 0
            eventually(lambda: not value(field.url, LACKING, TUESDAY), 60)
        assert in_bulk(field, since) == (4 if symbols == IN_BULK else 0)
        assert max(histories(field, since).values()) == 1
        field.assert_true()
        field.assert_paid(since)


@pytest.mark.parametrize("symbols", [IN_BULK, SINGLY], ids=["in bulk", "singly"])
def test_a_late_session_is_requested_again_once_the_wait_is_over(
    request: pytest.FixtureRequest, symbols: int
) -> None:
    name = "bulk_field" if symbols == IN_BULK else "small_field"
    field: UpdateField = request.getfixturevalue(name)
    with begun(field):
        field.vendor.post("/publish", {"exchange": "US", "date": MONDAY})
        # The prices that show that there are none, or ten probes.
        attempt = LOOK_BACK if symbols == IN_BULK else 10
        assert run_until_quiet(field).calls == attempt
        assert run_until_quiet(field).calls == 0, "another worker knows of it"
        an_hour_later(field)
        assert run_until_quiet(field).calls == attempt
        an_hour_later(field)
        field.vendor.post("/publish", {"exchange": "US", "date": TUESDAY})
        run_until_quiet(field)
        field.assert_true()
        assert value(field.url, LACKING, TUESDAY) == 0
        assert value(field.url, LATE) == 0


def test_an_asset_whose_session_is_late_is_requested_once_an_hour(
    small_field: UpdateField,
) -> None:
    """Of an exchange with a single asset no others say that the session is not out."""
    with begun(small_field):
        small_field.vendor.post("/publish", {"exchange": "US", "date": MONDAY})
        execute(small_field.url, "UPDATE assets SET is_active = (id = 7)")
        assert [run_until_quiet(small_field).calls for _ in range(2)] == [1, 0]
        an_hour_later(small_field)
        assert run_until_quiet(small_field).calls == 1


def test_sessions_that_were_fetched_in_bulk_are_not_fetched_so_again_within_the_hour(
    bulk_field: UpdateField, commands: Commands
) -> None:
    """Assets that it could not advance, however many, are read one by one."""
    del commands
    field = bulk_field
    assert run_until_quiet(field).steps.bulk  # type: ignore[union-attr]
    since = field.requests()
    execute(
        field.url,
        "UPDATE assets SET synced_through = '2026-11-09', last_synced = now() - interval '9 days'",
    )
    field.vendor.post("/faults", {"kind": "status", "status": 404, "endpoint": "eod"})
    run_until_quiet(field, attempts=1)
    assert in_bulk(field, since) == 0


def test_a_worker_without_the_calls_of_a_session_holds_no_update_up(
    bulk_field: UpdateField, commands: Commands, tmp_path: Path
) -> None:
    """What it leaves to people pays for the session, and first loads go on meanwhile."""
    field = bulk_field
    execute(
        field.url,
        "UPDATE assets SET last_synced = NULL, synced_through = NULL, last_bar = NULL,"
        " settled_through = NULL WHERE id = 3",
        "DELETE FROM market_data WHERE asset_id = 3",
        "DELETE FROM sync_log WHERE asset_id = 3",
    )
    limit_calls(field, 10_000, 9_000)
    try:
        loaded = "SELECT count(*) FROM market_data WHERE asset_id = 3"
        with at_work(commands, 1, tmp_path, reserve=0.09):
            eventually(lambda: value(field.url, loaded))
            assert value(field.url, LACKING, TUESDAY) > 0
            with forked_update(commands, field.now, **SETTINGS) as updating:
                updating.join(60)
            assert updating.exitcode == 0
        assert value(field.url, LACKING, TUESDAY) == 0
    finally:
        limit_calls(field, 10_000_000, 0)


def test_a_fleet_shares_a_first_load(small_field: UpdateField, tmp_path: Path) -> None:
    field = small_field
    with begun(field) as commands:
        execute(
            field.url,
            "TRUNCATE market_data, sync_log, splits, dividends",
            "UPDATE assets SET last_synced = NULL, synced_through = NULL, last_bar = NULL,"
            " settled_through = NULL, read_whole_at = NULL",
        )
        field.vendor.post("/faults", {"kind": "slow", "endpoint": "eod", "bytes_per_sec": 4_000})
        since = field.requests()
        with at_work(commands, 2, tmp_path):
            eventually(lambda: not value(field.url, LACKING, TUESDAY), 60)
        read = histories(field, since)
        assert (len(read), {*read.values()}) == (SINGLY, {1})
        shares = "SELECT count(*) FROM sync_log GROUP BY run_id ORDER BY 1"
        least, most = (row[0] for row in rows(field.url, shares))
        assert least >= SINGLY - 64, "a worker claims 64 at once"
        assert least + most == SINGLY
        field.assert_true()


def test_the_events_of_a_worker_name_what_it_waits_for(bulk_field: UpdateField) -> None:
    with begun(bulk_field):
        seen: list[Event] = []
        drain = Drain(ignore)

        def observe(event: Event) -> None:
            seen.append(event)
            if type(event).__name__ == "Waiting":
                drain.request("test")

        limit_calls(bulk_field, 1_000, 900)
        settings = settings_of(bulk_field.vendor, bulk_field.url)
        try:
            report = asyncio.run(work(settings, None, observe, drain, lambda: NOW))
        finally:
            limit_calls(bulk_field, 10_000_000, 0)
        assert (report.calls, report.ended_by) == (0, None)
        (waiting,) = (event for event in seen if type(event).__name__ == "Waiting")
        assert getattr(waiting, "reason", "") == "the daily quota"


def test_what_is_published_while_an_answer_is_under_way_is_not_taken_for_absent(
    small_field: UpdateField,
) -> None:
    """The slowest answer left the vendor before Wednesday was out, and arrives after it."""
    field, slowest = small_field, "AAPL.US"
    with begun(field):
        execute(
            field.url,
            "UPDATE assets SET last_synced = last_synced - interval '1 hour' WHERE symbol = 'AAPL'",
        )
        since, is_out = field.requests(), False
        slow = {"kind": "slow", "endpoint": "eod"}
        field.vendor.post("/faults", {**slow, "symbol": slowest, "bytes_per_sec": 800, "times": 1})
        field.vendor.post("/faults", {**slow, "bytes_per_sec": 20_000})

        def clock() -> datetime:
            """Wednesday is out once some histories were requested on Tuesday."""
            nonlocal is_out
            if not is_out and len(histories(field, since)) >= 8:
                field.vendor.post("/publish", {"exchange": "US", "date": WEDNESDAY})
                is_out = True
            return MORNING_AFTER[WEDNESDAY if is_out else TUESDAY]

        run_until_quiet(field, clock, concurrency=2)
        assert is_out
        field.vendor.delete("/faults")
        an_hour_later(field)
        run_until_quiet(field, clock)
        asked = [symbol for symbol, _ in histories(field, since).elements()]
        assert asked.count(slowest) >= 2
        field.assert_true()
