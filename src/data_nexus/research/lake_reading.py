"""Owns reading bars out of a snapshot: which files, which rows of them, in which order.

Files are read side by side. In a row group the bars of an asset are one run, so what has to be put
in order is a few thousand runs, not a million rows; each row is copied once, to where it belongs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from data_nexus.domain.bars import days
from data_nexus.errors import StorageUnavailable
from data_nexus.research.lake_manifest import LakeFile, Manifest
from data_nexus.research.lake_place import Place

# Threads that read: as many as there are processors for a folder, more where each one waits.
_PROCESSORS = os.cpu_count() or 1
_REQUESTS = 16
_KEY = ("asset_id", "date")
Column = NDArray[Any]
Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which assets (`asset_id`, `ticker`, `exchange`), in their order, and which days.

    Of those in `whole` all days are wanted.
    """

    assets: pa.Table
    first: date | None = None
    last: date | None = None
    whole: frozenset[int] = frozenset()

    def parts(self, size: int, among: frozenset[int] | None = None) -> set[tuple[str, int]]:
        """Return the exchange and number of each part that holds a wanted asset, or one of some."""
        both = zip(
            self.assets["exchange"].to_pylist(), self.assets["asset_id"].to_pylist(), strict=True
        )
        return {(code, each // size) for code, each in both if among is None or each in among}


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one row group has of the wanted bars: its columns, and the runs of wanted assets.

    `ranks` are the assets' positions in `Wanted`, `starts` and `lengths` the rows of each run.
    """

    columns: dict[str, Column]
    ranks: Positions
    starts: Positions
    lengths: Positions

    def first_dates(self) -> Column:
        """Return the first date of each run."""
        return self.columns["date"][self.starts]


def read_bars(place: Place, manifest: Manifest, wanted: Wanted, columns: Sequence[str]) -> pa.Table:
    """Return asset_id, ticker, date and the given columns of the wanted bars.

    By asset, in the order in which the assets are given, and by date.
    """
    files = chosen_files(manifest, wanted)
    with ThreadPoolExecutor(_PROCESSORS if place.is_folder else _REQUESTS) as pool:
        read = pool.map(lambda file: _pieces(place, file, wanted, columns), files)
        pieces = list(chain.from_iterable(read))
        targets = _targets(pieces)
        total = sum(int(piece.lengths.sum()) for piece in pieces)
        buffers = {name: _buffer(name, total) for name in ("date", *columns)}
        list(pool.map(lambda at: _place_rows(pieces[at], targets[at], buffers), range(len(pieces))))
    of_each = np.zeros(len(wanted.assets), np.int64)
    for piece in pieces:
        np.add.at(of_each, piece.ranks, piece.lengths)
    return pa.table(
        {
            "asset_id": np.repeat(wanted.assets["asset_id"].to_numpy(), of_each),
            "ticker": _repeated(wanted.assets["ticker"].to_pylist(), of_each),
            **{name: _array(name, buffer) for name, buffer in buffers.items()},
        }
    )


def read_small(place: Place, manifest: Manifest, table: str) -> pa.Table:
    """Return a table that is one file."""
    (file,) = manifest.of(table)
    with place.open(file.path) as source:
        return parquet.read_table(source)


def chosen_files(manifest: Manifest, wanted: Wanted) -> list[LakeFile]:
    """Return the files that can hold wanted bars, by asset and then by period."""
    size = max(manifest.assets_a_part, 1)
    parts, whole = wanted.parts(size), wanted.parts(size, wanted.whole)
    return [
        file
        for file in manifest.of("bars")
        if file.covers
        and (file.covers.exchange, file.covers.number) in parts
        and (
            (file.covers.exchange, file.covers.number) in whole
            or _meets(wanted, file.first_date or date.min, file.last_date or date.max)
        )
    ]


def _meets(wanted: Wanted, first: date, last: date) -> bool:
    return first <= (wanted.last or date.max) and last >= (wanted.first or date.min)


def _pieces(place: Place, file: LakeFile, wanted: Wanted, columns: Sequence[str]) -> list[_Piece]:
    """Read the row groups of a file that can hold wanted days; return what is wanted of them."""
    names = [*_KEY, *(name for name in columns if name not in _KEY)]
    with place.open(file.path) as source:
        try:
            opened = parquet.ParquetFile(source, pre_buffer=not place.is_folder)
            groups = [
                opened.read_row_group(number, columns=names, use_threads=False)
                for number in _row_groups(opened.metadata, wanted)
            ]
        except (OSError, pa.ArrowInvalid) as error:
            raise StorageUnavailable(
                f"{place.name}: {file.path} is damaged ({str(error).splitlines()[0]}); delete it,"
                " and the next export writes it again"
            ) from None
    return [_piece(group, wanted) for group in groups]


def _row_groups(metadata: parquet.FileMetaData, wanted: Wanted) -> list[int]:
    """Return the row groups whose dates meet the wanted days."""
    every = range(metadata.num_row_groups)
    if wanted.whole or (wanted.first is None and wanted.last is None):
        return list(every)
    statistics = [metadata.row_group(n).column(1).statistics for n in every]
    return [n for n in every if _meets(wanted, statistics[n].min, statistics[n].max)]


def _piece(group: pa.Table, wanted: Wanted) -> _Piece:
    columns = {name: _numbers(group[name]) for name in group.column_names}
    asset_ids, dates = columns["asset_id"], columns["date"]
    starts = np.concatenate(([0], np.flatnonzero(np.diff(asset_ids)) + 1))
    ends = np.concatenate((starts[1:], [len(asset_ids)]))
    ranks = _ranks(asset_ids[starts], wanted.assets["asset_id"].to_numpy())
    starts, ends, ranks = (each[ranks >= 0] for each in (starts, ends, ranks))
    if wanted.first is not None or wanted.last is not None:
        starts, ends = _cut(dates, starts, ends, wanted, asset_ids[starts])
    some = ends > starts
    return _Piece(columns, ranks[some], starts[some], (ends - starts)[some])


def _cut(
    dates: Column, starts: Positions, ends: Positions, wanted: Wanted, asset_ids: Column
) -> tuple[Positions, Positions]:
    """Return where the wanted days of each run begin and end."""
    first = days(wanted.first) if wanted.first else dates.min()
    after = days(wanted.last) + 1 if wanted.last else dates.max() + 1
    if first <= dates.min() and after > dates.max():
        return starts, ends
    for n, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        if int(asset_ids[n]) not in wanted.whole:
            starts[n] = start + np.searchsorted(dates[start:end], first)
            ends[n] = start + np.searchsorted(dates[start:end], after)
    return starts, ends


def _ranks(asset_ids: Column, wanted: Column) -> Positions:
    """Return the position of each asset among the wanted ones; -1 where it is not wanted."""
    by_id = np.argsort(wanted)
    at = np.minimum(np.searchsorted(wanted, asset_ids, sorter=by_id), len(wanted) - 1)
    return np.where(wanted[by_id[at]] == asset_ids, by_id[at], -1)


def _targets(pieces: Sequence[_Piece]) -> list[Positions]:
    """Return for each piece where each of its runs begins when all are in order."""
    if not pieces:
        return []
    ranks = np.concatenate([piece.ranks for piece in pieces])
    lengths = np.concatenate([piece.lengths for piece in pieces])
    order = np.lexsort((np.concatenate([piece.first_dates() for piece in pieces]), ranks))
    targets = np.empty(len(order), np.int64)
    targets[order] = np.cumsum(lengths[order]) - lengths[order]
    return np.split(targets, np.cumsum([len(piece.ranks) for piece in pieces])[:-1])


def _place_rows(piece: _Piece, targets: Positions, buffers: dict[str, pa.Buffer]) -> None:
    """Copy a piece's wanted rows to where they belong."""
    count = int(piece.lengths.sum())
    within = np.arange(count) - np.repeat(np.cumsum(piece.lengths) - piece.lengths, piece.lengths)
    to = np.repeat(targets, piece.lengths) + within
    is_whole = count == len(piece.columns["date"])
    rows = slice(None) if is_whole else np.repeat(piece.starts, piece.lengths) + within
    for name, buffer in buffers.items():
        np.frombuffer(buffer, _kind(name))[to] = piece.columns[name][rows]


def _kind(name: str) -> np.dtype[Any]:
    return np.dtype(np.int32 if name == "date" else np.float64)


def _buffer(name: str, rows: int) -> pa.Buffer:
    # Arrow uses its memory again; the system's is fresh, and to clear it costs as much as to fill.
    return pa.allocate_buffer(rows * _kind(name).itemsize)


def _array(name: str, buffer: pa.Buffer) -> pa.Array:
    arrow = pa.date32() if name == "date" else pa.float64()
    return pa.Array.from_buffers(arrow, buffer.size // _kind(name).itemsize, [None, buffer])


def _numbers(column: pa.ChunkedArray) -> Column:
    """Return a column of one row group without a copy; dates count from 1970-01-01."""
    array = column.chunk(0)
    numbers: Column = (array.view(pa.int32()) if array.type == pa.date32() else array).to_numpy()
    return numbers


def _repeated(texts: Sequence[str], times: NDArray[np.int64]) -> pa.Array:
    """Return each text so many times; made of bytes, which is ten times faster than of strings."""
    encoded = [text.encode() for text in texts]
    sizes = np.repeat(np.array([len(each) for each in encoded], np.int64), times)
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    content = b"".join(each * count for each, count in zip(encoded, times.tolist(), strict=True))
    if len(content) >= 2**31:
        whole = pa.LargeStringArray.from_buffers(
            len(sizes), pa.py_buffer(offsets), pa.py_buffer(content)
        )
        return pa.chunked_array([whole]).cast(pa.string())
    return pa.StringArray.from_buffers(
        len(sizes), pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(content)
    )
