"""The real actions beside the recorded bars: Lean's factor files, and tables of actions."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.bars import Bars
from tests.golden.recordings import market_file

SYMBOLS = [
    *("AIG", "BAC", "CCCL", "EEM", "FB", "GOOGL", "IBM", "IWM"),
    *("NWSA", "QQQ", "SPY", "USO", "WM"),
]
AS_PAID = "raw"  # how the basis of a dividend begins that is not split-adjusted
DAY = dt.timedelta(1)


class Line(NamedTuple):
    """A line of a factor file: it holds up to and including its date."""

    date: dt.date
    price_factor: float
    split_factor: float
    reference_price: float


def lines_of(name: str, symbol: str) -> Iterator[dict[str, str]]:
    """A symbol's lines of a file of market data."""
    with gzip.open(market_file(name), "rt", encoding="utf-8", newline="") as text:
        yield from (line for line in csv.DictReader(text) if line["symbol"] == symbol)


@cache
def bars_of(name: str, symbol: str) -> Bars:
    """A symbol's bars of a file of market data."""
    table = pq.read_table(market_file(name), filters=[("symbol", "=", symbol)])
    dates = table["date"].to_numpy().astype("datetime64[D]").astype(np.int32)
    fields = ("open", "high", "low", "close", "adjusted_close", "volume")
    return Bars(dates, *(table[field].to_numpy().astype(np.float64) for field in fields))


def lean(symbol: str) -> Bars:
    """A symbol's raw bars, with the adjusted series that its factor file gives."""
    return bars_of("bars_raw_lean.parquet", symbol)


def actions_in_file(symbol: str) -> tuple[list[Split], list[Dividend]]:
    """The actions that a factor file implies, with all its digits: its steps, by their ex-dates."""
    lines = [
        Line(dt.date.fromisoformat(line.pop("date")), *map(float, list(line.values())[1:]))
        for line in lines_of("lean_factor_files.csv.gz", symbol)
    ]
    steps = list(pairwise(lines))
    splits = [Split(a.date + DAY, b.split_factor / a.split_factor, 1.0) for a, b in steps]
    paid = [
        (a.date + DAY, a.reference_price * (1 - a.price_factor / b.price_factor)) for a, b in steps
    ]
    return splits, [
        Dividend(date=day, value=amount, unadjusted_value=amount) for day, amount in paid
    ]


def actions_in_tables(symbol: str) -> tuple[list[Split], list[Dividend]]:
    """The actions that the tables of splits and dividends list, rounded as they are."""
    splits = [
        Split(dt.date.fromisoformat(line["date"]), float(line["ratio"]), 1.0)
        for line in lines_of("splits.csv.gz", symbol)
        if line["verified_ex_date"]
    ]
    dividends = [
        Dividend(date=dt.date.fromisoformat(line["date"]), value=amount, unadjusted_value=amount)
        for line in lines_of("dividends.csv.gz", symbol)
        if line["basis"].startswith(AS_PAID)
        for amount in [float(line["value"])]
    ]
    return splits, dividends
