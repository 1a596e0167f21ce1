"""Turn tables into frames, for those who work with pandas or polars. Pure.

Both are imported when they are used: nothing else here needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pyarrow as pa

from data_nexus.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


def as_polars(table: pa.Table) -> pl.DataFrame:
    """Return a table as a polars frame; raise `UsageError` where polars is not installed."""
    try:
        polars = import_module("polars")
    except ImportError:
        raise UsageError("polars is not installed; run: pip install polars") from None
    frame: pl.DataFrame = polars.from_arrow(table)
    return frame


def by_ticker(table: pa.Table, column: str | None = None) -> pd.DataFrame:
    """Return a long table as a pandas frame of one row a date: columns are (ticker, column).

    With `column` they are the tickers, of that column alone.
    """
    if not len(table):
        return to_frame(table.drop_columns(["ticker"]))
    long = to_frame(table).set_index("ticker", append=True)
    if long.index.has_duplicates:
        raise UsageError("two assets have the same symbol; read db.bars with the column asset_id")
    wide = long.unstack("ticker")  # noqa: PD010 - dates are unique within a ticker
    if column is not None:
        return wide[column]
    names = [name for name in table.column_names if name not in ("ticker", "date")]
    tickers = table["ticker"].unique().to_pylist()
    frame: pd.DataFrame = wide.swaplevel(axis="columns")
    return frame[[(ticker, name) for ticker in tickers for name in names]]


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return a table as a pandas frame, its dates as a `DatetimeIndex` in nanoseconds.

    The other columns stay as they are. In a long table of several tickers a date occurs once for
    each; read `layout="wide"` for one row a date. Raises `UsageError` for a table without the
    column date, and where pandas is not installed.
    """
    if "date" not in table.column_names:
        names = ", ".join(table.column_names)
        raise UsageError(f"no column date in the table: {names}; use table.to_pandas()")
    try:
        pandas = import_module("pandas")
    except ImportError:
        raise UsageError("pandas is not installed; run: pip install pandas") from None
    frame: pd.DataFrame = table.to_pandas(date_as_object=False).set_index("date")
    frame.index = pandas.DatetimeIndex(frame.index.astype("datetime64[ns]"), name="date")
    return frame


# What a notebook writes: `nexus.frame(db.bars("AAPL.US"))`.
frame = to_frame
