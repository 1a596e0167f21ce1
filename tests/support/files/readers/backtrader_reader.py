"""What backtrader reads from a feed: `backtrader_reader.py FEED…`, printed as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import backtrader as bt

ROWS: dict[str, list[list[Any]]] = {}


class Noting(bt.Strategy):  # type: ignore[misc]
    """Notes every bar that it is shown."""

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        for feed in self.datas:
            if len(feed):
                day = str(feed.datetime.date(0))
                rows = ROWS.setdefault(feed._name, [])  # noqa: SLF001 - how backtrader names it
                if not rows or rows[-1][0] != day:
                    fields = (feed.open, feed.high, feed.low, feed.close, feed.volume)
                    rows.append([day, *(line[0] for line in fields)])


cerebro = bt.Cerebro(stdstats=False)
for name in sys.argv[1:]:
    cerebro.adddata(bt.feeds.BacktraderCSVData(dataname=name), name=name)
cerebro.addstrategy(Noting)
cerebro.run()
print(json.dumps(ROWS))  # noqa: T201 - its answer
