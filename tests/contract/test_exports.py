"""What is exported in a general format is what the database holds."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from data_nexus.domain.symbol import Symbol
from data_nexus.errors import UsageError
from tests.support.exports import Share, put, written
from tests.support.tables import rows

AWKWARD = (0.1 + 0.2, 1 / 3, 1e-7, 123456.789, 100.0, 1.7976931348623157e300)
DAY = date(2024, 1, 2)
APPLE, ODD = Symbol("AAPL", "US"), Symbol('=cmd(),"x', "US")
STORED = "SELECT ticker, date, open, high, low, close, adjusted_close, volume FROM bars ORDER BY ticker, date"


def market() -> tuple[Share, ...]:
    days = [DAY + timedelta(n) for n in range(4)]
    return (
        Share("AAPL", {day: (*AWKWARD[:5], 7.0) for day in days}),
        Share(ODD.code, {DAY: (1.5, 2.5, 1.25, 2.0, 2.0, 1e9)}, columns=(("name", "=1+1"),)),
        Share("NONE", {}),
    )


def test_csv_of_one_file_reads_back_to_the_last_digit(database_url: str, tmp_path: Path) -> None:
    put(database_url, *market())
    out = tmp_path / "bars.csv"
    done = written(database_url, "csv", out, APPLE, ODD, Symbol("NONE", "US"))
    assert (done.assets, done.bars, done.without_bars, done.left_out) == (2, 5, 1, ())
    with out.open(newline="", encoding="utf-8") as text:
        _, *lines = csv.reader(text)
    found = [
        (line[0].removeprefix("'"), date.fromisoformat(line[1]), *map(float, line[2:]))
        for line in lines
    ]
    assert sorted(found) == sorted(rows(database_url, STORED))
