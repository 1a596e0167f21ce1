"""Watchlists, what is followed and what is paused: only that is loaded, whatever is discovered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.postgres.tables import eventually, execute, rows, value
from tests.support.programs.commands import Commands
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes
from tests.system.conftest import Placed

SYMBOLS = 40
MINE = 12
NEXT = "2026-11-11"


@pytest.fixture(scope="module")
def vendor_once() -> Iterator[Sandbox]:
    options = {"symbols": SYMBOLS, "bars_per_symbol": 30, "clean": True}
    now = "2026-11-10T23:30:00"
    with sandbox(now=now, minute_limit=1_000_000, **options) as vendor:  # type: ignore[arg-type]
        yield vendor


@pytest.fixture
def vendor(vendor_once: Sandbox) -> Sandbox:
    return vendor_once


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed) -> Commands:
    placed = commands_for(vendor)
    assert placed.run("discover", "--exchange", "US").code == 0
    return placed


@pytest.fixture
def mine(vendor: Sandbox, commands: Commands, tmp_path: Path) -> list[str]:
    """The codes of a watchlist, made from a file."""
    chosen = sorted(codes(vendor))[:MINE]
    path = tmp_path / "mine.txt"
    path.write_text("# my own\n" + "".join(f"{code.lower()}.us\n" for code in chosen))
    made = commands.run("watchlist", "create", "mine", "--file", str(path))
    assert (made.code, made.stdout) == (0, f"The watchlist mine with {MINE} assets.\n")
    return chosen


def asked(vendor: Sandbox, begun: int) -> list[str]:
    """The histories that the vendor was asked for since."""
    log = vendor.log()[begun:]
    return sorted({each["symbol"].removesuffix(".US") for each in log if each["endpoint"] == "eod"})


def test_a_backfill_and_an_update_of_a_watchlist_cost_its_assets_and_no_others(
    commands: Commands, vendor: Sandbox, mine: list[str], database_url: str
) -> None:
    begun = len(vendor.log())
    plan = commands.run("plan", "--watchlist", "mine", "--days-old", "1", "--json").answer
    assert plan["calls"] == MINE
    done = commands.run("backfill", "--watchlist", "mine", "--json")
    assert (done.code, done.answer["synced"], asked(vendor, begun)) == (0, MINE, mine)
    # A day later, all that is loaded is due.
    execute(
        database_url, "UPDATE assets SET synced_through = '2026-11-06' WHERE last_bar IS NOT NULL"
    )
    begun = len(vendor.log())
    done = commands.run("update", "--watchlist", "mine", "--json")
    assert (done.code, asked(vendor, begun)) == (0, mine)
    endpoints = {each["endpoint"] for each in vendor.log()[begun:]}
    assert not endpoints & {"exchange-symbol-list", "eod-bulk-last-day"}


def test_an_exchange_that_follows_a_watchlist_alone_makes_nothing_else_due(
    commands: Commands, vendor: Sandbox, mine: list[str], database_url: str
) -> None:
    shown = commands.run("follow", "--watchlist", "mine", "--only")
    assert (shown.code, shown.stdout.splitlines()[1].split()) == (
        0,
        ["US", "mine", str(MINE), "0", str(SYMBOLS)],
    )
    begun = len(vendor.log())
    done = commands.run("backfill", "--no-limit", "--json")
    assert (done.answer["synced"], asked(vendor, begun)) == (MINE, mine)
    # What is new on a list is not due either.
    execute(database_url, "DELETE FROM assets WHERE last_bar IS NULL")
    assert commands.run("discover", "--exchange", "US", "--json").answer["exchanges"][0]["added"]
    assert commands.run("plan", "--days-old", "0.5", "--json").answer["calls"] == 0
    status = commands.run("status", "--json").answer["assets"]
    assert (status["not_followed"], status["total"]) == (SYMBOLS - MINE, SYMBOLS)
    assert commands.run("watchlist", "add", "mine", others(database_url)[0]).code == 0
    assert commands.run("plan", "--days-old", "0.5", "--json").answer["calls"] == 1
    assert commands.run("follow", "--exchange", "US").code == 0
    left = SYMBOLS - MINE
    assert commands.run("plan", "--days-old", "0.5", "--json").answer["calls"] == left


def others(url: str) -> list[str]:
    found = rows(url, "SELECT symbol || '.US' FROM assets WHERE NOT is_followed ORDER BY symbol")
    return [ticker for (ticker,) in found]


def test_a_pause_outlives_a_discovery_and_ends_by_hand(
    commands: Commands, mine: list[str], database_url: str
) -> None:
    done = commands.run("pause", "--watchlist", "mine")
    assert done.stdout == f"{MINE} assets paused.\n"
    again = commands.run("pause", f"{mine[0]}.us")
    assert again.stdout == "0 assets paused.\nThe other one was paused already.\n"
    execute(database_url, "UPDATE assets SET name = 'another'")
    assert commands.run("discover", "--exchange", "US").code == 0
    due = commands.run("plan", "--days-old", "1", "--json").answer["calls"]
    assert due == SYMBOLS - MINE
    assert commands.run("status", "--json").answer["assets"]["paused"] == MINE
    assert commands.run("resume", f"{mine[0]}.US,{mine[1]}.US").stdout == "2 assets resumed.\n"
    assert commands.run("plan", "--days-old", "1", "--json").answer["calls"] == due + 2


def test_watchlists_are_listed_shown_changed_and_deleted(
    commands: Commands, mine: list[str], database_url: str
) -> None:
    symbols = [f"{code}.US" for code in mine]
    assert commands.run("watchlist", "remove", "mine", symbols[0]).code == 0
    found = commands.run("watchlist", "list", "--json").answer["watchlists"]
    assert [(each["name"], each["assets"]) for each in found] == [("mine", MINE - 1)]
    shown = commands.run("watchlist", "show", "mine", "--json").answer["assets"]
    assert [each["symbol"] for each in shown] == symbols[1:]
    assert commands.run("follow", "--watchlist", "mine", "--only").code == 0
    assert commands.run("watchlist", "remove", "mine", "--all").code == 0
    assert value(database_url, "SELECT count(*) FROM assets WHERE NOT is_followed") == 0
    assert commands.run("watchlist", "list").stdout.startswith("No watchlist yet.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("watchlist", "create", "mine", "A.US"), "there is a watchlist mine already"),
        (("watchlist", "create", "a b", "A.US"), "not a name for a watchlist: 'a b'"),
        (("watchlist", "create", "x"), "name symbols, like AAPL.US MSFT.US, or a file"),
        (("watchlist", "create", "x", "AAPL"), "write it with its exchange, like AAPL.US"),
        (("watchlist", "create", "x", "aapll.us"), "did you mean AAPL.US"),
        (("watchlist", "create", "x", "A.XX"), "nor is any other asset of XX; run: nexus discover"),
        (("watchlist", "create", "x", "--file", "none.txt"), "none.txt: No such file"),
        (("watchlist", "show", "mime"), "there is no watchlist mime; did you mean mine?"),
        (("update", "--watchlist", "other"), "there is no watchlist other; there are: mine"),
        (("follow", "--only"), "give --watchlist NAME"),
        (("follow", "--exchange", "XX"), "no asset of XX"),
        (("pause",), "name symbols, or a --watchlist, or an --exchange"),
    ],
)
def test_what_cannot_be_chosen_is_said_with_the_remedy(
    commands: Commands, mine: list[str], arguments: tuple[str, ...], said: str
) -> None:
    done = commands.run(*arguments)
    assert done.code == 2, done.stdout
    assert said in done.stderr
    found: list[Any] = commands.run("watchlist", "list", "--json").answer["watchlists"]
    assert [each["assets"] for each in found] == [len(mine)], "nothing was made"


@pytest.mark.usefixtures("mine")
def test_a_worker_ends_with_its_watchlist_and_says_so(
    commands: Commands, database_url: str
) -> None:
    with commands.running("worker", "--watchlist", "mine", poll_seconds=0.2) as worker:
        eventually(lambda: value(database_url, "SELECT count(*) = 1 FROM workers"), seconds=30)
        assert commands.run("watchlist", "remove", "mine", "--all").code == 0
        done = worker.end()
    assert (done.code, "there is no watchlist mine" in done.stderr) == (2, True)
    (last, *_) = commands.run("status", "--json").answer["runs"]
    assert (last["command"], last["outcome"].startswith("there is no watchlist")) == (
        *("worker", True),
    )
