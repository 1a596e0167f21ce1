"""`nexus plan` and `nexus update` as a person runs them, by the real clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from data_nexus.domain.calendar.exchanges import sessions_of
from data_nexus.domain.calendar.sessions import day_date
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.nights import load_all
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import differences, truth

# In the evening a third session is missing by the calendar: three in bulk must be the cheaper way.
SYMBOLS = 1000
# The contract's, which no version may lose.
RUN_KEYS = {
    *("total_assets", "synced", "failed", "parked", "total_rows", "inserted", "revised"),
    *("unchanged", "rejected", "calls", "requests", "duration_sec"),
}
PLAN_KEYS = {"steps", "calls", "requests", "quota_left", "days", "eta_sec"}


@contextmanager
def new_vendor() -> Iterator[Sandbox]:
    with sandbox(symbols=SYMBOLS, bars_per_symbol=25, clean=True, minute_limit=1_000_000) as vendor:
        yield vendor


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    with new_vendor() as running:
        yield running


@pytest.fixture(scope="module")
def sessions() -> tuple[str, str]:
    """The last but one session of a vendor, surely out by any calendar, and the one before it."""
    with new_vendor() as vendor:
        published = vendor.get("/stats")["published_through"]["US"]
    last = datetime.fromisoformat(published).date()
    days = sessions_of("US", last).between(last - timedelta(14), last).tolist()
    return str(day_date(days[-3])), str(day_date(days[-2]))


@pytest.fixture(scope="module")
def loaded_once(
    cluster: Cluster, sessions: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A database that lacks the later session, and all behind it."""
    with cluster.fresh_database() as url, new_vendor() as vendor:
        vendor.post("/publish", {"exchange": "US", "date": sessions[0]})
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor, url)
        assert commands.run("discover", "--exchange", "US").code == 0
        load_all(vendor, url)
        execute(url, "UPDATE assets SET actions_wanted_at = NULL", "DELETE FROM quota_ledger")
        yield url


@pytest.fixture
def loaded(cluster: Cluster, loaded_once: str) -> Iterator[str]:
    """The URL of a copy of it."""
    with cluster.fresh_database(filled=loaded_once) as url:
        yield url


@pytest.fixture
def commands(vendor: Sandbox, sessions: tuple[str, str], loaded: str, tmp_path: Path) -> Commands:
    """Commands on it; a session is out, and one more may be due and is late."""
    vendor.post("/publish", {"exchange": "US", "date": sessions[1]})
    return commands_at(tmp_path, vendor, loaded)


def test_the_update_does_what_the_plan_has_said(
    commands: Commands, vendor: Sandbox, sessions: tuple[str, str], loaded: str
) -> None:
    planned = commands.run("plan", "--exchange", "US", "--json")
    assert (planned.code, planned.answer.keys() >= PLAN_KEYS) == (0, True)
    spent = vendor.post("/limits", {})["used"]
    done = commands.run("update", "--exchange", "us", "--json")
    found = done.answer
    assert (done.code, found.keys() >= RUN_KEYS) == (0, True), done.stderr
    assert found["calls"] == vendor.post("/limits", {})["used"] - spent
    assert found["calls"] == value(loaded, "SELECT spent FROM quota_ledger") - spent
    bulk = sum(step["calls"] for step in planned.answer["steps"] if step["kind"] != "eod")
    assert 300 <= sum(session["calls"] for session in found["bulk"]) <= bulk
    received = ("inserted", "revised", "unchanged", "rejected")
    assert found["total_rows"] == sum(found[name] for name in received)
    assert (found["total_assets"], found["synced"], found["inserted"]) == (SYMBOLS,) * 3
    counts = differences(loaded, truth(vendor))
    assert (counts["lost"], counts["invented"]) == (0, 0)
    cursors = "SELECT min(synced_through)::text, max(synced_through)::text FROM assets"
    assert rows(loaded, cursors) == [(sessions[1], sessions[1])]


def test_the_update_says_in_words_what_it_did(
    commands: Commands, sessions: tuple[str, str]
) -> None:
    done = commands.run("update")
    assert done.code == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert f"US {sessions[1]} in bulk: " in told
    assert f"{SYMBOLS:,} assets synced, 0 without bars, 0 failed, 0 parked" in told
    assert " calls in " in told


def test_an_update_that_the_day_does_not_pay_says_when_to_come_again(
    commands: Commands, vendor: Sandbox
) -> None:
    vendor.post("/limits", {"daily": 2000, "used": 1990})
    assert commands.run("plan", "--json").answer["calls"] >= 300
    done = commands.run("update", "--json")
    assert (done.code, done.answer["calls"]) == (4, 0)
    assert "the day does not hold 300 calls any more; they are renewed at" in done.stderr
    assert "run it again to continue" in done.stderr


@pytest.mark.parametrize("command", ["plan", "update"])
def test_an_exchange_that_was_never_discovered_is_an_error_that_names_the_remedy(
    vendor: Sandbox, database_url: str, tmp_path: Path, command: str
) -> None:
    done = commands_at(tmp_path, vendor, database_url).run(command, "--exchange", "NOPE")
    assert done.code == 2
    assert "nexus discover --exchange NOPE" in " ".join(done.stderr.split())
