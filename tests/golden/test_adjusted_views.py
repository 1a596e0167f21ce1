"""The total view of real bars is the adjusted close that was sent, in every series with actions.

462 American histories come with Yahoo's adjusted closes and the dividends of a table whose amounts
have four decimals; 13 raw ones with the adjusted closes that Lean's factor files give.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import compute

from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.bars import Bars, Floats
from data_nexus.errors import AdjustmentRefused
from data_nexus.research.columns import ACTIONS_SCHEMA, NUMBERS, STORED_SCHEMA
from data_nexus.research.histories import day_numbers, segments
from data_nexus.research.views import View, view_bars
from tests.golden.factor_files import SYMBOLS, actions_in_file, lean
from tests.golden.recordings import market_file, needs_recordings
from tests.support.postgres.stored import actions_of, dividend, split

pytestmark = needs_recordings

TOTAL = View(adjust="total")
# Half a unit of the fourth decimal, in which amounts are written.
HALF_A_UNIT = 0.5e-4


def paid_by_symbol() -> dict[str, list[tuple[dt.date, float]]]:
    """The dividends that are counted in the shares of 2021, like the bars, by symbol and date."""
    paid = defaultdict(list)
    with gzip.open(market_file("dividends.csv.gz"), "rt", encoding="utf-8", newline="") as text:
        for line in csv.DictReader(text):
            if line["basis"].startswith("split-adjusted"):
                paid[line["symbol"]].append(
                    (dt.date.fromisoformat(line["date"]), float(line["value"]))
                )
    return {symbol: sorted(paid[symbol]) for symbol in sorted(paid)}


def yahoo(symbols: Sequence[str]) -> pa.Table:
    """The bars of these symbols, numbered from 1, as stored bars."""
    table = pq.read_table(market_file("bars_us_2021snap.parquet"))
    names = pa.array(symbols)
    table = table.filter(compute.is_in(table["symbol"], value_set=names))
    numbers = compute.add(compute.index_in(table["symbol"], value_set=names), 1)
    columns = [numbers.cast(pa.int32()), table["symbol"].cast(pa.string()), table["date"]]
    columns += [table[name].cast(pa.float64()) for name in NUMBERS]
    return pa.table(columns, schema=STORED_SCHEMA)


def far(sent: Floats, shown: Floats, close: Floats, amounts: Floats) -> Floats:
    """How far each bar is off, relatively, beyond what rounding explains.

    The adjusted close and the close are rounded to four decimals (six below 1), and so is each
    later dividend: `amounts` is what that may add up to.
    """
    unit = np.where(sent < 1, 0.5e-6, 0.5e-4)
    allowed = unit * (1 + shown / close) + shown * amounts
    over: Floats = np.maximum(np.abs(shown - sent) - allowed, 0) / sent
    return over


def rounded_amounts(dates: np.ndarray, close: Floats, ex_dates: Sequence[dt.date]) -> Floats:
    """What half a unit of each later dividend adds up to, as a fraction of the price."""
    ordinals = np.array(ex_dates, "datetime64[D]").astype(np.int32)
    at = np.searchsorted(dates, ordinals)
    steps = np.zeros(len(dates) + 1)
    inside = at[(at > 0) & (at < len(dates))]
    np.add.at(steps, inside, HALF_A_UNIT / close[inside - 1])
    later: Floats = steps[::-1].cumsum()[::-1][1:]
    return later


# Dividends below 0.015 % of the price are not in the table, and those of Disney before 1970 are
# not either: the symbols of which a bar is off by more than a millionth, and how far the worst is.
BEYOND = {
    "AMGN": 3e-5,
    "BICK": 7e-5,
    "BMA": 3e-5,
    "CAR": 4e-6,
    "CDC": 1.3e-4,
    "CERN": 2e-5,
    "CFA": 1.2e-4,
    "CIBR": 1.4e-4,
    "CIL": 6e-6,
    "CNXT": 9e-5,
    "COHN": 9e-6,
    "COO": 8.4e-4,
    "CPI": 1.1e-4,
    "CSA": 1.9e-4,
    "CURE": 9e-5,
    "DAX": 1.1e-4,
    "DIS": 5.9e-2,
    "DRIP": 1.2e-4,
    "DRN": 1.5e-4,
    "EFO": 6e-5,
    "EURL": 1.1e-4,
    "EWJ": 7e-5,
}


def test_the_total_view_of_462_histories_is_the_adjusted_close_that_was_sent() -> None:
    paid = paid_by_symbol()
    stored = yahoo([*paid])
    actions = [
        dividend(day, amount, asset_id=number, ticker=symbol)
        for number, (symbol, amounts) in enumerate(paid.items(), start=1)
        for day, amount in amounts
    ]
    shown = view_bars(stored, pa.Table.from_pylist(actions, schema=ACTIONS_SCHEMA), TOTAL)
    dates, close = day_numbers(stored), stored["close"].to_numpy()
    sent, got = stored["adjusted_close"].to_numpy(), shown["close"].to_numpy()
    worst = {}
    for (symbol, amounts), (_, own) in zip(paid.items(), segments(stored), strict=True):
        rounding = rounded_amounts(dates[own], close[own], [day for day, _ in amounts])
        worst[symbol] = far(sent[own], got[own], close[own], rounding).max()
    assert len(stored) > 2_000_000
    beyond = {symbol: most for symbol, most in worst.items() if most > 1e-6}
    assert beyond.keys() == BEYOND.keys()
    assert {symbol for symbol, most in beyond.items() if most > BEYOND[symbol]} == set()


def stored_lean(bars: Bars) -> pa.Table:
    """Raw bars of Lean as stored ones."""
    columns = [np.ones(len(bars), np.int32), ["A.US"] * len(bars)]
    return pa.table(
        [
            *(pa.array(each) for each in columns),
            pa.array(bars.date).view(pa.date32()),
            *(pa.array(getattr(bars, name)) for name in NUMBERS),
        ],
        schema=STORED_SCHEMA,
    )


def actions_table(actions: tuple[list[Split], list[Dividend]]) -> pa.Table:
    """The actions of a factor file as stored ones."""
    splits, dividends = actions
    return actions_of(
        *(split(each.date, each.numerator, each.denominator) for each in splits),
        *(dividend(each.date, each.value) for each in dividends if each.value > 1e-9),
    )


# Whose bars are those of another company before a date, or have a hole: see the factor files.
ANOTHER = {"BAC": "1998-09-02", "QQQ": "2004-12-01", "NWSA": "2013-07-01"}


@pytest.mark.parametrize("symbol", [each for each in SYMBOLS if each != "WM"])
def test_the_total_view_of_raw_bars_is_the_series_of_their_factor_file(symbol: str) -> None:
    bars = lean(symbol)
    shown = view_bars(stored_lean(bars), actions_table(actions_in_file(symbol)), TOTAL)
    own = bars.date >= np.datetime64(ANOTHER.get(symbol, "1990-01-01"), "D").astype(np.int32)
    over = far(bars.adjusted_close, shown["close"].to_numpy(), bars.close, np.zeros(len(bars)))
    assert over[own].max(initial=0.0) < 1e-6


def test_a_dividend_of_the_successor_is_refused_on_the_bars_of_its_predecessor() -> None:
    """The code WM was another company's until 2008, whose last price was 0.16."""
    bars = stored_lean(lean("WM"))
    with pytest.raises(AdjustmentRefused, match=r"2008-11-26: a dividend of 0\.85 against 0\.16"):
        view_bars(bars, actions_table(actions_in_file("WM")), TOTAL)
    since = View(adjust="total", first=dt.date(2009, 1, 1))
    assert len(view_bars(bars, actions_table(actions_in_file("WM")), since)) > 2_900
