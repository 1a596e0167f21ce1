"""What is exported for a tool is the database, by the format's documents and by the tool itself.

zipline, qlib and nautilus_trader hold packages at other versions than this one: they are in
environments of their own, which `make test` builds from tests/tools. Where a tool has no wheel for
the Python that is there, its own test is skipped, never that of its documented format.
"""

from __future__ import annotations

import csv
import math
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from data_nexus.domain.symbol import Symbol
from data_nexus.errors import UsageError
from tests.support.files.exports import Bar, Share, catalog_written, put, read_back, written

SESSIONS = [date(2024, 1, 2) + timedelta(n) for n in (0, 1, 2, 3, 6, 7, 8, 9, 10, 14, 15, 16)]
SPLIT_AT, PAID_AT, HOLE_AT = 5, 8, 4
APPLE, BERKSHIRE, OLD = Symbol("AAPL", "US"), Symbol("BRK-B", "US"), Symbol("fb_old", "US")
Line = list[Any]


def bars(first: float, *, but: int = -1) -> dict[date, Bar]:
    """A bar on each session but one, all numbers exact in float32 and in thousandths."""
    return {
        day: (first + n, first + n + 1.5, first + n - 0.25, first + n + 0.5, 1.0, 1024.0 * (n + 1))
        for n, day in enumerate(SESSIONS)
        if n != but
    }


@pytest.fixture
def market(database_url: str) -> str:
    """Three shares: split 4:1 and with a dividend of 1.5; with a hole; under an awkward code."""
    put(
        database_url,
        Share(
            "AAPL",
            bars(100),
            splits=((SESSIONS[SPLIT_AT], 4, 1),),
            dividends=((SESSIONS[PAID_AT], 1.5, "USD"),),
            columns=(("name", "=Apple, Inc"),),
        ),
        Share("BRK-B", bars(50, but=HOLE_AT)),
        Share("fb_old", bars(20)),
    )
    return database_url


def lines(stored: dict[date, Bar]) -> list[Line]:
    """Bars as the tools' readers print them: date, open, high, low, close, volume."""
    return [[str(day), *bar[:4], bar[5]] for day, bar in stored.items()]


def read_feed(path: Path) -> list[Line]:
    """A feed's bars, by its documented columns."""
    with path.open(newline="") as text:
        head, *rows = csv.reader(text)
    assert head == ["Date", "Open", "High", "Low", "Close", "Volume", "OpenInterest"]
    return [[day, *map(float, numbers)] for day, *numbers, _ in rows]


def test_feeds_are_as_documented(market: str, tmp_path: Path) -> None:
    written(market, "backtrader", tmp_path, APPLE, OLD, adjust="raw")
    assert read_feed(tmp_path / "bars/AAPL.US.csv") == lines(bars(100))
    with (tmp_path / "assets.csv").open(newline="") as text:
        files = {row["ticker"]: row["file"] for row in csv.DictReader(text)}
    assert read_feed(tmp_path / files["fb_old.US"]) == lines(bars(20))


def test_backtrader_reads_the_same_numbers(market: str, tmp_path: Path) -> None:
    written(market, "backtrader", tmp_path, APPLE, BERKSHIRE, adjust="raw")
    feeds = [str(tmp_path / f"bars/{symbol}.csv") for symbol in (APPLE, BERKSHIRE)]
    found = read_back("backtrader", "backtrader", *feeds)
    assert found == {feeds[0]: lines(bars(100)), feeds[1]: lines(bars(50, but=HOLE_AT))}


def test_backtesting_reads_the_same_numbers(market: str, tmp_path: Path) -> None:
    written(market, "backtrader", tmp_path, APPLE, adjust="raw")
    found = read_back("backtesting", "backtesting", tmp_path / "bars/AAPL.US.csv")
    assert found == lines(bars(100))


def read_qlib(folder: Path, instrument: str, field: str) -> dict[str, float]:
    """A field of qlib's format as documented: a float32 of where it begins, then the values."""
    calendar = (folder / "calendars/day.txt").read_text().splitlines()
    path = folder / "features" / instrument.lower() / f"{field}.day.bin"
    start, *values = np.fromfile(path, "<f4").tolist()
    days = calendar[int(start) : int(start) + len(values)]
    return dict(zip(days, values, strict=True))


def test_qlib_s_files_are_as_documented(market: str, tmp_path: Path) -> None:
    written(market, "qlib", tmp_path, APPLE, BERKSHIRE, OLD, adjust="raw")
    text = (tmp_path / "instruments/all.txt").read_text()
    listed = [line.split("\t") for line in text.splitlines()]
    assert [line[1:] for line in listed] == [[str(SESSIONS[0]), str(SESSIONS[-1])]] * 3
    stored = bars(50, but=HOLE_AT)
    closes = read_qlib(tmp_path, "BRK-B.US", "close")
    assert [*closes] == [*map(str, SESSIONS)]
    assert math.isnan(closes.pop(str(SESSIONS[HOLE_AT])))
    assert closes == {str(day): bar[3] for day, bar in stored.items()}
    assert set(read_qlib(tmp_path, "AAPL.US", "factor").values()) == {1.0}
    assert len({name.lower() for name, *_ in listed}) == 3


def test_qlib_s_factor_is_the_adjusted_price_over_the_raw_one(market: str, tmp_path: Path) -> None:
    written(market, "qlib", tmp_path, APPLE, adjust="splits")
    factors = [*read_qlib(tmp_path, "AAPL.US", "factor").values()]
    assert factors == [0.25] * SPLIT_AT + [1.0] * (len(SESSIONS) - SPLIT_AT)
    closes = [*read_qlib(tmp_path, "AAPL.US", "close").values()]
    assert closes == [f * bar[3] for f, bar in zip(factors, bars(100).values(), strict=True)]


def test_a_share_that_came_later_begins_later_in_qlib_s_calendar(
    database_url: str, tmp_path: Path
) -> None:
    late = {day: bar for day, bar in bars(7).items() if day >= SESSIONS[3]}
    put(database_url, Share("AAPL", bars(100)), Share("LATE", late))
    written(database_url, "qlib", tmp_path, APPLE, Symbol("LATE", "US"))
    assert [*read_qlib(tmp_path, "LATE.US", "close")] == [*map(str, SESSIONS[3:])]


def test_qlib_reads_the_same_numbers(market: str, tmp_path: Path) -> None:
    written(market, "qlib", tmp_path, APPLE, BERKSHIRE, OLD, adjust="raw")
    found = read_back("qlib", "qlib", tmp_path, "AAPL.US", "BRK-B.US")
    assert found["calendar"] == [*map(str, SESSIONS)]
    assert len(found["named"]) == 3
    assert found["rows"]["AAPL.US"] == [[*line, 1.0] for line in lines(bars(100))]
    hole = [str(SESSIONS[HOLE_AT]), *[None] * 6]
    expected = [[*line, 1.0] for line in lines(bars(50, but=HOLE_AT))]
    assert found["rows"]["BRK-B.US"] == [*expected[:HOLE_AT], hole, *expected[HOLE_AT:]]


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="") as text:
        return [*csv.DictReader(text)]


def test_a_bundle_s_files_are_the_database(market: str, tmp_path: Path) -> None:
    written(market, "zipline", tmp_path, APPLE, BERKSHIRE)
    apple, berkshire = table(tmp_path / "assets.csv")
    assert (apple["symbol"], berkshire["symbol"]) == ("AAPL", "BRK-B")
    found = [
        [row.pop("date"), *map(float, row.values())] for row in table(tmp_path / apple["file"])
    ]
    assert found == lines(bars(100))
    assert table(tmp_path / "splits.csv") == [
        {"sid": apple["sid"], "effective_date": str(SESSIONS[SPLIT_AT]), "ratio": "0.25"}
    ]
    (paid,) = table(tmp_path / "dividends.csv")
    assert (paid["ex_date"], paid["amount"]) == (str(SESSIONS[PAID_AT]), "1.5")


def test_zipline_ingests_and_reads_the_same_numbers(market: str, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    written(market, "zipline", out, APPLE, BERKSHIRE, OLD)
    found = read_back("zipline", "zipline", out, "AAPL", "BRK-B", "fb_old")
    apple, berkshire, old = (found["assets"][name] for name in ("AAPL", "BRK-B", "fb_old"))
    assert apple["name"] == "=Apple, Inc"
    assert (apple["rows"], old["rows"]) == (lines(bars(100)), lines(bars(20)))
    expected = lines(bars(50, but=HOLE_AT))
    hole = [str(SESSIONS[HOLE_AT]), None, None, None, None, 0.0]
    assert berkshire["rows"] == [*expected[:HOLE_AT], hole, *expected[HOLE_AT:]]
    assert found["dividends"] == [[apple["sid"], str(SESSIONS[PAID_AT]), 1.5]]
    # A data portal of the last day: 4:1, and a dividend of 1.5 out of a close of 107.5.
    paid = 1 - 1.5 / 107.5
    factors = [paid / 4] * SPLIT_AT + [paid] * (PAID_AT - SPLIT_AT) + [1.0] * 4
    closes = [f * line[4] for f, line in zip(factors, apple["rows"], strict=True)]
    assert apple["adjusted"] == pytest.approx(closes, abs=0.6e-3)
    shares = [4.0] * SPLIT_AT + [1.0] * (len(SESSIONS) - SPLIT_AT)
    volumes = [f * line[5] for f, line in zip(shares, apple["rows"], strict=True)]
    assert apple["adjusted_volume"] == volumes


def test_a_bundle_is_of_one_exchange(database_url: str, tmp_path: Path) -> None:
    put(database_url, Share("AAPL", bars(1)), Share("VOD", bars(1), exchange="LSE"))
    with pytest.raises(UsageError, match="each exchange"):
        written(database_url, "zipline", tmp_path / "out", APPLE, Symbol("VOD", "LSE"))
    assert not (tmp_path / "out").exists()


def test_an_action_that_cannot_be_carried_is_told(database_url: str, tmp_path: Path) -> None:
    paid = ((SESSIONS[3], 1.0, "EUR"), (SESSIONS[4], 2.0, "USD"))
    put(database_url, Share("AAPL", bars(100), dividends=paid))
    for form in ("zipline", "lean"):
        ((symbol, reason),) = written(database_url, form, tmp_path / form, APPLE).left_out
        assert (symbol, "2024-01-05" in reason, "EUR" in reason) == ("AAPL.US", True, True)
    (row,) = table(tmp_path / "zipline/dividends.csv")
    assert row["amount"] == "2"


@pytest.mark.parametrize(("first", "count"), [(PAID_AT - 1, 1), (PAID_AT, 0)])
def test_a_dividend_on_the_first_exported_day_changes_no_exported_price(
    market: str, tmp_path: Path, first: int, count: int
) -> None:
    """Zipline would look for the close before it, and finds none."""
    written(market, "zipline", tmp_path, APPLE, first=SESSIONS[first])
    assert len(table(tmp_path / "dividends.csv")) == count


def test_a_dividend_above_the_price_is_in_no_file_and_is_said(
    database_url: str, tmp_path: Path
) -> None:
    paid = ((SESSIONS[3], 500.0, "USD"), (SESSIONS[4], 2.0, "USD"))
    put(database_url, Share("AAPL", bars(100), dividends=paid))
    ((symbol, reason),) = written(database_url, "zipline", tmp_path, APPLE).left_out
    assert (symbol, str(SESSIONS[3]) in reason) == ("AAPL.US", True)
    (row,) = table(tmp_path / "dividends.csv")
    assert row["ex_date"] == str(SESSIONS[4])


def test_nautilus_reads_the_same_numbers(market: str, tmp_path: Path) -> None:
    done = catalog_written(market, tmp_path, "--symbols", f"{APPLE},{BERKSHIRE}")
    assert (done["assets"], done["left_out"]) == (2, [])
    found = read_back("nautilus", "nautilus_trader", tmp_path)
    assert found["instruments"] == [["AAPL.US", "USD", 2], ["BRK-B.US", "USD", 2]]
    close = datetime.combine(SESSIONS[0], time(16), ZoneInfo("America/New_York"))
    rows = found["rows"]["AAPL.US-1-DAY-LAST-EXTERNAL"]
    assert rows[0][0] == int(close.astimezone(UTC).timestamp()) * 10**9
    assert [row[1:] for row in rows] == [line[1:] for line in lines(bars(100))]
    assert len(found["rows"]["BRK-B.US-1-DAY-LAST-EXTERNAL"]) == len(SESSIONS) - 1


def test_without_nautilus_the_remedy_is_named(
    market: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("nautilus_trader", "nautilus_trader.persistence.catalog"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=r"data-nexus\[nautilus\]"):
        written(market, "nautilus", tmp_path / "out", APPLE)
    assert not (tmp_path / "out").exists()
