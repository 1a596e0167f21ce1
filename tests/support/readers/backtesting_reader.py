"""Owns what backtesting.py reads from a feed: `backtesting_reader.py FEED`, printed as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import pandas as pd
from backtesting import Backtest, Strategy

ROWS: list[list[Any]] = []


class Noting(Strategy):  # type: ignore[misc]
    """Notes every bar that it is shown."""

    def init(self) -> None:
        pass

    def next(self) -> None:
        bars = self.data
        fields = (bars.Open, bars.High, bars.Low, bars.Close, bars.Volume)
        ROWS.append([str(bars.index[-1].date()), *(float(column[-1]) for column in fields)])


frame = pd.read_csv(sys.argv[1], index_col=0, parse_dates=True, float_precision="round_trip")
Backtest(frame, Noting, cash=1e9).run()
print(json.dumps(ROWS))  # noqa: T201 - its answer
