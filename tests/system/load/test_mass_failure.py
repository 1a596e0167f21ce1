"""A trouble of the way to the vendor that looks like an answer parks no asset and stops the run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from data_nexus.events import Event, Parked, Waiting
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.nightly.worker import work
from data_nexus.ingestion.reports.run_report import RunReport
from tests.support.postgres.tables import add_assets, eventually, execute, rows, snapshot, value
from tests.support.programs.commands import Commands
from tests.support.vendor.nights import settings_of
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes, differences, truth
from tests.system.conftest import Placed

SYMBOLS, BARS = 60, 10
ALIKE, UNFIT, WITNESSES = 10, 40, 3
ACCOUNT = 1
REDIRECT = {"kind": "redirect", "location": "http://login.hotel/"}
BELOW_ZERO = (
    '[{"date": "2024-01-02", "open": -1, "high": -1, "low": -1, "close": -1,'
    ' "adjusted_close": -1, "volume": 1}]'
)
# What a login page, a proxy, a wrong address or a broken router answer for everybody, and after how
# many answers the run must end.
STRUCK: dict[str, tuple[dict[str, Any], int]] = {
    "a redirect": (REDIRECT, 10 + 4),
    "405": ({"kind": "status", "status": 405, "body": "Method Not Allowed"}, ALIKE),
    "400 with a number": ({"kind": "status", "status": 400, "body": "request 77 failed"}, ALIKE),
    "null": ({"kind": "json_null"}, ALIKE),
    "an object": ({"kind": "json_object"}, ALIKE),
    "a page": ({"kind": "html"}, ALIKE),
    "prices below zero": ({"kind": "hostile_json", "body": BELOW_ZERO}, ALIKE),
    "404": ({"kind": "status", "status": 404}, UNFIT),
    "404 with a page": ({"kind": "html", "status": 404}, UNFIT),
}


@pytest.fixture(scope="module")
def shared_vendor() -> Iterator[Sandbox]:
    options = {"symbols": SYMBOLS, "bars_per_symbol": BARS, "clean": True}
    with sandbox(minute_limit=1_000_000, **options) as vendor:  # type: ignore[arg-type]
        yield vendor


@pytest.fixture
def vendor(shared_vendor: Sandbox) -> Iterator[Sandbox]:
    yield shared_vendor
    shared_vendor.delete("/faults")


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed) -> Commands:
    return commands_for(vendor)


def asked(vendor: Sandbox, since: int) -> int:
    return sum(entry["endpoint"] == "eod" for entry in vendor.log()[since:])


def assert_untouched(url: str) -> None:
    """All assets are due as before: none is parked, rests, or is held."""
    moved = (
        "SELECT count(*) FROM assets WHERE parked_at IS NOT NULL OR ask_after IS NOT NULL"
        " OR times_empty > 0 OR lease_owner IS NOT NULL OR last_synced IS NOT NULL"
    )
    assert value(url, moved) == 0
    assert snapshot(url, "dead_letters", "sync_log") == {"dead_letters": [], "sync_log": []}


@pytest.mark.parametrize(
    ("name", "concurrency"),
    [*((name, 5) for name in STRUCK), ("405", 1), ("405", 64), ("404", 64)],
)
def test_an_answer_alike_for_all_ends_the_run_with_6_and_all_stay_due(
    commands: Commands, vendor: Sandbox, database_url: str, name: str, concurrency: int
) -> None:
    add_assets(database_url, *codes(vendor))
    fault, most = STRUCK[name]
    vendor.post("/faults", {**fault, "endpoint": "eod"})
    since = len(vendor.log())
    done = commands.run(
        *("backfill", "--no-limit", "--json", "--concurrency", str(concurrency)),
        attempts=1,
        breaker_seconds=0.05,
    )
    assert done.code == 6, done.stderr
    assert (done.answer["parked"], done.answer["absent"], done.answer["synced"]) == (0, 0, 0)
    assert asked(vendor, since) <= most + concurrency + WITNESSES
    assert "run it again to continue" in done.stderr
    assert_untouched(database_url)
    vendor.delete("/faults")
    again = commands.run("backfill", "--no-limit", "--json")
    assert (again.code, again.answer["synced"]) == (0, SYMBOLS)
    assert again.answer["requests"] == SYMBOLS + ACCOUNT, "a healthy run costs what it did"
    assert differences(database_url, truth(vendor))["lost"] == 0


@pytest.mark.parametrize("command", ["backfill", "verify"])
def test_a_login_page_costs_ten_answers_however_often_each_asset_may_be_asked(
    commands: Commands, vendor: Sandbox, database_url: str, command: str
) -> None:
    add_assets(database_url, *codes(vendor))
    arguments = {
        "backfill": ("backfill", "--no-limit", "--days-old", "0"),
        "verify": ("verify", "--deep", "--no-limit"),
    }
    if command == "verify":
        assert commands.run("backfill", "--no-limit").code == 0
    vendor.post("/faults", {"kind": "html", "endpoint": "eod"})
    since = len(vendor.log())
    done = commands.run(*arguments[command], "--json", attempts=4, backoff_seconds=0.01)
    assert done.code == 6, done.stderr
    checks_own = 5 * 4 if command == "verify" else 0
    assert asked(vendor, since) <= ALIKE + 5 + WITNESSES + checks_own
    assert "is a login page of this network in the way?" in done.stderr


@pytest.mark.parametrize("half", [True, False], ids=["half of them refused", "all alike"])
def test_empty_answers_for_loaded_assets_are_not_believed_while_nothing_else_is_answered(
    commands: Commands, vendor: Sandbox, database_url: str, *, half: bool
) -> None:
    """Neither do they show that the vendor is well, so that refusals among them are believed."""
    add_assets(database_url, *codes(vendor))
    assert commands.run("backfill", "--no-limit", "--json").code == 0
    kept = snapshot(database_url, "market_data")
    if half:
        refusal = {"kind": "status", "status": 405, "share": 0.5}
        vendor.post("/faults", {**refusal, "endpoint": "eod"})
    vendor.post("/faults", {"kind": "hostile_json", "body": "[]", "endpoint": "eod"})
    done = commands.run(
        *("backfill", "--no-limit", "--days-old", "0", "--json"), attempts=1, breaker_seconds=0.05
    )
    assert done.code == 6, done.stderr
    assert (done.answer["parked"], done.answer["absent"], done.answer["synced"]) == (0, 0, 0)
    moved = "SELECT count(*) FROM assets WHERE parked_at IS NOT NULL OR ask_after IS NOT NULL"
    assert value(database_url, moved) == 0
    assert snapshot(database_url, "market_data") == kept
    vendor.delete("/faults")
    again = commands.run("backfill", "--no-limit", "--days-old", "0", "--json")
    assert (again.code, again.answer["failed"]) == (0, 0)


def test_the_error_names_the_reason_and_the_remedy(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    add_assets(database_url, *codes(vendor))
    vendor.post("/faults", {"kind": "status", "status": 405, "body": "Not here", "endpoint": "eod"})
    said = commands.run("backfill", "--no-limit").stderr
    assert "10 answers in a row were of no use" in said
    assert "405 Not here" in said
    assert "EODHD_BASE_URL" in said


def test_a_redirect_is_tried_again_and_never_followed(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    add_assets(database_url, "AAPL", "MSFT")
    vendor.post("/faults", {**REDIRECT, "endpoint": "eod", "times": 2})
    done = commands.run("backfill", "--json", "--concurrency", "1", backoff_seconds=0.01)
    assert (done.code, done.answer["synced"], done.answer["requests"]) == (0, 2, 2 + 2 + ACCOUNT)


def test_a_trouble_that_begins_in_the_middle_stops_the_run_there(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    listed = codes(vendor)
    add_assets(database_url, *listed)
    for code in listed[30:]:
        vendor.post("/faults", {"kind": "json_null", "symbol": f"{code}.US"})
    # The witnesses answered a moment ago.
    vendor.post("/faults", {"kind": "unordered", "endpoint": "eod", "times": 30})
    vendor.post("/faults", {"kind": "json_null", "endpoint": "eod"})
    done = commands.run("backfill", "--no-limit", "--json", "--concurrency", "2")
    assert (done.code, done.answer["parked"]) == (6, 0)
    assert 20 <= done.answer["synced"] <= 30
    assert value(database_url, "SELECT count(*) FROM assets WHERE parked_at IS NOT NULL") == 0


def test_symbols_that_are_truly_unlisted_block_nothing_at_the_queue_s_head(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    """A new database asks for them first; others show that the vendor answers."""
    unlisted = UNFIT + 2
    add_assets(database_url, *(f"NONE{n}" for n in range(unlisted)))
    add_assets(database_url, *codes(vendor))
    done = commands.run("backfill", "--no-limit", "--json")
    assert done.code == 0, done.stderr
    assert (done.answer["absent"], done.answer["synced"]) == (unlisted, SYMBOLS)
    assert done.answer["requests"] <= unlisted + SYMBOLS + ACCOUNT + WITNESSES
    resting = "SELECT count(*) FROM assets WHERE ask_after > now() AND symbol LIKE 'NONE%%'"
    assert value(database_url, resting) == unlisted


def test_assets_refused_for_the_same_reason_are_parked_while_others_are_answered(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    listed = codes(vendor)
    add_assets(database_url, *listed)
    refused = listed[: 2 * ALIKE + 3]
    for code in refused:
        vendor.post("/faults", {"kind": "status", "status": 422, "symbol": f"{code}.US"})
    done = commands.run("backfill", "--no-limit", "--json")
    assert (done.code, done.answer["parked"]) == (3, len(refused))
    assert done.answer["synced"] == SYMBOLS - len(refused)
    assert done.answer["failed"] == 0
    letters = {row[0] for row in rows(database_url, "SELECT reason FROM dead_letters")}
    assert letters == {f"{code}.US: 422" for code in refused}


def test_a_few_refusals_are_settled_at_the_end_as_ever(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    add_assets(database_url, *codes(vendor)[: ALIKE - 1])
    vendor.post("/faults", {"kind": "status", "status": 422, "endpoint": "eod"})
    done = commands.run("backfill", "--no-limit", "--json")
    assert (done.code, done.answer["parked"], done.answer["requests"]) == (
        3,
        ALIKE - 1,
        ALIKE - 1 + ACCOUNT,
    )


def run_worker(vendor: Sandbox, url: str, observe: Any, **values: object) -> RunReport:  # noqa: ANN401
    """Run a worker in this process until `observe`, given its drain, asks it to stop."""

    async def run() -> RunReport:
        drain = Drain(lambda _: None)
        settings = replace(settings_of(vendor, url, **values), poll_seconds=0.05)
        async with asyncio.timeout(60):
            return await work(settings, None, lambda event: observe(event, drain), drain)

    return asyncio.run(run())


def test_a_worker_waits_until_the_vendor_answers_again(vendor: Sandbox, database_url: str) -> None:
    add_assets(database_url, *codes(vendor))
    vendor.post("/faults", {"kind": "status", "status": 405, "endpoint": "eod"})
    seen: list[Event] = []

    def observe(event: Event, drain: Drain) -> None:
        seen.append(event)
        if isinstance(event, Waiting):
            vendor.delete("/faults")
        synced = "SELECT count(*) FROM assets WHERE last_synced IS NOT NULL"
        if (
            type(event).__name__ == "TransactionCommitted"
            and value(database_url, synced) == SYMBOLS
        ):
            drain.request("test")

    report = run_worker(vendor, database_url, observe, breaker_seconds=0.05, days_old=1)
    assert (report.ended_by, report.synced, report.parked) == (None, SYMBOLS, 0)
    assert not any(isinstance(event, Parked) for event in seen)
    (wait,) = (event for event in seen if isinstance(event, Waiting))
    assert "the vendor to recover" in wait.reason
    assert "405" in wait.reason


def test_a_worker_wakes_what_rested_and_whose_time_has_come(
    vendor: Sandbox, database_url: str
) -> None:
    first, second, *_ = codes(vendor)
    add_assets(database_url, first, second, times_empty=1)
    execute(
        database_url,
        "UPDATE assets SET ask_after = now() + CASE WHEN id % 2 = (SELECT min(id) % 2 FROM assets)"
        " THEN interval '-1 minute' ELSE interval '12 hours' END",
    )

    def observe(event: Event, drain: Drain) -> None:
        if type(event).__name__ == "Committed":
            drain.request("test")

    assert run_worker(vendor, database_url, observe).synced == 1
    answered = "SELECT symbol FROM assets WHERE last_synced IS NOT NULL"
    assert rows(database_url, answered) == [(first,)]


def test_a_run_that_nothing_answers_ends_with_6_even_with_one_asset(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    add_assets(database_url, *codes(vendor)[:1])
    gone = replace(
        commands,
        environment={**commands.environment, "EODHD_BASE_URL": "https://no-such-host.invalid/api"},
    )
    done = gone.run("backfill", "--limit", "1", "--json", attempts=1)
    assert (done.code, done.answer["failed"], done.answer["requests"]) == (6, 1, 0)
    assert "the host's name is not known" in done.stderr
    assert ": :" not in done.stderr, "every error has a subject"
    assert value(database_url, "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL") == 0
    eventually(lambda: commands.run("backfill", "--limit", "1").code == 0, 5)


def test_a_worker_that_waits_for_the_vendor_can_be_drained(
    vendor: Sandbox, database_url: str
) -> None:
    add_assets(database_url, *codes(vendor))
    vendor.post("/faults", {"kind": "json_null", "endpoint": "eod"})

    def observe(event: Event, drain: Drain) -> None:
        if isinstance(event, Waiting):
            drain.request("test")

    report = run_worker(vendor, database_url, observe, breaker_seconds=30)
    assert (report.ended_by, report.drained_by) == (None, "test")
    assert_untouched(database_url)
