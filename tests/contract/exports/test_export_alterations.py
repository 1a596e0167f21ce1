"""What a format cannot hold is counted by asset and said, and no nonsense is written."""

from __future__ import annotations

import csv
import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from data_nexus.domain.symbol import Symbol
from data_nexus.research.exports.export import Exported
from tests.support.files.exports import Bar, Share, catalog_written, put, read_back, written
from tests.support.files.lean import daily

DAYS = [date(2024, 1, 2) + timedelta(n) for n in range(4)]
PENNY, COIN, SHARE = Symbol("PENY", "US"), Symbol("BTC-USD", "CC"), Symbol("AAPL", "US")
Found = dict[tuple[str, str], tuple[int, int]]


def bars(prices: list[float], volumes: list[float]) -> dict[date, Bar]:
    """Bars whose four prices are equal."""
    both = zip(DAYS, prices, volumes, strict=True)
    return {day: (price, price, price, price, price, volume) for day, price, volume in both}


@pytest.fixture
def market(database_url: str) -> str:
    """A share of less than a cent with thousands of millions traded, a coin, and a usual share."""
    penny = bars([0.0012, 0.0016, 0.0004, 0.0012], [4_874_778_000, 11_253_050_000, 100, 200])
    coin = bars([90000.123, 91000.1, 90500.0, 91234.56], [0.4213, 1.75, 32001.99, 0.049])
    put(
        database_url,
        Share("PENY", penny),
        Share("BTC-USD", coin, exchange="CC"),
        Share("AAPL", bars([187.15, 188.0, 189.25, 190.5], [1e6, 2e6, 3e6, 4e6])),
    )
    return database_url


def counts(done: Exported) -> Found:
    """How many numbers are altered, and how many of them lost, by asset and kind."""
    return {(each.symbol, each.what): (each.count, each.lost) for each in done.altered}


def column(path: Path, name: str) -> list[float]:
    with path.open(newline="") as text:
        return [float(row[name]) for row in csv.DictReader(text)]


def test_zipline_holds_thousandths_and_32_bits(market: str, tmp_path: Path) -> None:
    done = written(market, "zipline", tmp_path, PENNY, SHARE)
    assert counts(done) == {("PENY.US", "prices"): (16, 4), ("PENY.US", "volumes"): (2, 0)}
    assert not done.is_whole
    volumes = column(tmp_path / "bars/PENY.US.csv", "volume")
    assert volumes == [4294967295, 4294967295, 100, 200]
    assert written(market, "zipline", tmp_path, SHARE).is_whole


def test_zipline_has_no_fractions_of_a_coin(market: str, tmp_path: Path) -> None:
    done = written(market, "zipline", tmp_path, COIN)
    assert counts(done) == {("BTC-USD.CC", "volumes"): (4, 2)}
    assert column(tmp_path / "bars/BTC-USD.CC.csv", "volume") == [0, 2, 32002, 0]


def test_zipline_itself_reads_what_was_said(market: str, tmp_path: Path) -> None:
    written(market, "zipline", tmp_path / "bundle", PENNY)
    rows = read_back("zipline", "zipline", tmp_path / "bundle", "PENY")["assets"]["PENY"]["rows"]
    held = [0.001, 0.002, None, 0.001]
    assert [row[4] for row in rows] == held
    assert [row[5] for row in rows] == [4294967295, 4294967295, 100, 200]


@pytest.mark.parametrize(("form", "price"), [("zipline", 4_294_967.5), ("lean", 1e15)])
def test_a_price_that_would_become_another_one_is_refused(
    database_url: str, tmp_path: Path, form: str, price: float
) -> None:
    put(database_url, Share("AAPL", bars([1, 2, 3, price], [1] * 4)))
    ((symbol, reason),) = written(database_url, form, tmp_path, SHARE).left_out
    assert symbol == "AAPL.US"
    assert "holds prices up to" in reason
    assert "4 are larger" in reason


def test_lean_holds_fractions_of_a_coin_and_eight_decimals(market: str, tmp_path: Path) -> None:
    done = written(market, "lean", tmp_path, PENNY, COIN, SHARE)
    assert (counts(done), done.is_whole) == ({}, True)
    rows = daily(tmp_path, "btc-usd", "cc")
    assert [row[5] for row in rows] == [0.4213, 1.75, 32001.99, 0.049]
    assert [row[4] for row in rows] == [90000.123, 91000.1, 90500.0, 91234.56]


def test_lean_s_volume_is_never_negative(database_url: str, tmp_path: Path) -> None:
    put(database_url, Share("AAPL", bars([1.2e-9, 1, 2, 3], [2.0**65, 1e300, 5, 6])))
    done = written(database_url, "lean", tmp_path, SHARE)
    assert counts(done) == {("AAPL.US", "prices"): (4, 4), ("AAPL.US", "volumes"): (2, 0)}
    volumes = [row[5] for row in daily(tmp_path, "aapl")]
    assert volumes == [2.0**63 - 1024, 2.0**63 - 1024, 5, 6]


def test_qlib_leaves_out_what_32_bits_do_not_hold(database_url: str, tmp_path: Path) -> None:
    put(database_url, Share("AAPL", bars([5e-324, 1e39, 2.3, 3.1], [1e300, 2.0**65, 5, 6])))
    done = written(database_url, "qlib", tmp_path, SHARE, adjust="raw")
    assert counts(done) == {("AAPL.US", "prices"): (8, 8), ("AAPL.US", "volumes"): (1, 1)}
    folder = tmp_path / "features/aapl.us"
    _, first, *others = np.fromfile(folder / "volume.day.bin", "<f4").tolist()
    assert math.isnan(first)
    assert others == [2.0**65, 5, 6]
    assert math.isnan(np.fromfile(folder / "close.day.bin", "<f4")[2])


def test_csv_and_feeds_hold_every_number(market: str, tmp_path: Path) -> None:
    for form in ("csv", "backtrader", "parquet", "arrow"):
        done = written(market, form, tmp_path / form, PENNY, COIN, adjust="raw")
        assert (done.altered, done.is_whole) == ((), True)
    volumes = column(tmp_path / "backtrader/bars/BTC-USD.CC.csv", "Volume")
    assert volumes == [0.4213, 1.75, 32001.99, 0.049]


def test_nautilus_counts_the_fractions_of_a_coin(market: str, tmp_path: Path) -> None:
    done = catalog_written(market, tmp_path, "--symbols", str(COIN), code=3)
    (found,) = done["altered"]
    assert (found["symbol"], found["what"], found["count"]) == ("BTC-USD.CC", "volumes", 4)


@pytest.mark.parametrize("adjust", ["vendor", "splits"])
def test_an_adjusted_number_beyond_a_double_is_refused_and_not_infinite(
    database_url: str, tmp_path: Path, adjust: str
) -> None:
    stored = bars([1, 1e305, 2, 3], [1] * 4)
    stored[DAYS[0]] = (1, 1, 1, 5e-324, 1, 1)
    put(database_url, Share("AAPL", stored, ((DAYS[2], 1, 1e8),)))
    done = written(database_url, "csv", tmp_path, SHARE, adjust=adjust)
    ((symbol, reason),) = done.left_out
    assert (symbol, reason[:23]) == ("AAPL.US", "AAPL.US: the adjusted o")
    assert "use adjust='raw'" in reason
    later = written(database_url, "csv", tmp_path, SHARE, adjust=adjust, first=DAYS[2])
    assert (later.bars, later.left_out) == (2, ())


YIELD = Symbol("Y", "GBOND")
BELOW = bars([0.5, -0.5, 0.0, 0.4], [0] * 4)


@pytest.mark.parametrize(("form", "tool"), [("zipline", "zipline"), ("lean", "LEAN")])
def test_a_tool_of_prices_above_zero_refuses_a_yield_below(
    database_url: str, tmp_path: Path, form: str, tool: str
) -> None:
    put(database_url, Share("Y", BELOW, exchange="GBOND"))
    done = written(database_url, form, tmp_path, YIELD)
    assert done.left_out == (("Y.GBOND", f"{tool} holds prices above 0, and 2 bars have others"),)
    assert not done.is_whole


def test_qlib_and_csv_hold_a_yield_below_zero(database_url: str, tmp_path: Path) -> None:
    put(database_url, Share("Y", BELOW, exchange="GBOND"))
    assert written(database_url, "qlib", tmp_path / "qlib", YIELD).is_whole
    folder = tmp_path / "qlib/features/y.gbond"
    assert np.fromfile(folder / "close.day.bin", "<f4").tolist()[1:] == [
        0.5,
        -0.5,
        0.0,
        pytest.approx(0.4),
    ]
    assert np.fromfile(folder / "factor.day.bin", "<f4").tolist()[1:] == [1.0] * 4
    assert written(database_url, "backtrader", tmp_path / "feeds", YIELD).is_whole
    assert column(tmp_path / "feeds/bars/Y.GBOND.csv", "Close") == [0.5, -0.5, 0.0, 0.4]


def test_nautilus_holds_a_yield_below_zero_in_its_own_decimals(
    database_url: str, tmp_path: Path
) -> None:
    put(database_url, Share("Y", BELOW, exchange="GBOND"))
    assert catalog_written(database_url, tmp_path, "--symbols", str(YIELD))["altered"] == []
    found = read_back("nautilus", "nautilus_trader", tmp_path)
    assert found["instruments"] == [["Y.GBOND", "USD", 2]]
    closes = [row[4] for row in found["rows"]["Y.GBOND-1-DAY-LAST-EXTERNAL"]]
    assert closes == [0.5, -0.5, 0.0, 0.4]


HOLIDAY, MONDAY = date(2024, 1, 15), date(2024, 1, 22)
WEEK = [date(2024, 1, 16) + timedelta(n) for n in range(4)]


def flat(*dates: date) -> dict[date, Bar]:
    return dict.fromkeys(dates, (10.0, 10.0, 10.0, 10.0, 10.0, 5.0))


def test_a_bar_on_a_holiday_is_left_out_of_qlib_s_calendar_and_said(
    database_url: str, tmp_path: Path
) -> None:
    shares = [Share(code, flat(date(2024, 1, 12), *WEEK, MONDAY)) for code in ("A", "B")]
    index = Share("IDX", flat(date(2024, 1, 12), HOLIDAY, *WEEK, MONDAY))
    put(database_url, *shares, index)
    symbols = [Symbol(code, "US") for code in ("A", "B", "IDX")]
    done = written(database_url, "qlib", tmp_path, *symbols)
    listed = (tmp_path / "calendars/day.txt").read_text().split()
    assert listed == [*map(str, (date(2024, 1, 12), *WEEK, MONDAY))]
    assert [*map(str, done.altered)] == [
        "IDX.US: 1 bars left out: the exchange had no session on 2024-01-15"
    ]
    assert (done.bars, done.is_whole) == (18, False)
    assert len(np.fromfile(tmp_path / "features/idx.us/close.day.bin", "<f4")) == 7
    assert written(database_url, "qlib", tmp_path, *symbols[:2]).is_whole


def test_zipline_says_which_bars_its_calendar_has_no_session_for(
    database_url: str, tmp_path: Path
) -> None:
    put(database_url, Share("IDX", flat(HOLIDAY, *WEEK)))
    done = written(database_url, "zipline", tmp_path, Symbol("IDX", "US"))
    assert [*map(str, done.altered)] == [
        "IDX.US: 1 bars left out: zipline's calendar XNYS has no session on 2024-01-15"
    ]
