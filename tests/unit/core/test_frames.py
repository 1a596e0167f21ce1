"""A table becomes a pandas frame with its dates as the index."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pyarrow as pa
import pytest

import data_nexus as nexus
from data_nexus.errors import UsageError

DAYS = [date(2024, 1, 2), date(2024, 1, 3)]


def test_dates_become_the_index_and_the_rest_stays() -> None:
    frame = nexus.to_frame(pa.table({"ticker": ["A", "A"], "date": DAYS, "close": [1.0, 2.0]}))
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert (frame.index.name, str(frame.index.dtype)) == ("date", "datetime64[ns]")
    assert [*frame.columns] == ["ticker", "close"]
    assert frame.loc["2024-01-03", "close"] == 2.0
    assert frame["close"].resample("YE").last().to_list() == [2.0]


def test_a_table_without_rows_has_an_index_of_dates_too() -> None:
    empty = pa.table({"date": pa.array([], pa.date32()), "A": pa.array([], pa.float64())})
    assert isinstance(nexus.to_frame(empty).index, pd.DatetimeIndex)


def test_a_table_without_dates_is_refused() -> None:
    with pytest.raises(UsageError, match="no column date in the table: moment"):
        nexus.to_frame(pa.table({"moment": [1]}))
