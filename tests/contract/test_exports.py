"""What is exported in a general format is what the database holds."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import UsageError
from data_nexus.research.exports.names import text_of_cell
from data_nexus.research.exports.series import Chosen, choose_exchange, one_moment
from data_nexus.research.exports.viewing import Range
from tests.support.exports import Bar, Share, put, written
from tests.support.tables import execute, rows

DAY = date(2024, 1, 2)
APPLE, ODD, EMPTY = Symbol("AAPL", "US"), Symbol('=cmd(),"x', "US"), Symbol("NONE", "US")
STORED = (
    "SELECT ticker, date, open, high, low, close, adjusted_close, volume FROM bars"
    " ORDER BY ticker, date"
)
AWKWARD = (0.1 + 0.2, 1 / 3, 1e-7, 123456.789, 1.7976931348623157e300)
Row = tuple[Any, ...]


def market() -> tuple[Share, ...]:
    days = [DAY + timedelta(n) for n in range(4)]
    return (
        Share("AAPL", {day: (*AWKWARD, 7.0 + n) for n, day in enumerate(days)}),
        Share(
            ODD.code,
            {DAY: (1.5, 2.5, 1.25, 2.0, 2.0, 1e9)},
            dividends=((DAY, 0.1, "=USD"),),
            columns=(("name", '+1+1 "of" us,\r\nand more'),),
        ),
        Share("NONE", {}),
    )


def read_csv(path: Path) -> list[Row]:
    """The bars of a CSV file, read by Python's own reader, which is strict about quotes."""
    with path.open(newline="", encoding="utf-8") as text:
        _, *lines = csv.reader(text, strict=True)
    return [
        (text_of_cell(name), date.fromisoformat(day), *map(float, numbers))
        for name, day, *numbers in lines
    ]


def read_parquet(path: Path) -> list[Row]:
    """The bars of a Parquet file."""
    return [tuple(row.values()) for row in pq.ParquetFile(path).read().to_pylist()]


def read_arrow(path: Path) -> list[Row]:
    """The bars of an Arrow file."""
    with pa.ipc.open_file(path) as table:
        return [tuple(row.values()) for row in table.read_all().to_pylist()]


READERS: dict[str, Callable[[Path], list[Row]]] = {
    "csv": read_csv,
    "parquet": read_parquet,
    "arrow": read_arrow,
}


@pytest.mark.parametrize("form", READERS)
def test_one_file_reads_back_to_the_last_digit(
    form: str, database_url: str, tmp_path: Path
) -> None:
    put(database_url, *market())
    out = tmp_path / f"bars.{form}"
    done = written(database_url, form, out, APPLE, ODD, EMPTY)
    assert (done.assets, done.bars, done.without_bars, done.left_out) == (2, 5, 1, ())
    assert sorted(READERS[form](out)) == sorted(rows(database_url, STORED))
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("form", READERS)
def test_a_folder_reads_back_to_the_last_digit(
    form: str, database_url: str, tmp_path: Path
) -> None:
    put(database_url, *market())
    written(database_url, form, tmp_path, APPLE, ODD, EMPTY)
    files = [*(tmp_path / "bars").iterdir()]
    assert len(files) == 2
    found = [row for path in files for row in READERS[form](path)]
    assert sorted(found) == sorted(rows(database_url, STORED))


def test_no_cell_of_a_csv_export_is_a_formula(database_url: str, tmp_path: Path) -> None:
    put(database_url, *market())
    written(database_url, "csv", tmp_path, APPLE, ODD)
    cells = [
        each
        for path in tmp_path.rglob("*.csv")
        for line in csv.reader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True)
        for each in line
    ]
    assert {each[:1] for each in cells} & {*"=+-@\t\r\n"} == set()
    assert {"'=cmd(),\"x.US", "'=USD", '\'+1+1 "of" us,\r\nand more'} <= set(cells)


def test_the_list_of_assets_says_whose_file_is_which(database_url: str, tmp_path: Path) -> None:
    put(database_url, *market())
    written(database_url, "parquet", tmp_path, APPLE, ODD)
    listed = pq.ParquetFile(tmp_path / "assets.parquet").read().to_pylist()
    assert [row["ticker"] for row in listed] == ["AAPL.US", str(ODD)]
    for row in listed:
        assert {bar[0] for bar in read_parquet(tmp_path / row["file"])} == {row["ticker"]}
    assert (listed[0]["first_date"], listed[0]["last_date"]) == (DAY, DAY + timedelta(3))


def split_market(url: str) -> dict[date, Bar]:
    """A share that was split 4:1 on its third day and paid 1 on its fourth."""
    days = [DAY + timedelta(n) for n in range(4)]
    closes, adjusted = (400.0, 404.0, 100.0, 102.0), (99.0, 99.99, 99.0, 102.0)
    bars = {
        day: (close, close + 2, close - 2, close, sent, 4000.0)
        for day, close, sent in zip(days, closes, adjusted, strict=True)
    }
    share = Share("AAPL", bars, ((days[2], 4, 1),), ((days[3], 1.0, "USD"),))
    put(url, share)
    return bars


@pytest.mark.parametrize(
    ("adjust", "closes"),
    [
        ("raw", [400.0, 404.0, 100.0, 102.0]),
        ("splits", [100.0, 101.0, 100.0, 102.0]),
        ("total", [99.0, 99.99, 99.0, 102.0]),
        ("vendor", [99.0, 99.99, 99.0, 102.0]),
    ],
)
def test_each_view_is_exported_by_hand_computed_factors(
    adjust: Any,  # noqa: ANN401 - one of four words
    closes: list[float],
    database_url: str,
    tmp_path: Path,
) -> None:
    split_market(database_url)
    written(database_url, "csv", tmp_path / "x.csv", APPLE, adjust=adjust)
    found = read_csv(tmp_path / "x.csv")
    assert [row[5] for row in found] == pytest.approx(closes, rel=1e-12)
    assert [row[3] - row[5] for row in found] == pytest.approx(
        [2 * close / raw for close, raw in zip(closes, (400, 404, 100, 102), strict=True)]
    )


def test_dates_are_cut_after_factors_are_known(database_url: str, tmp_path: Path) -> None:
    split_market(database_url)
    dates = Range(DAY + timedelta(1), DAY + timedelta(2))
    written(database_url, "csv", tmp_path / "x.csv", APPLE, adjust="splits", dates=dates)
    assert [(row[1], row[5]) for row in read_csv(tmp_path / "x.csv")] == [
        (DAY + timedelta(1), 101.0),
        (DAY + timedelta(2), 100.0),
    ]


def test_an_export_is_one_moment_of_the_database(database_url: str) -> None:
    put(database_url, *market())
    database = PostgresConnection(database_url)
    chosen = choose_exchange(database, "US")
    with one_moment(database) as reader:
        before = reader.series(chosen[0])
        execute(database_url, "DELETE FROM market_data")
        assert reader.series(chosen[0]).bars.close.tolist() == before.bars.close.tolist() != []
        assert reader.dates(chosen, None, None) == [DAY + timedelta(n) for n in range(4)]


def test_an_exchange_is_all_who_have_bars_and_a_code_of_their_own(database_url: str) -> None:
    put(database_url, *market(), Share("OLD", {DAY: (1, 1, 1, 1, 1, 1)}))
    execute(database_url, "UPDATE assets SET retired_at = now() WHERE symbol = 'OLD'")
    database = PostgresConnection(database_url)
    assert {each.symbol for each in choose_exchange(database, "US")} == {APPLE, ODD}
    listed = choose_exchange(database, "US", on=DAY)
    assert {each.symbol for each in listed} == {APPLE, ODD, Symbol("OLD", "US")}
    assert all(isinstance(each, Chosen) for each in listed)
    with pytest.raises(UsageError, match="no asset of LSE"):
        choose_exchange(database, "LSE")
