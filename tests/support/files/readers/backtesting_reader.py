"""What backtesting.py reads from a feed: `backtesting_reader.py FEED`, printed as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import pandas as pd
from backtesting import Backtest, Strategy

ROWS: list[list[Any]] = []
frame = pd.read_csv(sys.argv[1], index_col=0, parse_dates=True, float_precision="round_trip")


class Noting(Strategy):  # type: ignore[misc]
    """Notes every bar that lies behind it on the last one."""

    def init(self) -> None:
        pass

    def next(self) -> None:
        bars = self.data
        if len(bars) == len(frame):
            fields = (bars.Open, bars.High, bars.Low, bars.Close, bars.Volume)
            columns = zip(*(map(float, column) for column in fields), strict=True)
            ROWS.extend(
                [str(day.date()), *row] for day, row in zip(bars.index, columns, strict=True)
            )


Backtest(frame, Noting, cash=1e9).run()
print(json.dumps(ROWS))  # noqa: T201 - its answer
