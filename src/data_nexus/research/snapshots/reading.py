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
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute, parquet

from data_nexus.domain.bars import days
from data_nexus.errors import StorageUnavailable
from data_nexus.research.snapshots.manifest import LakeFile, Manifest
from data_nexus.research.snapshots.mapped import has_plain_pages, plain_groups
from data_nexus.research.snapshots.place import Place
from data_nexus.research.snapshots.tables import BARS

# Threads that read: as many as there are processors for a folder, more where each one waits.
_PROCESSORS = os.cpu_count() or 1
_REQUESTS = 16
# A process may have a thousand files open, and not all of them are ours.
_MOST_OPEN = 256
# One chunk of text holds twice as much.
_MOST_BYTES = 1 << 30
_KEY = ("asset_id", "date")
Column = NDArray[Any]
Positions = NDArray[np.int64]


class OpenFiles:
    """The files of one snapshot, kept open and mapped once read, up to a number of them.

    They never change, so neither do their footers. Several threads may read at once.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._open: dict[str, OpenFile] = {}

    def file(self, path: str) -> OpenFile:
        """Return a file, open."""
        if known := self._open.get(path):
            return known
        source = self.place.open(path)
        metadata = parquet.ParquetFile(source).metadata
        if not self.place.is_folder:
            return OpenFile(source, metadata)
        is_plain = has_plain_pages(metadata)
        source.seek(0)
        opened = OpenFile(source, metadata, source.read_buffer() if is_plain else None)
        if len(self._open) < _MOST_OPEN:
            self._open[path] = opened
        return opened


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file and its footer; `content` is all of it, where it can be read as it lies."""

    source: pa.NativeFile
    metadata: parquet.FileMetaData
    content: pa.Buffer | None = None

    def rows(self, groups: Sequence[int], names: Sequence[str]) -> pa.Table:
        """Return columns of some row groups."""
        if self.content is not None:
            return plain_groups(self.content, self.metadata, BARS, groups).select(names)
        is_near = isinstance(self.source, pa.MemoryMappedFile)
        reader = parquet.ParquetFile(self.source, metadata=self.metadata, pre_buffer=not is_near)
        return reader.read_row_groups(groups, columns=list(names), use_threads=False)


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


def read_bars(
    opened: OpenFiles, manifest: Manifest, wanted: Wanted, columns: Sequence[str]
) -> pa.Table:
    """Return ticker, date and the given columns (also asset_id) of the wanted bars.

    By asset, in the order in which the assets are given, and by date.
    """
    names = (*_KEY, *(name for name in columns if name not in _KEY))
    shown = ("date", *(name for name in columns if name != "date"))
    with ThreadPoolExecutor(_PROCESSORS if opened.place.is_folder else _REQUESTS) as pool:
        files = chosen_files(manifest, wanted)
        read = [*pool.map(lambda file: _read(opened, file, wanted, names), files)]
        table = pa.concat_tables([BARS.empty_table().select(names), *read])
        runs = _runs(_numbers(table["asset_id"]), _numbers(table["date"]), wanted)
        rows, of_each = runs.rows(), runs.of_each(len(wanted.assets))
        tickers = pool.submit(_repeated, wanted.assets["ticker"].to_pylist(), of_each)
        ordered = pool.map(lambda name: _taken(table[name], rows), shown)
        arrays = dict(zip(shown, ordered, strict=True))
    return pa.table({"ticker": tickers.result(), **arrays})


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


def _read(opened: OpenFiles, file: LakeFile, wanted: Wanted, names: Sequence[str]) -> pa.Table:
    """Read the row groups of a file that can hold wanted days."""
    try:
        found = opened.file(file.path)
        return found.rows(_row_groups(found.metadata, wanted), names)
    except (OSError, pa.ArrowInvalid) as error:
        raise StorageUnavailable(
            f"{opened.place.name}: {file.path} is damaged ({str(error).splitlines()[0]}); delete"
            " it, and the next export writes it again"
        ) from None


def _row_groups(metadata: parquet.FileMetaData, wanted: Wanted) -> list[int]:
    """Return the row groups whose dates meet the wanted days."""
    every = range(metadata.num_row_groups)
    if wanted.whole or (wanted.first is None and wanted.last is None):
        return list(every)
    statistics = [metadata.row_group(n).column(1).statistics for n in every]
    return [n for n in every if _meets(wanted, statistics[n].min, statistics[n].max)]


@dataclass(frozen=True, slots=True)
class _Runs:
    """The wanted runs in their order: the asset's position in `Wanted`, and the rows of each.

    None is empty; `size` is the number of all rows.
    """

    ranks: Positions
    starts: Positions
    lengths: Positions
    size: int

    def rows(self) -> Column:
        """Return all rows of all runs, one after the other."""
        total = int(self.lengths.sum())
        rows = np.ones(total, np.int32 if self.size < 2**31 else np.int64)
        if total:
            # From row to row it is one step, but where a run begins.
            last = self.starts + self.lengths - 1
            rows[0] = self.starts[0]
            rows[np.cumsum(self.lengths)[:-1]] = self.starts[1:] - last[:-1]
            np.cumsum(rows, dtype=rows.dtype, out=rows)
        return rows

    def of_each(self, assets: int) -> Positions:
        """Return how many rows each asset has."""
        return np.bincount(self.ranks, self.lengths, assets).astype(np.int64)


def _runs(asset_ids: Column, dates: Column, wanted: Wanted) -> _Runs:
    """Return where the wanted days of the wanted assets lie, by asset and date."""
    steps = np.flatnonzero((asset_ids[1:] != asset_ids[:-1]) | (dates[1:] < dates[:-1])) + 1
    starts = np.concatenate(([0], steps)) if len(dates) else steps
    ends = np.concatenate((starts[1:], [len(dates)]))
    ranks = _ranks(asset_ids[starts], wanted.assets["asset_id"].to_numpy())
    starts, ends, ranks = (each[ranks >= 0] for each in (starts, ends[: len(starts)], ranks))
    order = np.lexsort((dates[starts], ranks))
    starts, ends, ranks = starts[order], ends[order], ranks[order]
    if len(dates) and (wanted.first or wanted.last):
        starts, ends = _cut(dates, starts, ends, wanted, asset_ids[starts])
    some = ends > starts
    return _Runs(ranks[some], starts[some], (ends - starts)[some], len(dates))


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
            ends[n] = max(starts[n], start + np.searchsorted(dates[start:end], after))
    return starts, ends


def _ranks(asset_ids: Column, wanted: Column) -> Positions:
    """Return the position of each asset among the wanted ones; -1 where it is not wanted."""
    by_id = np.argsort(wanted)
    at = np.minimum(np.searchsorted(wanted, asset_ids, sorter=by_id), len(wanted) - 1)
    return np.where(wanted[by_id[at]] == asset_ids, by_id[at], -1)


def _numbers(column: pa.ChunkedArray) -> Column:
    """Return a column's numbers; dates count from 1970-01-01."""
    array = column.combine_chunks()
    numbers: Column = (array.view(pa.int32()) if array.type == pa.date32() else array).to_numpy()
    return numbers


def _taken(column: pa.ChunkedArray, rows: Column) -> pa.ChunkedArray:
    return compute.take(column, pa.array(rows), boundscheck=False)


def _repeated(texts: Sequence[str], times: Positions) -> pa.ChunkedArray:
    """Return each text so many times; in several chunks where one cannot hold them."""
    some = times > 0
    written = pa.array(texts, pa.string()).filter(pa.array(some))
    ends = np.cumsum(times[some])
    sizes = compute.binary_length(written).to_numpy() * times[some]
    chunks = (np.cumsum(sizes) - sizes) // _MOST_BYTES
    edges = [0, *(np.flatnonzero(np.diff(chunks)) + 1).tolist(), len(written)]
    return pa.chunked_array(
        [
            compute.run_end_decode(
                pa.RunEndEncodedArray.from_arrays(
                    pa.array(ends[one:other] - (ends[one - 1] if one else 0), pa.int64()),
                    written[one:other],
                )
            )
            for one, other in pairwise(edges)
            if one < other
        ],
        pa.string(),
    )
