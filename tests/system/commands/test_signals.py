"""SIGINT and SIGTERM drain a run, a second one ends it at once; what was paid for is kept."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.postgres.tables import add_assets, eventually, rows, value
from tests.support.programs.commands import Commands
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes, differences, truth
from tests.system.conftest import Placed

SYMBOLS = 80
# So many requests are in flight at first: more only once answers come back clean.
AT_FIRST = 4
# Settings of a run that would wait longer than any test.
PATIENT = {"grace_seconds": 10_000, "answer_seconds": 10_000}


@pytest.fixture(scope="module")
def shared_vendor() -> Iterator[Sandbox]:
    """A vendor that takes its time, so that a signal finds requests under way."""
    options = {"symbols": SYMBOLS, "bars_per_symbol": 50, "clean": True, "latency": 100}
    with sandbox(minute_limit=1_000_000, **options) as vendor:  # type: ignore[arg-type]
        yield vendor


@pytest.fixture
def vendor(shared_vendor: Sandbox) -> Iterator[Sandbox]:
    yield shared_vendor
    shared_vendor.delete("/faults")


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed, database_url: str) -> Commands:
    add_assets(database_url, *codes(vendor))
    return commands_for(vendor)


def eod(vendor: Sandbox, since: int) -> list[dict[str, Any]]:
    return [entry for entry in vendor.log()[since:] if entry["endpoint"] == "eod"]


def leases(url: str) -> int:
    return int(value(url, "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL"))


def answered(url: str) -> set[str]:
    query = "SELECT symbol || '.US' FROM assets WHERE last_synced IS NOT NULL"
    return {row[0] for row in rows(url, query)}


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_drains_the_run_and_the_next_one_goes_on(
    commands: Commands, vendor: Sandbox, database_url: str, number: signal.Signals, code: int
) -> None:
    since = len(vendor.log())
    with commands.running("backfill", "--no-limit", "--json") as backfill:
        eventually(lambda: len(eod(vendor, since)) >= 20)
        backfill.signal(number)
        done = backfill.end()
    assert done.code == code, done.stderr
    asked = Counter(entry["symbol"] for entry in eod(vendor, since))
    assert answered(database_url) == set(asked), "what was asked for is committed"
    assert done.answer["synced"] == done.answer["calls"] == asked.total() < SYMBOLS
    assert done.answer["requests"] == len(vendor.log()[since:]), "the account's one included"
    assert leases(database_url) == 0
    assert value(database_url, "SELECT outcome FROM runs") == f"drained: {number.name}"
    assert f"stopped by {number.name}; run it again to continue" in done.stderr
    resumed = commands.run("backfill", "--no-limit", "--json")
    assert (resumed.code, resumed.answer["synced"]) == (0, SYMBOLS - asked.total())
    asked = Counter(entry["symbol"] for entry in eod(vendor, since))
    assert (len(asked), asked.total()) == (SYMBOLS, SYMBOLS)
    assert differences(database_url, truth(vendor))["lost"] == 0


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (signal.SIGINT, signal.SIGINT, 130),
        (signal.SIGTERM, signal.SIGTERM, 143),
        (signal.SIGTERM, signal.SIGINT, 130),
    ],
    ids=["SIGINT twice", "SIGTERM twice", "SIGTERM, then SIGINT"],
)
def test_a_second_signal_ends_the_run_at_once(
    commands: Commands, vendor: Sandbox, first: signal.Signals, second: signal.Signals, code: int
) -> None:
    """The first alone would wait for requests that are never answered."""
    since = len(vendor.log())
    vendor.post("/faults", {"kind": "hang", "endpoint": "eod"})
    with commands.running("backfill", **PATIENT) as backfill:
        eventually(lambda: len(eod(vendor, since)) == AT_FIRST)
        backfill.signal(first)
        backfill.says("Draining")
        backfill.signal(second)
        assert backfill.end().code == code


def test_what_a_second_signal_left_is_taken_over_by_the_next_run(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    since = len(vendor.log())
    vendor.post("/faults", {"kind": "hang", "endpoint": "eod"})
    with commands.running("backfill", "--symbols", "AAPL.US", **PATIENT) as backfill:
        eventually(lambda: eod(vendor, since))
        backfill.signal(signal.SIGTERM)
        backfill.says("Draining")
        backfill.signal(signal.SIGTERM)
        assert backfill.end().code == 143
    assert leases(database_url) == 1
    vendor.delete("/faults")
    assert commands.run("backfill", "--symbols", "AAPL.US", "--json").answer["synced"] == 1


def test_requests_that_outlast_the_grace_are_given_up_and_their_assets_stay_due(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    since = len(vendor.log())
    vendor.post("/faults", {"kind": "hang", "endpoint": "eod"})
    with commands.running("backfill", "--json", grace_seconds=3) as backfill:
        eventually(lambda: len(eod(vendor, since)) == AT_FIRST)
        backfill.signal(signal.SIGTERM)
        begun = time.monotonic()
        done = backfill.end()
    assert time.monotonic() - begun < 3, "all of it, the writing included, within the grace"
    assert (done.code, done.answer["calls"]) == (75, AT_FIRST)
    assert leases(database_url) == 0
    assert value(database_url, "SELECT max(times_failed) FROM assets") == 0


def test_a_run_that_waits_for_the_vendor_s_limit_can_be_drained(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    told = {"kind": "status", "status": 429, "headers": {"Retry-After": "800"}}
    vendor.post("/faults", {**told, "endpoint": "eod"})
    with commands.running("backfill", grace_seconds=1) as backfill:
        backfill.says("Waiting")
        backfill.signal(signal.SIGINT)
        assert backfill.end().code == 130
    assert leases(database_url) == 0


def test_a_second_signal_also_ends_a_run_that_ends_by_itself(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    """It has been told that the quota is spent, and waits for requests that hang."""
    vendor.post("/faults", {"kind": "status", "status": 402, "symbol": "AAPL.US"})
    vendor.post("/faults", {"kind": "hang", "endpoint": "eod"})
    given_back = "SELECT fence = 1 AND lease_owner IS NULL FROM assets WHERE symbol = 'AAPL'"
    with commands.running("backfill", grace_seconds=10, answer_seconds=10_000) as backfill:
        eventually(lambda: value(database_url, given_back))
        backfill.signal(signal.SIGTERM)
        time.sleep(0.2)
        backfill.signal(signal.SIGTERM)
        assert backfill.end().code == 143


def test_the_first_signal_to_a_run_that_ends_by_itself_lets_it_tidy_up(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    """Its key was refused, and it waits for requests that hang: one signal must not kill it."""
    vendor.post("/faults", {"kind": "status", "status": 401, "symbol": "AAPL.US"})
    vendor.post("/faults", {"kind": "hang", "endpoint": "eod"})
    given_back = "SELECT fence = 1 AND lease_owner IS NULL FROM assets WHERE symbol = 'AAPL'"
    with commands.running("backfill", grace_seconds=4, answer_seconds=10_000) as backfill:
        eventually(lambda: value(database_url, given_back))
        backfill.signal(signal.SIGTERM)
        done = backfill.end()
    assert done.code == 5, done.stderr
    assert "401" in done.stderr
    assert leases(database_url) == 0


def test_a_verification_that_is_killed_leaves_its_trial_to_the_next_one(
    commands: Commands, database_url: str
) -> None:
    trials = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'nexus_verify_%%'"
    with commands.running("verify") as verification:
        eventually(lambda: value(database_url, trials) == 1)
        verification.signal(signal.SIGKILL)
        verification.end()
    assert value(database_url, trials) == 1
    assert commands.run("verify").code == 0
    assert value(database_url, trials) == 0
