"""What concerns the whole run: credentials, quota, rate, a vendor or a database out of reach."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.postgres.tables import add_assets, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes, differences, truth
from tests.system.conftest import Placed

SYMBOLS = 60


@pytest.fixture(scope="module")
def shared_vendor() -> Iterator[Sandbox]:
    with sandbox(symbols=SYMBOLS, bars_per_symbol=10, clean=True, minute_limit=1_000_000) as vendor:
        yield vendor


@pytest.fixture
def vendor(shared_vendor: Sandbox) -> Iterator[Sandbox]:
    yield shared_vendor
    shared_vendor.delete("/faults")
    shared_vendor.post("/limits", {"daily": 100_000, "used": 0})


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed, database_url: str) -> Commands:
    """Commands whose assets are known already."""
    add_assets(database_url, *codes(vendor))
    return commands_for(vendor)


def with_variable(commands: Commands, **variables: str) -> Commands:
    return replace(commands, environment={**commands.environment, **variables})


def eod(vendor: Sandbox, since: int = 0) -> list[dict[str, Any]]:
    return [entry for entry in vendor.log()[since:] if entry["endpoint"] == "eod"]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def leases(url: str) -> int:
    return int(value(url, "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL"))


def test_the_first_request_of_a_key_does_not_wait_for_a_minute_that_nobody_has_used(
    commands_for: Placed,
) -> None:
    """Of 60 requests a minute; more are assumed until the first answer."""
    with sandbox(symbols=1, bars_per_symbol=1, clean=True, minute_limit=60) as vendor:
        commands = commands_for(vendor)
        assert commands.run("discover", "--exchange", "US").code == 0
        assert commands.run("backfill").code == 0
        moments = [entry["monotonic"] for entry in vendor.log()]
        asked = [entry["endpoint"] for entry in vendor.log()]
    assert asked == ["user", "exchange-symbol-list", "user", "eod"]
    assert moments[1] - moments[0] < 5
    assert moments[3] - moments[2] < 5


def test_a_refused_token_ends_the_run_at_once_with_5(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    since = len(vendor.log())
    done = with_variable(commands, EODHD_API_KEY="wrong-0123456789.87654321").run(
        "backfill", "--no-limit", "--json"
    )
    assert done.code == 5
    assert done.answer["synced"] == 0
    assert done.answer["requests"] == len(vendor.log()[since:]) == 1
    assert "wrong-0123456789" not in done.stdout + done.stderr
    assert leases(database_url) == 0


def test_a_refused_product_ends_the_run_with_5_and_what_was_fetched_stays(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    vendor.post("/faults", {"kind": "status", "status": 403, "symbol": "MSFT.US"})
    done = commands.run("backfill", "--no-limit", "--concurrency", "1", "--json")
    assert done.code == 5
    assert "MSFT.US: 403" in done.stderr
    answered = "SELECT count(*) FROM assets WHERE last_synced IS NOT NULL"
    assert 0 < done.answer["synced"] == value(database_url, answered) < SYMBOLS
    assert value(database_url, "SELECT max(times_failed) FROM assets") == 0
    assert leases(database_url) == 0


def test_a_refusal_is_told_in_the_vendor_s_words(commands: Commands, vendor: Sandbox) -> None:
    words = "Only EOD data allowed for free users."
    vendor.post("/faults", {"kind": "status", "status": 403, "body": words})
    done = commands.run("backfill")
    assert words in done.stderr


def test_a_quota_that_does_not_suffice_is_spent_to_the_last_call_and_ends_the_run_with_4(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    since = len(vendor.log())
    vendor.post("/limits", {"daily": 20, "used": 0})
    done = commands.run("backfill", "--no-limit", "--json")
    assert done.code == 4
    assert re.search(r"they are renewed at \d{4}-\d\d-\d\d \d\d:\d\d UTC", done.stderr)
    assert done.answer["synced"] == done.answer["inserted"] / 10 == 20
    statuses = {entry["status"] for entry in eod(vendor, since)}
    assert statuses == {200}, "nothing is sent that the day does not hold"
    assert leases(database_url) == 0
    vendor.post("/limits", {"daily": 100_000})
    resumed = commands.run("backfill", "--no-limit", "--json")
    assert (resumed.code, resumed.answer["synced"]) == (0, SYMBOLS - 20)
    served = [entry["symbol"] for entry in eod(vendor, since) if entry["status"] == 200]
    assert len(served) == len(set(served)) == SYMBOLS
    assert differences(database_url, truth(vendor))["lost"] == 0


def test_a_402_that_nobody_expected_ends_the_run_with_4(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    since = len(vendor.log())
    vendor.post("/faults", {"kind": "status", "status": 402, "symbol": "TSLA.US", "times": 1})
    done = commands.run("backfill", "--no-limit", "--json")
    assert (done.code, "they are renewed at" in done.stderr) == (4, True)
    refused = [entry for entry in eod(vendor, since) if entry["status"] == 402]
    assert len(refused) == 1, "nobody goes on asking once one was told"
    assert done.answer["synced"] == len(eod(vendor, since)) - 1
    assert leases(database_url) == 0
    assert value(database_url, "SELECT max(times_failed) FROM assets") == 0
    assert commands.run("plan", "--json").answer["quota_left"] == 0


def test_a_402_is_believed_until_the_vendor_s_own_count_shows_calls(
    commands: Commands, vendor: Sandbox
) -> None:
    vendor.post("/limits", {"daily": 20, "used": 20})
    vendor.post("/faults", {"kind": "hang", "endpoint": "user"})
    told = commands.run("backfill", "--no-limit", "--json", answer_seconds=0.5)
    assert (told.code, told.answer["synced"]) == (4, 0)
    vendor.delete("/faults")
    since = len(vendor.log())
    again = commands.run("backfill", "--no-limit", "--json")
    assert (again.code, again.answer["calls"], eod(vendor, since)) == (4, 0, [])
    vendor.post("/limits", {"daily": 100_000})
    bought = commands.run("backfill", "--no-limit", "--json")
    assert (bought.code, bought.answer["synced"]) == (0, SYMBOLS)


@pytest.mark.parametrize("header", ["seconds", "date"])
def test_all_wait_as_long_as_the_vendor_says_and_no_attempt_is_lost(
    commands: Commands, vendor: Sandbox, header: str
) -> None:
    since, wait = len(vendor.log()), 2
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=wait + 2), usegmt=True)
    told = {"Retry-After": str(wait) if header == "seconds" else until}
    vendor.post(
        "/faults",
        {"kind": "status", "status": 429, "headers": told, "symbol": "AMZN.US", "times": 1},
    )
    # The others take their time, so that they are not done before the wait begins.
    vendor.post("/faults", {"kind": "slow", "bytes_per_sec": 8000, "endpoint": "eod"})
    done = commands.run("backfill", "--no-limit", "--json", attempts=1)
    assert (done.code, done.answer["synced"]) == (0, SYMBOLS)
    log = eod(vendor, since)
    (refused,) = (entry for entry in log if entry["status"] == 429)
    later = [entry["monotonic"] - refused["monotonic"] for entry in log]
    assert [seconds for seconds in later if 0.3 < seconds < wait - 0.5] == []
    assert max(later) >= wait - 0.5


def test_a_vendor_out_of_reach_ends_the_run_with_6(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    gone = with_variable(commands, EODHD_BASE_URL=f"http://127.0.0.1:{closed_port()}/api")
    done = gone.run("backfill", "--no-limit", "--json", attempts=2, breaker_seconds=0.05)
    assert done.code == 6
    assert done.answer["failed"] < SYMBOLS
    assert (done.answer["requests"], done.answer["calls"]) == (0, 0), "nothing was sent"
    assert value(database_url, "SELECT spent FROM quota_ledger") == 0
    assert leases(database_url) == 0
    assert commands.run("backfill", "--no-limit").code == 0
    assert differences(database_url, truth(vendor))["lost"] == 0


def test_a_vendor_that_only_fails_ends_the_run_with_6_after_few_requests(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    since = len(vendor.log())
    vendor.post("/faults", {"kind": "status", "status": 503, "endpoint": "eod"})
    # With so few attempts, no retry has to be saved up for.
    done = commands.run("backfill", "--no-limit", "--json", attempts=2, breaker_seconds=0.05)
    assert done.code == 6
    # Ten open the breaker, five are under way then; each of seven pauses ends with one probe.
    assert 10 <= len(eod(vendor, since)) <= 10 + 5 + 7
    assert leases(database_url) == 0


def test_a_database_out_of_reach_ends_any_command_with_7(commands: Commands) -> None:
    url = f"postgresql://nobody:hunter2-canary@127.0.0.1:{closed_port()}/none"
    lost = with_variable(commands, DATABASE_URL=url)
    with ThreadPoolExecutor() as at_once:
        ended = at_once.map(
            lambda command: lost.run(command, "--json"),
            ("discover", "backfill", "plan", "status", "verify"),
        )
    for done in ended:
        assert (done.code, done.answer["exit_code"]) == (7, 7)
        assert "PostgreSQL" in done.answer["error"]
        assert "hunter2" not in done.stdout + done.stderr


def test_a_database_without_tables_is_told_apart_and_upgraded(
    vendor: Sandbox, tmp_path: Path, database_url: str
) -> None:
    """DATABASE_URL names somebody's server: its tables are made when its owner says so."""
    commands = with_variable(
        commands_at(tmp_path, vendor, database_url), NEXUS_SCHEMA="prices", NEXUS_WRITERS="1"
    )
    refused = commands.run("discover", "--json")
    assert (refused.code, "nexus db upgrade" in refused.answer["error"]) == (7, True)
    assert commands.run("db", "upgrade", "--json").code == 0
    assert commands.run("discover", "--json").code == 0
    assert commands.run("backfill", "--no-limit").code == 0
    assert value(database_url, "SELECT count(*) FROM prices.market_data") == SYMBOLS * 10
    assert value(database_url, "SELECT count(*) FROM public.market_data") == 0


def test_without_a_key_the_way_on_is_named(commands: Commands) -> None:
    environment = dict(commands.environment)
    del environment["EODHD_API_KEY"]
    for command in ("discover", "backfill", "worker"):
        done = replace(commands, environment=environment).run(command, "--json")
        assert done.code == 2
        assert "nexus demo" in done.answer["error"]


def test_the_key_may_lie_in_a_file_that_only_its_owner_reads(
    commands: Commands, vendor: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text(f"{vendor.token}\n")
    environment = {**commands.environment, "EODHD_API_KEY_FILE": str(file)}
    del environment["EODHD_API_KEY"]
    by_file = replace(commands, environment=environment)
    file.chmod(0o644)
    assert by_file.run("backfill", "--limit", "1").code == 2
    file.chmod(0o600)
    assert by_file.run("backfill", "--limit", "1", "--json").answer["synced"] == 1


def test_an_unknown_symbol_is_a_mistake_of_the_command(commands: Commands) -> None:
    done = commands.run("backfill", "--symbols", "AAPL.US,NOPE.US", "--json")
    assert done.code == 2
    assert "NOPE.US" in done.answer["error"]
    assert "AAPL.US" not in done.answer["error"]


def test_a_run_takes_what_it_is_asked_for(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    since = len(vendor.log())
    assert commands.run("backfill", "--symbols", "AAPL.US,MSFT.US", "--json").answer["synced"] == 2
    assert {entry["symbol"] for entry in eod(vendor, since)} == {"AAPL.US", "MSFT.US"}
    assert commands.run("backfill", "--limit", "7", "--json").answer["synced"] == 7
    assert commands.run("backfill", "--exchange", "LSE").code == 2, "it was never discovered"
    loaded = "SELECT count(*) FROM assets WHERE last_synced IS NOT NULL"
    assert value(database_url, loaded) == 9
