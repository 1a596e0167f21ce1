"""Each attempt is one request on the wire, paid for and counted, also on a connection that dies."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.postgres.tables import add_assets, rows
from tests.support.programs.commands import Commands
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes
from tests.system.conftest import Placed

SYMBOLS = 12
# A run asks for the account once, before it asks for anything that costs calls.
ACCOUNT = 1


@pytest.fixture(scope="module")
def shared_vendor() -> Iterator[Sandbox]:
    with sandbox(symbols=SYMBOLS, bars_per_symbol=20, clean=True, minute_limit=1_000_000) as vendor:
        yield vendor


@pytest.fixture
def vendor(shared_vendor: Sandbox) -> Iterator[Sandbox]:
    yield shared_vendor
    shared_vendor.delete("/faults")


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed, database_url: str) -> Commands:
    """Commands whose assets are known already."""
    add_assets(database_url, *codes(vendor))
    return commands_for(vendor)


def asked(vendor: Sandbox, since: int) -> Counter[str]:
    """How often each symbol's history was asked for since a length of the log."""
    return Counter(entry["symbol"] for entry in vendor.log()[since:] if entry["endpoint"] == "eod")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "rst_before"},
        {"kind": "rst_at", "bytes": 10},
        {"kind": "hang"},
        {"kind": "truncate_length"},
        {"kind": "status", "status": 503},
    ],
    ids=lambda fault: fault["kind"],
)
def test_a_failed_attempt_is_one_request_on_a_kept_connection_too(
    vendor: Sandbox, commands: Commands, fault: dict[str, object]
) -> None:
    """A client that sends a dropped GET again by itself would double what is paid."""
    since = len(vendor.log())
    vendor.post("/faults", {**fault, "endpoint": "eod", "symbol": "MSFT.US"})
    done = commands.run("backfill", "--concurrency", "1", "--json", attempts=3, answer_seconds=0.5)
    counts = asked(vendor, since)
    assert counts.pop("MSFT.US") == 3
    assert set(counts.values()) == {1}
    assert (done.code, done.answer["failed"]) == (3, 1)
    assert done.answer["calls"] == 3 + len(counts)
    assert done.answer["requests"] == done.answer["calls"] + ACCOUNT


def test_a_request_that_meets_a_closing_connection_is_a_counted_attempt(
    vendor: Sandbox, commands: Commands
) -> None:
    """The vendor says keep-alive and hangs up a moment later, as the next request arrives."""
    since = len(vendor.log())
    vendor.post("/faults", {"kind": "close_idle", "endpoint": "eod", "after_sec": 0.2})
    # Nearly every request needs a retry: no more of them than the retry budget holds at first.
    done = commands.run(
        *("backfill", "--limit", "9", "--concurrency", "1", "--json"),
        *("--log-format", "json", "--log-level", "info"),
        attempts=10,
    )
    assert done.code == 0, done.stderr
    counts = asked(vendor, since)
    assert (len(counts), set(counts.values())) == (9, {1})
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    retried = [line for line in lines if line["event"] == "Retried"]
    assert done.answer["requests"] == counts.total() + len(retried) + ACCOUNT
    assert retried, "no request met a closing connection: the fault has lost its point"


def test_what_a_run_paid_stands_in_the_log_of_its_answers(
    vendor: Sandbox, commands: Commands, database_url: str
) -> None:
    vendor.post("/faults", {"kind": "rst_before", "symbol": "MSFT.US", "times": 2})
    done = commands.run("backfill", "--json")
    assert done.code == 0
    paid = rows(
        database_url,
        "SELECT symbol, requests, calls FROM sync_log JOIN assets a ON a.id = asset_id"
        " WHERE requests <> 1",
    )
    assert paid == [("MSFT", 3, 3)]
    assert done.answer["requests"] == SYMBOLS + 2 + ACCOUNT


def test_the_request_names_no_dates_at_first_and_later_only_what_is_new(
    vendor: Sandbox, commands: Commands, database_url: str
) -> None:
    since = len(vendor.log())
    commands.run("backfill")
    assert {"from", "to"} & {
        key for entry in vendor.log()[since:] for key in entry["query"]
    } == set()
    since = len(vendor.log())
    done = commands.run("backfill", "--days-old", "0", "--json")
    cursors: dict[str, str] = dict(
        rows(
            database_url,
            "SELECT symbol || '.US', (synced_through - 10)::text FROM assets",
        )
    )
    log = [entry for entry in vendor.log()[since:] if entry["endpoint"] == "eod"]
    assert {entry["symbol"]: entry["query"]["from"] for entry in log} == cursors
    assert (done.answer["inserted"], done.answer["revised"]) == (0, 0)
    assert done.answer["unchanged"] == done.answer["total_rows"] > 0
