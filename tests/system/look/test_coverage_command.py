"""`nexus coverage`, bars of intervals and frames, on histories made by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

import data_nexus as nexus
from data_nexus.errors import UsageError
from tests.support.files.exports import Bar, Share, put
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox

# The weekdays between these two on which New York was shut are the holidays.
FIRST, LAST = date(2023, 3, 1), date(2024, 2, 29)
HOLIDAYS = {
    *(date(2023, 4, 7), date(2023, 5, 29), date(2023, 6, 19), date(2023, 7, 4)),
    *(date(2023, 9, 4), date(2023, 11, 23), date(2023, 12, 25)),
    *(date(2024, 1, 1), date(2024, 1, 15), date(2024, 2, 19)),
}
SESSIONS = [
    day
    for n in range((LAST - FIRST).days + 1)
    if (day := FIRST + timedelta(n)).weekday() < 5 and day not in HOLIDAYS
]
# Two sessions in a row over a week-end, and one in the next year.
LOST = (date(2023, 9, 15), date(2023, 9, 18), date(2024, 1, 10))


def bars(*without: date) -> dict[date, Bar]:
    return {
        day: (at + 1.0, at + 3.0, at + 0.5, at + 2.0, at + 2.0, 100.0)
        for at, day in enumerate(SESSIONS)
        if day not in without
    }


@pytest.fixture(scope="module")
def vendor() -> Iterator[Sandbox]:
    with sandbox(symbols=1, bars_per_symbol=1, clean=True) as started:
        yield started


@pytest.fixture(scope="module")
def desk(
    cluster: Cluster, vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Commands]:
    """WHOLE has every session of a year, HOLES lacks three, GONE was delisted in the summer."""
    with cluster.fresh_database() as url:
        put(
            url,
            Share("WHOLE", bars(), columns=(("is_delisted", True),)),
            Share("HOLES", bars(*LOST), columns=(("is_delisted", True),)),
            Share("GONE", dict([*bars().items()][:100]), columns=(("is_delisted", True),)),
            Share("NONE", {}),
        )
        execute(url, "UPDATE assets SET synced_through = '2023-02-01'")
        yield commands_at(tmp_path_factory.mktemp("home"), vendor, url)


@pytest.fixture
def url(desk: Commands) -> str:
    return desk.environment["DATABASE_URL"]


def sessions_of(year: int) -> int:
    return sum(1 for day in SESSIONS if day.year == year)


def test_the_years_of_symbols_and_their_missing_sessions(desk: Commands) -> None:
    done = desk.run("coverage", "HOLES.US,whole.us", "--missing", "--json")
    assert (done.code, done.answer["by"]) == (0, "ticker")
    found = {
        (each["name"], each["year"]): (each["expected"], each["stored"], each["missing"])
        for each in done.answer["years"]
    }
    assert found == {
        ("HOLES.US", 2023): (sessions_of(2023), sessions_of(2023) - 2, 2),
        ("HOLES.US", 2024): (sessions_of(2024), sessions_of(2024) - 1, 1),
        ("WHOLE.US", 2023): (sessions_of(2023), sessions_of(2023), 0),
        ("WHOLE.US", 2024): (sessions_of(2024), sessions_of(2024), 0),
    }
    assert done.answer["missing"] == [
        {"ticker": "HOLES.US", "first": "2023-09-15", "last": "2023-09-18", "sessions": 2},
        {"ticker": "HOLES.US", "first": "2024-01-10", "last": "2024-01-10", "sessions": 1},
    ]
    assert "missing" not in desk.run("coverage", "HOLES.US", "--json").answer


def test_the_picture_shades_what_is_not_complete_and_names_sessions(desk: Commands) -> None:
    done = desk.run("coverage", "HOLES.US", "WHOLE.US", "GONE.US", "--missing")
    assert done.code == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["symbol", "2023", "stored", "absent", "missing"]
    total = len(SESSIONS)
    assert lines[1:4] == [
        ["GONE.US", "█·", "100", "0", "0"],
        ["HOLES.US", "▓▓", str(total - 3), "0", "3"],
        ["WHOLE.US", "██", str(total), "0", "0"],
    ]
    assert lines[4][:2] == ["█", "complete"]
    assert done.stdout.splitlines()[-1].split("  ")[-1] == ("2023-09-15 to 2023-09-18, 2024-01-10")
    whole = desk.run("coverage", "WHOLE.US", "--missing").stdout
    assert whole.endswith("No session is missing.\n")


def test_an_exchange_is_the_sum_of_its_assets_and_a_watchlist_its_own(desk: Commands) -> None:
    everything = desk.run("coverage", "--json").answer
    assert everything["by"] == "exchange"
    total = {each["year"]: each["missing"] for each in everything["years"]}
    assert total == {2023: 2, 2024: 1}
    assert everything["years"] == desk.run("coverage", "--exchange", "us", "--json").answer["years"]
    assert {each["name"] for each in everything["years"]} == {"US"}
    assert desk.run("watchlist", "create", "mine", "HOLES.US", "NONE.US").code == 0
    mine = desk.run("coverage", "--watchlist", "mine", "--json").answer
    assert {each["name"] for each in mine["years"]} == {"HOLES.US"}
    both = desk.run("coverage", "HOLES.US", "--exchange", "US")
    assert (both.code, both.stdout) == (2, "")
    assert "name symbols, or a --watchlist, or an --exchange" in both.stderr
    assert "nexus backfill" in desk.run("coverage", "NONE.US").stdout


def test_the_counts_are_those_of_python(url: str) -> None:
    with nexus.connect(url) as db:
        symbols = ["GONE.US", "HOLES.US", "NONE.US", "WHOLE.US"]
        coverage = db.coverage(symbols)
        missing = db.missing(symbols)
    assert coverage["missing"].to_pylist() == [0, 3, 0, 0]
    assert coverage["expected"].to_pylist() == [100, len(SESSIONS), 0, len(SESSIONS)]
    assert missing["ticker"].to_pylist() == ["HOLES.US"] * 3
    assert missing["date"].to_pylist() == [*LOST]


def test_bars_of_intervals_are_what_pandas_makes_of_daily_ones(desk: Commands, url: str) -> None:
    done = desk.run("bars", "WHOLE.US", "--interval", "1mo", "--json")
    assert done.code == 0
    months = pd.DataFrame(done.answer["bars"]).set_index("date")
    with nexus.connect(url) as db:
        daily = db.frame("WHOLE.US")
        weekly = db.frame("WHOLE.US", interval="1w")
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    for found, rule in ((months, "MS"), (weekly, "W-SUN")):
        expected = daily.resample(rule).agg(rules)
        assert len(found) == len(expected)
        for name in rules:
            assert found[name].to_list() == expected[name].to_list()
    last = daily.index.to_series().resample("MS").max()
    assert [*months.index] == [f"{day:%Y-%m-%d}" for day in last]
    wrong = desk.run("bars", "WHOLE.US", "--interval", "1y")
    assert wrong.code == 2
    assert "not an interval: '1y'; write it like" in wrong.stderr


def test_a_snapshot_has_the_same_intervals_and_describes_itself(
    desk: Commands, url: str, tmp_path: Path
) -> None:
    target = str(tmp_path / "lake")
    assert desk.run("export", "lake", "--to", target).code == 0
    lake = nexus.lake(target)
    window = ("2023-04-12", "2024-01-10")
    with nexus.connect(url) as db:
        for interval in ("1d", "3d", "1w", "3mo"):
            for adjust in ("raw", "total"):
                view = {"adjust": adjust, "interval": interval}
                expected = db.bars(["HOLES.US", "WHOLE.US"], *window, **view)  # type: ignore[arg-type]
                assert lake.bars(["HOLES.US", "WHOLE.US"], *window, **view).equals(expected)  # type: ignore[arg-type]
                assert len(expected)
    frame = lake.frame(["HOLES.US", "WHOLE.US"], columns="close")
    assert [*frame.columns] == ["HOLES.US", "WHOLE.US"]
    assert frame["HOLES.US"].isna().sum() == len(LOST)
    assert re.fullmatch(r"<snapshot of 20\d\d-\d\d-\d\d \d\d:\d\d UTC: 4 assets>", repr(lake))
    assert "<td>US</td>" in lake._repr_html_()


def test_a_closed_or_empty_database_describes_itself(cluster: Cluster) -> None:
    with cluster.fresh_database() as url, nexus.connect(url) as db:
        assert repr(db) == "<database on a server, without assets>"
    assert repr(db) == "<database on a server, closed or out of reach>"
    for ask in (db.bars, db.get, db.missing):
        with pytest.raises(UsageError, match="this database is closed; open it again"):
            ask("AAPL.US")
    assert "<caption>database on a server, closed or out of reach</caption>" in db._repr_html_()


def test_what_changed_is_described_by_counts(url: str) -> None:
    with nexus.connect(url) as db:
        changes = db.changes("2000-01-01")
    assert len(repr(changes)) < 200
    assert "appeared" in repr(changes)
    assert "<td>appeared</td>" in changes._repr_html_()
