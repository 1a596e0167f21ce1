"""From nothing to the bars of a few symbols, in one line: a list, and one call a symbol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

import data_nexus as nexus
from data_nexus.errors import ActionsNotRead, UsageError
from tests.support.postgres.tables import rows, value
from tests.support.programs.commands import Commands
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes
from tests.system.conftest import Placed

LISTED = 60


@pytest.fixture(scope="module")
def vendor() -> Iterator[Sandbox]:
    options = {"symbols": LISTED, "bars_per_symbol": 30, "clean": True}
    with sandbox(minute_limit=1_000_000, **options) as vendor:  # type: ignore[arg-type]
        yield vendor


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed) -> Commands:
    return commands_for(vendor)


def asked(vendor: Sandbox, begun: int) -> Counter[str]:
    """How often each endpoint was asked since, but for the account's own figures."""
    return Counter(e["endpoint"] for e in vendor.log()[begun:] if e["endpoint"] != "user")


def test_two_symbols_cost_a_list_and_two_histories_and_nothing_else_is_stored(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    first, second = sorted(codes(vendor))[:2]
    begun = len(vendor.log())
    done = commands.run("get", f"{first.lower()}.us", f"{second}.US")
    assert done.code == 0, done.stderr
    seen = asked(vendor, begun)
    assert (seen["exchange-symbol-list"], seen["eod"]) == (1, 2)
    assert seen.keys() <= {"exchange-symbol-list", "eod", "splits", "div"}
    assert f"{first}.US, 30 bars" in done.stdout
    assert f"{seen.total()} calls." in done.stdout
    assert "the symbol list of US: 1 call, and one for each symbol" in done.stderr
    assert rows(database_url, "SELECT symbol FROM assets ORDER BY symbol") == [(first,), (second,)]
    assert value(database_url, "SELECT count(*) FROM discoveries") == 0, "no list counts as read"
    begun = len(vendor.log())
    again = commands.run("get", f"{first}.US,{second}.US", "--json")
    assert (again.code, again.answer["calls"], asked(vendor, begun)) == (0, 0, {})
    assert [len(bars) for bars in again.answer["last_bars"].values()] == [1, 1]


def test_a_whole_list_that_is_read_later_finds_them_unchanged(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    code = min(codes(vendor))
    assert commands.run("get", f"{code}.US").code == 0
    found = commands.run("discover", "--exchange", "US", "--json").answer["exchanges"][0]
    assert (found["added"], found["unchanged"]) == (LISTED - 1, 1)
    ranges = (
        "SELECT count(*) FROM listings l JOIN assets a ON a.id = l.asset_id WHERE a.symbol = %s"
    )
    assert value(database_url, ranges, code) == 1


@pytest.mark.parametrize(
    ("symbol", "said"),
    [
        ("AAPLL.US", "AAPLL.US is not in the vendor's list of US; did you mean AAPL.US"),
        ("AAPL", "not a symbol: 'AAPL'; write it with its exchange, like AAPL.US"),
        ("AAPL.NOWHERE", "the vendor knows no exchange 'NOWHERE'"),
    ],
)
def test_what_the_vendor_does_not_list_is_said_and_nothing_is_stored(
    commands: Commands, database_url: str, symbol: str, said: str
) -> None:
    done = commands.run("get", symbol)
    assert done.code == 2
    assert said in done.stderr
    assert value(database_url, "SELECT count(*) FROM assets") == 0


def test_a_notebook_gets_a_frame(
    commands: Commands, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in commands.environment.items():
        monkeypatch.setenv(name, text)
    code = min(codes(vendor))
    with nexus.connect() as db:
        frame = db.get(f"{code}.US")
        assert len(frame) == 30
    assert len(nexus.download(f"{code}.US", adjust="total")) == 30


@pytest.fixture(scope="module")
def splitting() -> Iterator[Sandbox]:
    """A vendor whose histories of eight years have splits and dividends."""
    with sandbox(symbols=30, years=8, clean=True, minute_limit=1_000_000) as vendor:
        yield vendor


def test_adjusted_prices_are_right_at_once(
    splitting: Sandbox, commands_for: Placed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else *total* would be raw prices, with a fall of three quarters at a split of 4:1."""
    commands = commands_for(splitting)
    begun = len(splitting.log())
    done = commands.run("get", "AAPL.US", "--json")
    assert done.answer["actions"] == 1
    assert asked(splitting, begun) == {"exchange-symbol-list": 1, "eod": 1, "splits": 1, "div": 1}
    assert done.answer["calls"] == 4
    for name, text in commands.environment.items():
        monkeypatch.setenv(name, text)
    begun = len(splitting.log())
    frame = nexus.download("AAPL.US", adjust="total")
    assert asked(splitting, begun) == {}
    assert len(frame) > 1500
    assert (frame["close"] / frame["adjusted_close"] - 1).abs().max() < 1e-3
    assert (frame["close"] / frame["close"].shift() - 1).abs().max() < 0.4


def test_what_is_kept_out_of_the_queue_is_named_with_the_remedy(
    commands: Commands, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other, idle = sorted(codes(vendor))[:3]
    assert commands.run("get", f"{mine}.US", f"{idle}.US").code == 0
    assert commands.run("watchlist", "create", "own", f"{mine}.US", f"{idle}.US").code == 0
    assert commands.run("follow", "--watchlist", "own", "--only").code == 0
    assert commands.run("pause", f"{idle}.US").code == 0
    done = commands.run("get", f"{mine}.US", f"{other}.US", f"{idle}.US")
    assert done.code == 3
    assert f"warning: {idle}.US is paused and not loaded; run: nexus resume {idle}.US" in (
        done.stderr
    )
    remedy = f"nexus watchlist add own {other}.US"
    assert f"{other}.US is not followed and not loaded: US follows own alone; run: {remedy}" in (
        done.stderr
    )
    assert f"{other}.US, 0 bars" in done.stdout
    begun = len(vendor.log())
    named = commands.run("backfill", "--symbols", f"{other}.US", "--json")
    assert (named.code, len(named.answer["not_loaded"]), asked(vendor, begun)) == (3, 1, {})
    fresh = commands.run("backfill", "--symbols", f"{mine}.US")
    assert (fresh.code, "--days-old 0 asks again" in fresh.stdout) == (0, True)
    for name, text in commands.environment.items():
        monkeypatch.setenv(name, text)
    with nexus.connect() as db, pytest.raises(UsageError, match=f"run: {remedy}"):
        db.get(f"{other}.US")
    assert commands.run(*remedy.split()[1:]).code == 0
    assert commands.run("get", f"{other}.US").code == 0


def test_prices_adjusted_without_actions_that_nobody_read_are_warned_of(
    splitting: Sandbox, commands_for: Placed, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = commands_for(splitting)
    assert commands.run("discover").code == 0
    assert commands.run("backfill", "--symbols", "AAPL.US").code == 0
    said = "AAPL.US: the splits and dividends are not read yet"
    for line in (
        "bars AAPL.US --adjust total --format csv",
        "plot AAPL.US",
        "export csv --symbols AAPL.US --adjust splits --out some",
        "export zipline --symbols AAPL.US --out bundle",
    ):
        assert said in commands.run(*line.split()).stderr, line
    assert said not in commands.run("bars", "AAPL.US").stderr
    for name, text in commands.environment.items():
        monkeypatch.setenv(name, text)
    with nexus.connect() as db:
        with pytest.warns(ActionsNotRead, match="run: nexus update"):
            db.bars("AAPL.US", adjust="total")
        with pytest.warns(ActionsNotRead):
            db.returns("AAPL.US")
        db.bars("AAPL.US")
    assert commands.run("get", "AAPL.US").code == 0
    drawn = commands.run("plot", "AAPL.US")
    assert (drawn.stderr, "prices adjusted for splits" in drawn.stdout) == ("", True)
