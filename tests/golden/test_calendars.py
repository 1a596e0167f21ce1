"""The calendars, against days on which something was really traded."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from data_nexus.domain.bars import Days
from data_nexus.domain.calendar.exchanges import sessions_of
from data_nexus.domain.calendar.sessions import day_date
from tests.golden.recordings import market_file, needs_recordings, sample

pytestmark = needs_recordings


def traded_days(name: str, *symbols: str) -> Days:
    """The days with a bar in a file, or with one of some symbols."""
    table = pq.read_table(market_file(name), columns=["symbol", "date"])
    if symbols:
        table = table.filter(pc.is_in(table["symbol"], pa.array(symbols)))
    dates = table["date"].unique().to_numpy(zero_copy_only=False).astype("datetime64[D]")
    return np.sort(dates).astype(np.int32)


def sessions_around(exchange: str, traded: Days) -> Days:
    """The exchange's sessions from the first to the last of the days."""
    first, last = day_date(int(traded[0])), day_date(int(traded[-1]))
    return sessions_of(exchange, last).between(first, last)


def dates(found: Days) -> list[str]:
    return [str(day_date(number)) for number in found.tolist()]


@pytest.mark.parametrize(
    ("name", "symbols", "count"),
    [
        ("bars_us_2021snap.parquet", (), 14_870),  # since 1962-01-02
        ("bars_raw_lean.parquet", ("SPY",), 5_849),  # since 1998-01-02
        ("bars_raw_lean.parquet", ("IBM",), 5_849),
        ("bars_us_delisted_2017snap.parquet", (), 2_485),  # since 2008-01-02
    ],
)
def test_new_york_traded_on_its_sessions_and_on_no_other_day(
    name: str, symbols: tuple[str, ...], count: int
) -> None:
    traded = traded_days(name, *symbols)
    assert len(traded) == count
    assert dates(np.setxor1d(traded, sessions_around("US", traded))) == []


def test_two_sessions_of_new_york_were_lost_by_a_collector() -> None:
    # Its file has a row without prices on the first, and nothing on the second.
    traded = traded_days("bars_us_sp500_2012_2024.parquet")
    lost = np.setxor1d(traded, sessions_around("US", traded))
    assert dates(lost) == ["2022-01-27", "2023-11-01"]


def test_bombay_traded_on_no_day_but_its_sessions() -> None:
    traded = traded_days("bars_raw_lean.parquet", "CCCL")
    # The first two are Diwali's evening hour.
    without_trade = np.setxor1d(traded, sessions_around("NSE", traded))
    assert dates(without_trade) == ["2010-11-05", "2011-10-26", "2011-12-27"]
    assert np.setdiff1d(traded, sessions_around("NSE", traded)).size == 0


def test_sydney_agrees_with_the_vendors_bars_since_1997() -> None:
    bars = json.loads(sample("eod_BHP.AU_full.json"))
    traded = np.array([bar["date"] for bar in bars], dtype="datetime64[D]").astype(np.int32)
    held = sessions_around("AU", traded)
    assert np.setdiff1d(traded, held).size == 0
    # Before, the vendor has holes: 26 sessions from August to October 1996 among them.
    missing = np.setdiff1d(held, traded)
    assert len(missing) == 34
    assert day_date(int(missing[-1])) == dt.date(1996, 10, 28)
