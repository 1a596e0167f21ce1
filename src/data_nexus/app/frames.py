"""Turn tables into pandas frames, for those who work with pandas. Pure.

pandas is imported when it is used: nothing else here needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pyarrow as pa

from data_nexus.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


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
