"""A fleet under one key's limits: the vendor's own log is the witness of what it sent.

The minute is judged in every place where 60 seconds can lie, not only where the vendor counts.
"""

from __future__ import annotations

import signal
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.support.postgres.tables import add_assets, eventually, value
from tests.support.programs.commands import Commands, Finished, Running
from tests.support.vendor.sandbox import sandbox
from tests.support.vendor.truth import codes
from tests.system.conftest import Placed

WORKERS = 3
DRAINED = 75
Entry = dict[str, Any]


@contextmanager
def fleet(commands: Commands) -> Iterator[list[Running]]:
    """Workers on one database, with one key."""
    with ExitStack() as stack:
        yield [stack.enter_context(commands.running("worker", "--json")) for _ in range(WORKERS)]


def drained(workers: list[Running]) -> list[Finished]:
    for worker in workers:
        worker.signal(signal.SIGTERM)
    return [worker.end() for worker in workers]


def eod(log: list[Entry], status: int = 200) -> list[Entry]:
    """The requests for histories that were answered so."""
    return [entry for entry in log if (entry["endpoint"], entry["status"]) == ("eod", status)]


def most_in(seconds: float, log: list[Entry]) -> int:
    """The most requests in any such time; the fullest begin with a request."""
    arrivals = sorted(entry["monotonic"] for entry in log)
    return max(bisect_left(arrivals, moment + seconds) - n for n, moment in enumerate(arrivals))


def assert_each_was_loaded_once(ended: list[Finished], log: list[Entry]) -> None:
    """The workers drained and lost nothing, and no asset was answered twice."""
    assert [done.code for done in ended] == [DRAINED] * WORKERS, [done.stderr for done in ended]
    answered = Counter(entry["symbol"] for entry in eod(log))
    assert set(answered.values()) == {1}
    reports = [done.answer for done in ended]
    assert sum(report["synced"] for report in reports) == answered.total()
    assert {(report["failed"], report["fenced"]) for report in reports} == {(0, 0)}


@pytest.mark.parametrize(
    "seconds", [5, pytest.param(60, marks=pytest.mark.campaign(60, "seconds"))]
)
def test_no_seconds_hold_more_than_their_share_however_many_workers_share_the_limit(
    commands_for: Placed, database_url: str, seconds: int
) -> None:
    limit = 600
    # What is late by half a second comes out of the spare of a minute; five seconds have none.
    share = limit if seconds == 60 else limit * (seconds + 0.5) / 60
    with sandbox(symbols=900, bars_per_symbol=3, clean=True, minute_limit=limit) as vendor:
        add_assets(database_url, *codes(vendor))
        with fleet(commands_for(vendor)) as workers:
            eventually(lambda: eod(vendor.log()), 60)
            time.sleep(1.1 * seconds)  # so that some of them are as full as they get
            ended = drained(workers)
        log = vendor.log()
    assert {entry["status"] for entry in log} == {200}
    assert share / 2 < most_in(seconds, log) <= share, "far below it, nothing would be shown"
    assert_each_was_loaded_once(ended, log)
    assert all(done.answer["synced"] for done in ended), "the work is shared"
    assert value(database_url, "SELECT count(*) FROM quota_ledger") == 1, "one key has one row"
    charged = value(database_url, "SELECT spent FROM quota_ledger")
    assert charged == sum(entry["cost"] for entry in log)


def test_when_somebody_else_fills_the_minute_all_wait_and_few_are_refused(
    commands_for: Placed, database_url: str
) -> None:
    """While the minute is full, workers that did not wait would get dozens of 429s."""
    limit = 600
    with sandbox(symbols=300, bars_per_symbol=3, clean=True, minute_limit=limit) as vendor:
        add_assets(database_url, *codes(vendor))
        with fleet(commands_for(vendor)) as workers:
            eventually(lambda: len(eod(vendor.log())) >= 20, 60)
            # A minute of the vendor's that begins now, is nearly full, and over in 5 seconds.
            vendor.post("/limits", {"minute_used": 1})
            vendor.post("/clock", {"advance_sec": 55})
            vendor.post("/spend", {"requests": limit - 4})
            eventually(lambda: vendor.post("/limits", {})["remaining"] == 0)
            before = len(eod(vendor.log()))
            eventually(lambda: len(eod(vendor.log())) >= before + 20, 60)
            ended = drained(workers)
        log = vendor.log()
    # Each is told once; another request may be on its way meanwhile.
    assert len(eod(log, 429)) <= 2 * WORKERS
    assert_each_was_loaded_once(ended, log)


def test_calls_that_somebody_else_spent_do_not_count_as_left(
    commands_for: Placed, database_url: str
) -> None:
    with sandbox(symbols=30, bars_per_symbol=3, clean=True, daily_limit=100) as vendor:
        add_assets(database_url, *codes(vendor))
        commands = commands_for(vendor)
        left = []
        for calls in (0, 50):
            vendor.post("/spend", {"calls": calls})
            assert commands.run("backfill", "--limit", "5").code == 0
            left.append(commands.run("plan", "--json").answer["quota_left"])
        account = vendor.ask("/user").json()
    assert left[0] - left[1] == 50 + 5
    assert left[1] == account["dailyRateLimit"] - account["apiRequests"]
