"""Write the general formats: CSV that is safe for spreadsheets, Parquet, Arrow IPC."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from data_nexus.research.columns import ACTIONS_SCHEMA, BARS_SCHEMA
from data_nexus.research.exports.names import file_name
from data_nexus.research.exports.series import AssetSeries, ExportRequest
from data_nexus.research.exports.target import ExportFolder

ASSETS = pa.schema(
    [("ticker", pa.string()), ("file", pa.string())]
    + [
        (name, pa.string())
        for name in ("name", "venue", "asset_type", "country", "currency", "isin")
    ]
    + [("is_delisted", pa.bool_()), ("first_date", pa.date32()), ("last_date", pa.date32())]
)
_GROUP_ROWS = 128 * 1024
# A cell that begins so is a formula to a spreadsheet, the full-width signs to one in East Asia. The
# mark itself is marked too, so that removing one mark always restores the text.
_FORMULA = "^([=+\\-@\\t\\r\\n'\uff1d\uff0b\uff0d\uff20])"
_MARKED = r"'\1"


class TableFile(Protocol):
    """A file that takes tables one by one."""

    def write_table(self, table: pa.Table) -> None:
        """Append the rows of a table."""

    def close(self) -> None:
        """Write the end."""


class SafeCsv:
    """A CSV file: quoted as RFC 4180 has it, UTF-8, floats that read back as the same number.

    Texts that a spreadsheet would run get a `'` in front; numbers and dates stay as they are.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._rows = pa.csv.CSVWriter(path, schema)

    def write_table(self, table: pa.Table) -> None:
        """Append the rows of a table."""
        self._rows.write_table(safe_for_spreadsheets(table))

    def close(self) -> None:
        """Write the end."""
        self._rows.close()


def safe_for_spreadsheets(table: pa.Table) -> pa.Table:
    """Return a table whose texts no spreadsheet takes for formulas.

    It has no empty parts: in their place pyarrow before 24 writes the lines before them again.
    """
    for at, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            table = table.set_column(at, field, cells(table[at]))
    return pa.Table.from_batches([part for part in table.to_batches() if len(part)], table.schema)


def cells(texts: pa.Array) -> pa.Array:
    """Return texts as cells that no spreadsheet takes for a formula: those begin with `'`."""
    return pc.replace_substring_regex(texts, _FORMULA, _MARKED)


def _parquet(path: Path, schema: pa.Schema) -> TableFile:
    rows: TableFile = pa.parquet.ParquetWriter(path, schema, compression="zstd")
    return rows


def _arrow(path: Path, schema: pa.Schema) -> TableFile:
    rows: TableFile = pa.ipc.new_file(path, schema)
    return rows


ENCODINGS: dict[str, Callable[[Path, pa.Schema], TableFile]] = {
    "csv": SafeCsv,
    "parquet": _parquet,
    "arrow": _arrow,
}


@contextmanager
def table_file(form: str, path: Path, schema: pa.Schema) -> Iterator[TableFile]:
    """Give a file of a general format to write rows into; it is complete when the block ends."""
    rows = ENCODINGS[form](path, schema)
    try:
        yield rows
    finally:
        rows.close()


@contextmanager
def table_folder(
    folder: ExportFolder, request: ExportRequest, *, form: str
) -> Iterator[TableFolder]:
    """Write a folder: `bars/AAPL.US.csv` for each asset, `actions` and `assets`."""
    with ExitStack() as files:

        def shared(name: str, schema: pa.Schema) -> TableFile:
            path = files.enter_context(folder.file(f"{name}.{form}"))
            return files.enter_context(table_file(form, path, schema))

        yield TableFolder(
            folder,
            request,
            form,
            shared("assets", ASSETS),
            shared("actions", ACTIONS_SCHEMA),
        )


@dataclass(frozen=True, slots=True)
class TableFolder:
    """A folder of tables that assets are added to."""

    _folder: ExportFolder
    _request: ExportRequest
    _form: str
    _assets: TableFile
    _actions: TableFile

    def add(self, series: AssetSeries) -> int:
        """Write an asset; return how many bars were written."""
        bars = self._request.table(series)
        if not len(bars):
            return 0
        name = f"{file_name(series.ticker)}.{self._form}"
        with (
            self._folder.file("bars", name) as path,
            table_file(self._form, path, BARS_SCHEMA) as rows,
        ):
            rows.write_table(bars)
        self._assets.write_table(asset_table(series, bars, f"bars/{name}"))
        self._actions.write_table(series.actions)
        return len(bars)


@contextmanager
def one_table(path: Path, request: ExportRequest, *, form: str) -> Iterator[OneTable]:
    """Write all bars into one file, asset by asset, each by date."""
    with table_file(form, path, BARS_SCHEMA) as rows:
        writer = OneTable(request, rows)
        yield writer
        writer.flush()


class OneTable:
    """A file that assets are added to; rows are held until they make a group."""

    def __init__(self, request: ExportRequest, rows: TableFile) -> None:
        self._request, self._rows = request, rows
        self._held: list[pa.Table] = []

    def add(self, series: AssetSeries) -> int:
        """Write an asset; return how many bars were written."""
        bars = self._request.table(series)
        self._held.append(bars)
        if sum(map(len, self._held)) >= _GROUP_ROWS:
            self.flush()
        return len(bars)

    def flush(self) -> None:
        """Write what is held."""
        self._rows.write_table(pa.concat_tables([BARS_SCHEMA.empty_table(), *self._held]))
        self._held.clear()


def asset_table(series: AssetSeries, bars: pa.Table, file: str) -> pa.Table:
    """Return the one row of `ASSETS` on an asset, its file and its exported dates."""
    row: dict[str, Any] = {name: getattr(series.facts, name, None) for name in ASSETS.names}
    row |= {"ticker": series.ticker, "file": file}
    row |= {"first_date": bars["date"][0], "last_date": bars["date"][-1]}
    return pa.Table.from_pylist([row], schema=ASSETS)
