"""A table becomes a frame of pandas with its dates as the index, or one of polars."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import data_nexus as nexus
from data_nexus.app.frames import by_ticker
from data_nexus.errors import UsageError
from tests.support.files.tool_environments import python_with
from tests.support.source import ROOT

DAYS = [date(2024, 1, 2), date(2024, 1, 3)]
POLARS = """
import json, sys
sys.path += sys.argv[1:]
from datetime import date
import pyarrow as pa
import data_nexus as nexus

days = [date(2024, 1, 2), date(2024, 1, 3)]
table = pa.table({"ticker": ["A", "B"], "date": days, "close": [1.5, None], "volume": [7, 8]})
frame = nexus.as_polars(table)
print(json.dumps({
    "types": list(map(str, frame.dtypes)),
    "rows": [[name, str(day), *rest] for name, day, *rest in frame.rows()],
    "empty": list(map(str, nexus.as_polars(table.slice(0, 0)).dtypes)),
}))
"""


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


def test_a_frame_by_ticker_has_a_row_a_date_and_columns_by_name() -> None:
    table = pa.table(
        {
            "ticker": ["A", "A", "B"],
            "date": [*DAYS, DAYS[1]],
            "open": [1.0, 2.0, 3.0],
            "close": [4.0, 5.0, 6.0],
        }
    )
    frame = by_ticker(table)
    assert [*frame.columns] == [("A", "open"), ("A", "close"), ("B", "open"), ("B", "close")]
    assert frame["B"]["close"].isna().to_list() == [True, False]
    assert frame.loc["2024-01-03", ("A", "close")] == 5.0
    closes = by_ticker(table, "close")
    assert [*closes.columns] == ["A", "B"]
    assert closes["A"].to_list() == [4.0, 5.0]
    assert isinstance(closes.index, pd.DatetimeIndex)
    assert by_ticker(table.slice(0, 0)).empty


def test_two_assets_of_one_symbol_are_refused_by_ticker() -> None:
    table = pa.table({"ticker": ["A", "A"], "date": [DAYS[0]] * 2, "close": [1.0, 2.0]})
    with pytest.raises(UsageError, match="two assets have the same symbol"):
        by_ticker(table)


def test_every_public_name_is_listed_and_there() -> None:
    assert set(nexus.__all__) <= set(dir(nexus))
    assert "annotations" not in dir(nexus)
    for name in dir(nexus):
        assert getattr(nexus, name) is not None
    assert nexus.frame is nexus.to_frame


def test_without_polars_its_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)  # so Python marks what cannot be imported
    with pytest.raises(UsageError, match="pip install polars"):
        nexus.as_polars(pa.table({"date": DAYS}))


def test_polars_takes_a_table_with_its_types_and_nulls() -> None:
    """In a process of its own, which finds polars where `make test` has installed it."""
    places = [
        *Path(python_with("polars", "polars")).parent.parent.glob("lib/python*/site-packages")
    ]
    done = subprocess.run(
        [sys.executable, "-c", POLARS, *places],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "types": ["String", "Date", "Float64", "Int64"],
        "rows": [["A", "2024-01-02", 1.5, 7], ["B", "2024-01-03", None, 8]],
        "empty": ["String", "Date", "Float64", "Int64"],
    }
