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
from itertools import chain, pairwise

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet

from data_nexus.domain.bars import Days, days
from data_nexus.research.snapshots.files import OpenFiles, Piece, numbers_of
from data_nexus.research.snapshots.manifest import LakeFile, Manifest
from data_nexus.research.snapshots.place import Place
from data_nexus.research.snapshots.runs import (
    Runs,
    cut,
    in_order,
    joined,
    ranks_of,
    runs_of,
)
from data_nexus.research.snapshots.tables import BARS

# Threads that read: as many as there are processors for a folder, more where each one waits.
_PROCESSORS = os.cpu_count() or 1
_REQUESTS = 16
# One chunk of text holds twice as much.
_MOST_BYTES = 1 << 30


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
    files: OpenFiles, manifest: Manifest, wanted: Wanted, columns: Sequence[str]
) -> pa.Table:
    """Return ticker, date and the given columns (also asset_id) of the wanted bars.

    By asset, in the order in which the assets are given, and by date.
    """
    shown = ("date", *(name for name in columns if name != "date"))
    bounds = (None, None) if wanted.whole else (wanted.first, wanted.last)
    with ThreadPoolExecutor(_PROCESSORS if files.place.is_folder else _REQUESTS) as pool:
        chosen = chosen_files(manifest, wanted)
        # What lies open is read in no time, and needs no thread.
        read = map if files.lie_open(chosen) else pool.map
        pieces = [*chain(*read(lambda file: files.read(file, *bounds, shown), chosen))]
        schema = pa.schema([BARS.field(name) for name in shown])
        table = pa.Table.from_batches([piece.bars for piece in pieces], schema)
        runs = _wanted_runs(pieces, table["date"], wanted)
        tickers = pool.submit(_repeated, wanted.assets, runs)
        rows = pa.array(runs.rows(len(table)))
        ordered = pool.map(lambda name: _taken(table[name], rows), shown)
        arrays = dict(zip(shown, ordered, strict=True))
    return pa.table({"ticker": tickers.result(), **arrays})


def dates_of(bars: pa.Table) -> dict[int, Days]:
    """Return the dates of bars (by asset and date) by asset."""
    asset_ids, dates = (numbers_of(bars[name].combine_chunks()) for name in ("asset_id", "date"))
    runs = runs_of(asset_ids, dates)
    split = np.split(dates, runs.starts[1:])
    return dict(zip(runs.asset_ids.tolist(), split, strict=False))


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


def _wanted_runs(pieces: Sequence[Piece], dates: pa.ChunkedArray, wanted: Wanted) -> Runs:
    """Return where the wanted days of the wanted assets lie, by asset and date."""
    every = joined([(len(piece.bars), piece.runs) for piece in pieces])
    runs = in_order(every, wanted.assets["asset_id"].to_numpy())
    if wanted.first is None and wanted.last is None:
        return runs
    first, last = wanted.first or date.min, wanted.last or date.max
    return cut(runs, numbers_of(dates.combine_chunks()), days(first), days(last) + 1, wanted.whole)


def _taken(column: pa.ChunkedArray, rows: pa.Array) -> pa.ChunkedArray:
    return compute.take(column, rows, boundscheck=False)


def _repeated(assets: pa.Table, runs: Runs) -> pa.ChunkedArray:
    """Return the ticker of each row of the runs; in several chunks where one cannot hold them."""
    at = ranks_of(runs.asset_ids, assets["asset_id"].to_numpy())
    written = assets["ticker"].take(pa.array(at)).combine_chunks()
    ends = np.cumsum(runs.lengths)
    sizes = compute.binary_length(written).to_numpy() * runs.lengths
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
