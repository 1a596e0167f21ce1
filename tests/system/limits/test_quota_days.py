"""A load larger than the day's quota: planned in days, spent to the call, and complete at last.

A day passes by moving everything that is dated back by a day: the moments in the database, and the
vendor's counter. That is the same as moving the clocks forward, which a test may not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.campaign import sized
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, eventually, execute, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import differences, truth
from tests.system.conftest import Placed

ASSETS, DAILY, BARS = sized(800, 2_000), sized(200, 500), 4
# An asset loaded on the first day is not due again before the last day.
FIRST_LOAD = ("--days-old", "30")
BACKFILL = ("backfill", "--no-limit", *FIRST_LOAD)


@contextmanager
def new_vendor() -> Iterator[Sandbox]:
    with sandbox(
        symbols=ASSETS,
        bars_per_symbol=BARS,
        clean=True,
        daily_limit=DAILY,
        minute_limit=1_000_000,
    ) as running:
        yield running


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    with new_vendor() as running:
        yield running


@pytest.fixture(scope="module")
def discovered_once(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database that knows what such a vendor lists, by a discovery of the day before."""
    with cluster.fresh_database() as url, new_vendor() as vendor:
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor, url)
        assert commands.run("discover", "--exchange", "US").code == 0
        let_a_day_pass(vendor, url)
        yield url


@pytest.fixture
def discovered(cluster: Cluster, discovered_once: str) -> Iterator[str]:
    """The URL of a copy of it."""
    with cluster.fresh_database(filled=discovered_once) as url:
        yield url


@pytest.fixture
def commands(vendor: Sandbox, tmp_path: Path, discovered: str) -> Commands:
    """Commands on the day after discovery: the quota's size is known and all of it is there."""
    return commands_at(tmp_path, vendor, discovered)


def let_a_day_pass(vendor: Sandbox, url: str) -> None:
    """Move the database's moments and the vendor's lazy counter back by a day."""
    execute(
        url,
        "UPDATE quota_ledger SET day = day - 1, next_slot = next_slot - interval '1 day',"
        " reported_at = reported_at - interval '1 day'",
        "UPDATE assets SET last_synced = last_synced - interval '1 day',"
        " ask_after = ask_after - interval '1 day', lease_until = lease_until - interval '1 day'",
    )
    vendor.post("/limits", {"used_on": str(datetime.now(UTC).date() - timedelta(days=1))})


def eod(vendor: Sandbox) -> list[dict[str, Any]]:
    return [entry for entry in vendor.log() if entry["endpoint"] == "eod"]


def loaded(url: str) -> int:
    return int(value(url, "SELECT count(*) FROM assets WHERE last_synced IS NOT NULL"))


def plan(commands: Commands, vendor: Sandbox) -> Any:  # noqa: ANN401 - JSON is any shape
    """The plan as JSON; it costs nothing, not even a free request."""
    before = vendor.get("/stats")["requests"]
    done = commands.run("plan", "--json", *FIRST_LOAD)
    assert (done.code, vendor.get("/stats")["requests"]) == (0, before)
    return done.answer


def assert_all_is_loaded_once(vendor: Sandbox, url: str) -> None:
    """Each asset was asked for once and answered, and the database holds what the vendor serves."""
    asked = eod(vendor)
    assert Counter(entry["status"] for entry in asked) == {200: ASSETS}
    assert len({entry["symbol"] for entry in asked}) == ASSETS
    assert differences(url, truth(vendor)) == {"lost": 0, "invented": 0, "served": ASSETS * BARS}


@pytest.mark.sized(ASSETS, "assets")
def test_four_days_of_calls_are_four_days_of_work_and_not_one_call_more(
    commands: Commands, vendor: Sandbox, discovered: str
) -> None:
    for days in (4, 3, 2, 1):
        planned = plan(commands, vendor)
        assert planned["quota_left"] == DAILY
        assert (planned["days"], planned["calls"]) == (days, planned["requests"])
        assert planned["calls"] == days * DAILY
        done = commands.run(*BACKFILL, "--json")
        assert done.code == (4 if days > 1 else 0), done.stderr
        assert done.answer["calls"] == done.answer["synced"] == DAILY
        assert vendor.post("/limits", {})["used"] == DAILY
        assert loaded(discovered) == len(eod(vendor)) == ASSETS - planned["calls"] + DAILY
        let_a_day_pass(vendor, discovered)
    assert plan(commands, vendor)["calls"] == 0
    assert_all_is_loaded_once(vendor, discovered)


def test_a_plan_tells_a_person_what_it_takes_and_what_to_do(commands: Commands) -> None:
    done = commands.run("plan")
    told = " ".join(done.stdout.split())
    assert f"US: the histories of {ASSETS:,} assets (eod), {ASSETS:,} calls" in told
    assert f"calls {ASSETS:,} in {ASSETS:,} requests" in told
    assert re.search(
        rf"calls left today {DAILY} of {DAILY} a day, as last seen at [\d-]+ \d\d:\d\d UTC", told
    )
    assert re.search(r"quota days 4; the next one begins at [\d-]+ 00:00 UTC", told)
    assert re.search(r"takes about [23] days.* at 1,000,000 requests a minute", told)
    assert "with `--wait` it sleeps until there are calls again" in told
    assert "due again after 1 day, before the last are loaded" in told
    assert "with `--days-old 4` they are not" in told


def test_before_the_vendor_has_told_its_limits_a_plan_guesses_none_and_says_how_to_learn_them(
    commands_for: Placed, vendor: Sandbox, database_url: str
) -> None:
    commands = commands_for(vendor)
    add_assets(database_url, "AAPL", "MSFT")
    planned = plan(commands, vendor)
    assert (planned["calls"], planned["quota_left"], planned["days"]) == (2, None, None)
    told = " ".join(commands.run("plan").stdout.split())
    assert "calls left today not known yet quota days not known yet" in told
    assert "requests a minute (assumed until the vendor reports it)" in told
    assert "`nexus backfill --limit 1` (1 call)" in told
    assert commands.run("backfill", "--limit", "1").code == 0
    planned = plan(commands, vendor)
    assert (planned["calls"], planned["quota_left"], planned["days"]) == (1, DAILY - 1, 1)
    assert planned["minute_limit"] == 1_000_000


def test_a_spent_day_is_told_with_the_moment_at_which_to_resume_and_costs_nothing_more(
    commands: Commands, vendor: Sandbox
) -> None:
    commands.run(*BACKFILL)
    asked = len(eod(vendor))
    again = commands.run(*BACKFILL)
    midnight = datetime.now(UTC).date() + timedelta(days=1)
    assert again.code == 4
    assert f"they are renewed at {midnight} 00:00 UTC; run it again to continue" in again.stderr
    assert len(eod(vendor)) == asked == DAILY


def test_at_the_vendor_s_pace_too_a_run_leaves_no_call_of_the_day_unspent(
    commands_for: Placed,
) -> None:
    """Some requests wait for their slots, paid for, when others learn that the day is spent."""
    with sandbox(symbols=100, bars_per_symbol=BARS, minute_limit=1200, daily_limit=61) as vendor:
        commands = commands_for(vendor)
        assert commands.run("discover", "--json").answer["calls"] == 1
        done = commands.run(*BACKFILL, "--concurrency", "20", "--json")
        assert (done.code, done.answer["calls"]) == (4, 60), done.stderr
        assert vendor.post("/limits", {})["used"] == 61


@pytest.mark.sized(ASSETS, "assets")
def test_what_somebody_else_spends_of_the_key_is_not_spent_again(
    commands: Commands, vendor: Sandbox, discovered: str
) -> None:
    theirs = DAILY * 2 // 5
    with commands.running(*BACKFILL, "--json") as backfill:
        eventually(lambda: len(eod(vendor)) >= 20)
        vendor.post("/spend", {"requests": theirs, "calls": theirs})
        done = backfill.end()
    assert done.code == 4
    assert vendor.post("/limits", {})["used"] == DAILY, "the day is spent to its last call"
    refused = [entry for entry in eod(vendor) if entry["status"] == 402]
    assert len(refused) <= 1, "who is told that the day is spent asks no more"
    assert done.answer["synced"] == loaded(discovered) == DAILY - theirs
    for whole_days in (1, 2, 3, 4):
        let_a_day_pass(vendor, discovered)
        commands.run(*BACKFILL)
        assert loaded(discovered) == min(ASSETS, DAILY - theirs + whole_days * DAILY)
    assert differences(discovered, truth(vendor))["lost"] == 0
    served = [entry["symbol"] for entry in eod(vendor) if entry["status"] == 200]
    assert len(served) == len(set(served)) == ASSETS
