"""The README's way to some symbols of a large exchange: it costs these, a list, and no others.

As a person types it: `get`, `discover`, a watchlist from a file, `follow`, `plan`, `update`. The
vendor's own log is the witness.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.programs.commands import Commands
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.system.conftest import Placed

LISTED, CHOSEN = 3_000, 60


@pytest.fixture(
    params=[
        (LISTED, CHOSEN),
        pytest.param((50_000, 500), marks=pytest.mark.campaign(500, "symbols of 50,000")),
    ],
    ids=["60 of 3,000", "500 of 50,000"],
)
def sizes(request: pytest.FixtureRequest) -> tuple[int, int]:
    """How many symbols the exchange has, and how many are chosen."""
    listed, chosen = request.param
    return listed, chosen


@pytest.fixture
def vendor(sizes: tuple[int, int]) -> Iterator[Sandbox]:
    options = {"symbols": sizes[0], "bars_per_symbol": 40}
    with sandbox(minute_limit=1_000_000, **options) as vendor:  # type: ignore[arg-type]
        yield vendor


@pytest.fixture
def chosen(vendor: Sandbox, sizes: tuple[int, int], tmp_path: Path) -> list[str]:
    """Symbols in a file, as a spreadsheet exports it; some have no bars, as everywhere."""
    listed = vendor.ask("/exchange-symbol-list/US", fmt="json").json()
    chance = random.Random(3)  # noqa: S311 - no secret is made of it
    own = sorted(chance.sample([row["Code"] for row in listed], sizes[1]))
    lines = ["\ufeffSymbol;Name", *(f"{code}.US;a company" for code in own)]
    (tmp_path / "mine.csv").write_bytes("\r\n".join(lines).encode())
    return own


def spent(vendor: Sandbox, begun: int) -> Counter[str]:
    """How often each endpoint was asked since, but for the account's own figures."""
    return Counter(e["endpoint"] for e in vendor.log()[begun:] if e["endpoint"] != "user")


def test_a_file_of_symbols_costs_one_list_one_history_each_and_the_actions_that_bars_show(
    vendor: Sandbox, chosen: list[str], commands_for: Placed, tmp_path: Path
) -> None:
    commands, file = commands_for(vendor), str(tmp_path / "mine.csv")
    begun = len(vendor.log())
    early = commands.run("watchlist", "create", "mine", "--file", file)
    assert (early.code, "run: nexus discover --exchange US" in early.stderr) == (2, True)
    assert spent(vendor, begun) == {}
    for line in (
        "discover --exchange US",
        f"watchlist create mine --file {file}",
        "follow --watchlist mine --only",
    ):
        assert commands.run(*line.split()).code == 0
    assert spent(vendor, begun) == {"exchange-symbol-list": 1}
    planned = commands.run("plan", "--json").answer
    assert (planned["calls"], planned["requests"]) == (len(chosen), len(chosen))
    assert_loads_the_chosen(commands, vendor, chosen)


def assert_loads_the_chosen(commands: Commands, vendor: Sandbox, chosen: list[str]) -> None:
    begun, before = len(vendor.log()), vendor.get("/stats")["calls"]
    done = commands.run("update", "--json")
    assert done.code == 0, done.stderr
    log = [each for each in vendor.log()[begun:] if each["endpoint"] != "user"]
    histories = [each["symbol"] for each in log if each["endpoint"] == "eod"]
    assert sorted(histories) == [f"{code}.US" for code in chosen], "each once, and no others"
    actions = {each["symbol"] for each in log if each["endpoint"] != "eod"}
    assert actions <= {*histories}
    assert done.answer["actions"] == len(actions)
    price = len(chosen) + 2 * len(actions)
    assert (len(log), done.answer["calls"]) == (price, price)
    assert vendor.get("/stats")["calls"] - before == price
    # Where a session has just ended, a few are asked whether it is out.
    again = commands.run("update", "--json")
    assert (again.code, again.answer["calls"] < len(chosen) / 2) == (0, True)


def test_a_plan_of_a_watchlist_names_the_command_that_costs_no_more(
    vendor: Sandbox, chosen: list[str], commands_for: Placed, tmp_path: Path
) -> None:
    commands = commands_for(vendor)
    assert commands.run("discover").code == 0
    file = str(tmp_path / "mine.csv")
    assert commands.run("watchlist", "create", "mine", "--file", file).code == 0
    planned = commands.run("plan", "--watchlist", "mine")
    assert f"{len(chosen):,} in {len(chosen):,} requests" in planned.stdout
    assert "`nexus backfill --watchlist mine --no-limit`" in planned.stdout
    begun = len(vendor.log())
    done = commands.run("backfill", "--watchlist", "mine", "--no-limit")
    assert (done.code, spent(vendor, begun)) == (0, {"eod": len(chosen)})
