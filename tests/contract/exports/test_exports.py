"""What is exported in a general format is what the database holds."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.domain.bars import days
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import StorageUnavailable, UsageError
from data_nexus.research.exports.export import export
from data_nexus.research.exports.formats import FORMATS
from data_nexus.research.exports.series import ExportScope, one_moment
from data_nexus.research.views import View
from tests.support.files.exports import Bar, Share, put, written
from tests.support.postgres.tables import execute, rows

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
        (name.removeprefix("'"), date.fromisoformat(day), *map(float, numbers))
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
    assert [row["ticker"] for row in listed] == [str(ODD), "AAPL.US"]
    for row in listed:
        assert {bar[0] for bar in read_parquet(tmp_path / row["file"])} == {row["ticker"]}
    assert (listed[1]["first_date"], listed[1]["last_date"]) == (DAY, DAY + timedelta(3))


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
    first, last, out = DAY + timedelta(1), DAY + timedelta(2), tmp_path / "x.csv"
    written(database_url, "csv", out, APPLE, adjust="splits", first=first, last=last)
    assert [(row[1], row[5]) for row in read_csv(tmp_path / "x.csv")] == [
        (DAY + timedelta(1), 101.0),
        (DAY + timedelta(2), 100.0),
    ]


def test_an_export_is_one_moment_of_the_database(database_url: str) -> None:
    put(database_url, *market())
    with one_moment(PostgresConnection(database_url)) as reader:
        assets = reader.choose(ExportScope(exchange="US"))
        before = reader.series(assets[0])
        execute(database_url, "DELETE FROM market_data")
        assert reader.series(assets[0]).bars.close.tolist() == before.bars.close.tolist() != []
        assert [*reader.trading_days(assets, View())] == [days(DAY) + n for n in range(4)]
        assert [*reader.trading_days(assets, View(last=DAY))] == [days(DAY)]


def chosen(url: str, whom: ExportScope) -> list[str]:
    """Whom an export is of."""
    with one_moment(PostgresConnection(url)) as reader:
        return [asset.ticker for asset in reader.choose(whom)]


def test_an_exchange_is_all_who_have_bars_and_a_code_of_their_own(database_url: str) -> None:
    put(database_url, *market(), Share("OLD", {DAY: (1, 1, 1, 1, 1, 1)}))
    execute(database_url, "UPDATE assets SET retired_at = now() WHERE symbol = 'OLD'")
    assert chosen(database_url, ExportScope(exchange="US")) == [str(ODD), "AAPL.US"]
    assert chosen(database_url, ExportScope(exchange="US", on=DAY)) == [
        str(ODD),
        "AAPL.US",
        "OLD.US",
    ]


@pytest.mark.parametrize(
    ("whom", "remedy"),
    [
        (ExportScope(), "either symbols or an exchange"),
        (ExportScope(symbols=["AAPL.US"], exchange="US"), "not both"),
        (ExportScope(symbols=["AAPL.US"], on=DAY), "name the exchange"),
        (ExportScope(exchange="LSE"), "nexus discover --exchange LSE"),
        (ExportScope(symbols=["AAPLE.US"]), "did you mean AAPL.US"),
    ],
)
def test_whom_nobody_can_be_is_an_error_with_its_remedy(
    whom: ExportScope, remedy: str, database_url: str
) -> None:
    put(database_url, *market())
    with pytest.raises(UsageError, match=remedy):
        chosen(database_url, whom)


def test_of_two_with_one_symbol_one_is_written_and_the_other_told(
    database_url: str, tmp_path: Path
) -> None:
    old, new = put(
        database_url,
        Share("AAPL", {DAY: (1, 1, 1, 1, 1, 1)}, columns=(("retired_at", "2024-02-01"),)),
        Share("AAPL", {DAY: (2, 2, 2, 2, 2, 2)}),
    )
    database, whom = PostgresConnection(database_url), ExportScope(exchange="US", on=DAY)
    for form in FORMATS.values():
        if form.name != "nautilus":
            done = export(database, form, tmp_path / form.name, whom, View())
            assert (done.assets, done.bars) == (1, 1)
            assert done.left_out == (("AAPL.US", f"asset {new} has this symbol too"),)
    assert old < new


def test_an_asset_whose_view_is_refused_is_left_out_with_the_reason(
    database_url: str, tmp_path: Path
) -> None:
    days = [DAY, DAY + timedelta(1)]
    bars: dict[date, Bar] = dict.fromkeys(days, (10, 10, 10, 10, 10, 10))
    put(
        database_url,
        Share("AAPL", bars, dividends=((days[1], 1.0, "EUR"),)),
        Share("B", bars),
    )
    done = written(database_url, "csv", tmp_path, APPLE, Symbol("B", "US"), adjust="total")
    ((symbol, reason),) = done.left_out
    assert (done.assets, symbol, "EUR for bars in USD" in reason) == (1, "AAPL.US", True)
    assert [path.name for path in (tmp_path / "bars").iterdir()] == ["B.US.csv"]


@pytest.mark.parametrize(
    ("form", "out", "remedy"),
    [
        ("csv", "x.parquet", "end it with .csv, or name a folder"),
        ("qlib", "x.csv", "name a folder"),
    ],
)
def test_an_ending_of_another_format_is_a_mistake(
    form: str, out: str, remedy: str, database_url: str, tmp_path: Path
) -> None:
    put(database_url, *market())
    with pytest.raises(UsageError, match=remedy):
        written(database_url, form, tmp_path / out, APPLE)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("out", ["file/folder", "file/one.csv"])
def test_a_place_that_cannot_be_written_is_named(
    out: str, database_url: str, tmp_path: Path
) -> None:
    put(database_url, *market())
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageUnavailable, match="cannot be written: "):
        written(database_url, "csv", tmp_path / out, APPLE)


def test_as_of_a_moment_bars_and_actions_are_those_known_then(
    database_url: str, tmp_path: Path
) -> None:
    split_market(database_url)
    execute(
        database_url,
        "UPDATE splits SET stored_at = '2024-06-01'",
        "UPDATE dividends SET stored_at = '2024-03-01'",
        "INSERT INTO sync_log (asset_id, fence, outcome, window_first, window_last, received,"
        " inserted, revised, unchanged, rejected, calls, requests, committed_at, arrived)"
        " SELECT id, 1, 'stored', '2024-01-05', '2024-01-05', 1, 1, 0, 0, 0, 1, 1, '2024-05-01',"
        " '{[2024-01-05,2024-01-06)}' FROM assets",
    )
    moment = datetime(2024, 4, 1, tzinfo=UTC)
    whom, view = ExportScope(symbols=["AAPL.US"]), View(adjust="splits")
    database, out = PostgresConnection(database_url), tmp_path / "then.csv"
    export(database, FORMATS["csv"], out, whom, view, as_of=moment)
    assert [row[5] for row in read_csv(out)] == [400.0, 404.0, 100.0]
