"""What zipline reads of an export, once ingested: `zipline_reader.py FOLDER SYMBOL…`.

It ingests as the command does, into the folder that ZIPLINE_ROOT names, and prints as JSON: the
raw bars, the adjusted closes that a data portal shows on the last day, the dividends.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import sys
from contextlib import redirect_stdout
from typing import Any

folder, symbols = sys.argv[1], sys.argv[2:]
os.environ["ZIPLINE_ROOT"] = f"{folder}.zipline"

import pandas as pd  # noqa: E402 - zipline reads its root when it is imported
from zipline.__main__ import main  # noqa: E402
from zipline.data import bundles  # noqa: E402
from zipline.data.data_portal import DataPortal  # noqa: E402
from zipline.utils.calendar_utils import get_calendar  # noqa: E402

command = ["-e", f"{folder}/extension.py", "ingest", "-b", "data-nexus", "--no-show-progress"]
with redirect_stdout(sys.stderr):
    main(command, standalone_mode=False)
bundle = bundles.load("data-nexus")
reader = bundle.equity_daily_bar_reader
calendar = get_calendar(bundles.bundles["data-nexus"].calendar_name)
portal = DataPortal(
    bundle.asset_finder,
    trading_calendar=calendar,
    first_trading_day=reader.first_trading_day,
    equity_daily_reader=reader,
    adjustment_reader=bundle.adjustment_reader,
)
FIELDS = ["open", "high", "low", "close", "volume"]


def number(value: Any) -> float | None:  # noqa: ANN401 - any number
    """The number, None for what is none."""
    return None if math.isnan(value) else float(value)


def told(symbol: str) -> dict[str, Any]:
    """What the bundle has of a symbol."""
    asset = bundle.asset_finder.lookup_symbol(symbol, as_of_date=None)
    first, last = asset.start_date, asset.end_date
    columns = reader.load_raw_arrays(FIELDS, first, last, [asset.sid])
    days = calendar.sessions_in_range(first, last)
    rows = [
        [str(day.date()), *(number(column[at, 0]) for column in columns)]
        for at, day in enumerate(days)
    ]
    adjusted = portal.get_history_window([asset], last, len(days), "1d", "close", "daily")
    shares = portal.get_history_window([asset], last, len(days), "1d", "volume", "daily")
    return {
        "sid": asset.sid,
        "name": asset.asset_name,
        "first": str(first.date()),
        "last": str(last.date()),
        "rows": rows,
        "adjusted": [number(value) for value in adjusted.iloc[:, 0]],
        "adjusted_volume": [number(value) for value in shares.iloc[:, 0]],
    }


with sqlite3.connect(
    bundle.adjustment_reader.conn.execute("PRAGMA database_list").fetchone()[2]
) as db:
    paid = pd.read_sql("SELECT sid, ex_date, amount FROM dividend_payouts", db)
dividends = [
    [int(row.sid), str(pd.Timestamp(row.ex_date, unit="s").date()), row.amount]
    for row in paid.itertuples()
]
print(json.dumps({"assets": {name: told(name) for name in symbols}, "dividends": dividends}))  # noqa: T201
