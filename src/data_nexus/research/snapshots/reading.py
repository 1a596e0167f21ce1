"""Read bars out of a snapshot: which files, which rows of them, in which order.

Files are read in parallel. In a row group the bars of an asset are one run, so a few thousand runs
have to be put in order, not a million rows; each row is copied once, to its final position.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import chain, pairwise

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet

from data_nexus.domain.bars import Days, days
from data_nexus.errors import UsageError
from data_nexus.research.snapshots.files import OpenFiles, Piece, Sought, damaged, numbers_of
from data_nexus.research.snapshots.manifest import LakeFile, Manifest
from data_nexus.research.snapshots.row_runs import (
    Column,
    RowRuns,
    cut,
    in_order,
    joined,
    laid_out,
    ranks_of,
    runs_of,
)
from data_nexus.research.snapshots.schemas import BARS
from data_nexus.research.snapshots.storage.storage import Storage

# Joining one run takes as long as copying this many rows, measured with runs of a year.
_ROWS_A_RUN = 2_000
# A chunk of text can hold twice as much.
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class BarsRequest:
    """Which assets (`asset_id`, `ticker`, `exchange`), in their order, and which days.

    Of those in `whole` all days are wanted.
    """

    assets: pa.Table
    first: date | None = None
    last: date | None = None
    whole: frozenset[int] = frozenset()

    def parts(self, size: int, among: frozenset[int] | None = None) -> set[tuple[str, int]]:
        """Return the exchange and number of each part with a wanted asset, or one of `among`."""
        both = zip(
            self.assets["exchange"].to_pylist(), self.assets["asset_id"].to_pylist(), strict=True
        )
        return {(code, each // size) for code, each in both if among is None or each in among}

    def sought(self, size: int) -> Sought:
        """Return what is sought in the files of its parts, of `size` assets each."""
        asset_ids = self.assets["asset_id"].to_numpy()
        is_wanted = np.zeros(int(asset_ids.max(initial=0)) + size + 1, np.bool_)
        is_wanted[asset_ids] = True
        first, last = (None, None) if self.whole else (self.first, self.last)
        return Sought(is_wanted, days(first or date.min), days(last or date.max))


def read_bars(
    files: OpenFiles, manifest: Manifest, wanted: BarsRequest, columns: Sequence[str]
) -> pa.Table:
    """Return ticker, date and the given columns (also asset_id) of the wanted bars.

    By asset, in the order in which the assets are given, and by date.
    """
    shown = ("date", *(name for name in columns if name != "date"))
    chosen, sought = chosen_files(manifest, wanted), wanted.sought(manifest.assets_a_part)
    with ThreadPoolExecutor(files.storage.concurrent_reads) as pool:
        # Reading a mapped file needs no thread.
        read = map if files.are_mapped(chosen) else pool.map
        pieces = [*read(lambda file: files.read(file, sought, shown), chosen)]
        table, runs = _joined(pieces, shown, wanted.assets["asset_id"].to_numpy())
        runs = _cut(runs, table["date"], wanted)
        tickers = pool.submit(_repeated, wanted.assets, runs)
        arrays = dict(zip(shown, table.columns, strict=True))
        if not runs.are_all(len(table)):
            rows = pa.array(runs.rows(len(table)))
            taken = pool.map(lambda name: _taken(table[name], rows), shown)
            arrays = dict(zip(shown, taken, strict=True))
    return pa.table({"ticker": tickers.result(), **arrays})


def dates_of(bars: pa.Table) -> dict[int, Days]:
    """Return the dates of bars (by asset and date) by asset."""
    asset_ids, dates = (numbers_of(bars[name].combine_chunks()) for name in ("asset_id", "date"))
    runs = runs_of(asset_ids, dates)
    split = np.split(dates, runs.starts[1:])
    return dict(zip(runs.asset_ids.tolist(), split, strict=False))


def read_small(storage: Storage, manifest: Manifest, table: str) -> pa.Table:
    """Return a table that is one file."""
    files = manifest.of(table)
    if not files:
        raise UsageError(f"{storage.name}: the snapshot has no file of the table {table}")
    try:
        with storage.open(files[0].path) as source:
            return parquet.read_table(source)
    except (OSError, pa.ArrowInvalid) as error:
        raise damaged(storage, files[0].path, error) from None


def chosen_files(manifest: Manifest, wanted: BarsRequest) -> list[LakeFile]:
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


def _meets(wanted: BarsRequest, first: date, last: date) -> bool:
    return first <= (wanted.last or date.max) and last >= (wanted.first or date.min)


def _joined(
    pieces: Sequence[Piece], names: Sequence[str], asset_ids: Column
) -> tuple[pa.Table, RowRuns]:
    """Return a table that holds the runs of pieces, and their positions in it, in their order.

    It is either all rows of the row groups, without a copy, to gather the wanted ones from; or the
    runs alone, joined in their order: of a large snapshot few assets of each file are wanted.
    """
    schema = pa.schema([BARS.field(name) for name in names])
    size, count = (
        sum(piece.size for piece in pieces),
        sum(len(piece.runs.starts) for piece in pieces),
    )
    if size <= _ROWS_A_RUN * count:
        batches = [batch.select(names) for piece in pieces for batch in piece.batches]
        runs = joined([(piece.size, piece.runs) for piece in pieces])
        return pa.Table.from_batches(batches, schema), runs.at(in_order(runs, asset_ids))
    runs = joined([(0, piece.runs) for piece in pieces])
    order = in_order(runs, asset_ids)
    slices = [*chain(*(piece.slices() for piece in pieces))]
    lying = [slices[n] for n in order.tolist()]
    columns = [
        pa.array(np.concatenate([numbers[field.name][rows] for numbers, rows in lying]))
        for field in schema
    ]
    arrays = [each.view(field.type) for each, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema), laid_out(runs.at(order))


def _cut(runs: RowRuns, dates: pa.ChunkedArray, wanted: BarsRequest) -> RowRuns:
    """Return the runs cut to the wanted days."""
    if wanted.first is None and wanted.last is None:
        return runs
    first, last = wanted.first or date.min, wanted.last or date.max
    numbers = numbers_of(dates.combine_chunks())
    return cut(runs, numbers, days(first), days(last) + 1, wanted.whole)


def _taken(column: pa.ChunkedArray, rows: pa.Array) -> pa.ChunkedArray:
    return compute.take(column, rows, boundscheck=False)


def _repeated(assets: pa.Table, runs: RowRuns) -> pa.ChunkedArray:
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
