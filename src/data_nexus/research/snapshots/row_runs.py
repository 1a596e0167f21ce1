"""Select and order runs: adjacent rows of one asset. Pure.

A run is one asset's bars in one row group, by date. A million rows are a few thousand runs, so
runs are selected and put in order, not rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]
RowPositions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RowRuns:
    """Runs of rows: the asset of each, its start and length, its first and last date.

    Five arrays of one length; none of the runs is empty. Dates count from 1970-01-01.
    """

    asset_ids: Column
    starts: RowPositions
    lengths: RowPositions
    firsts: Column
    lasts: Column

    def at(self, chosen: Column) -> RowRuns:
        """Return some of them: those where `chosen` is true, or by their positions."""
        return RowRuns(
            self.asset_ids[chosen],
            self.starts[chosen],
            self.lengths[chosen],
            self.firsts[chosen],
            self.lasts[chosen],
        )

    def rows(self, size: int) -> Column:
        """Return the rows of all runs, concatenated; `size` is the number of rows in the table."""
        total = int(self.lengths.sum())
        rows = np.ones(total, np.int32 if size < 2**31 else np.int64)
        if total:
            # The step between rows is one, except where a run begins.
            last = self.starts + self.lengths - 1
            rows[0] = self.starts[0]
            rows[np.cumsum(self.lengths)[:-1]] = self.starts[1:] - last[:-1]
            np.cumsum(rows, dtype=rows.dtype, out=rows)
        return rows

    def are_all(self, size: int) -> bool:
        """Return whether they are all rows of a table, in order."""
        ends = np.cumsum(self.lengths)
        return bool((self.starts == ends - self.lengths).all()) and int(self.lengths.sum()) == size


def runs_of(asset_ids: Column, dates: Column) -> RowRuns:
    """Return the runs of rows, which are sorted by asset and date in each row group."""
    edges = np.flatnonzero((asset_ids[1:] != asset_ids[:-1]) | (dates[1:] < dates[:-1])) + 1
    starts = np.concatenate(([0], edges)) if len(dates) else edges
    lengths = np.diff(starts, append=len(dates))
    return RowRuns(asset_ids[starts], starts, lengths, dates[starts], dates[starts + lengths - 1])


def joined(parts: Sequence[tuple[int, RowRuns]]) -> RowRuns:
    """Return the runs of concatenated parts, each given with the number of its rows."""
    offsets = np.cumsum([0, *(size for size, _ in parts)])
    runs = [each for _, each in parts]
    return RowRuns(
        _one([each.asset_ids for each in runs], np.int32),
        _one([each.starts + offsets[n] for n, each in enumerate(runs)], np.int64),
        _one([each.lengths for each in runs], np.int64),
        _one([each.firsts for each in runs], np.int32),
        _one([each.lasts for each in runs], np.int32),
    )


def laid_out(runs: RowRuns) -> RowRuns:
    """Return runs as they are once their rows are concatenated in this order."""
    return replace(runs, starts=np.cumsum(runs.lengths) - runs.lengths)


def in_order(runs: RowRuns, asset_ids: Column) -> RowPositions:
    """Return which runs belong to the assets, in the order of the assets and of their dates."""
    ranks = ranks_of(runs.asset_ids, asset_ids)
    own = np.flatnonzero(ranks >= 0)
    return own[np.lexsort((runs.firsts[own], ranks[own]))]


def cut(runs: RowRuns, dates: Column, first: int, after: int, whole: frozenset[int]) -> RowRuns:
    """Return the runs cut to the days from `first` to the one before `after`.

    The runs of the assets in `whole` stay as they are. `dates` are those of all rows. A cut run
    keeps its first and last date.
    """
    starts, ends = runs.starts, runs.starts + runs.lengths
    is_free = np.isin(runs.asset_ids, [*whole])
    if not (is_free | ((runs.firsts >= first) & (runs.lasts < after))).all():
        # How many rows up to each row are before a day; in a run those are its first ones.
        early, done = (np.concatenate(([0], np.cumsum(dates < day))) for day in (first, after))
        begins = starts + np.where(is_free, 0, early[ends] - early[starts])
        ends = np.where(is_free, ends, starts + done[ends] - done[starts])
        starts = begins
    left = ends - starts
    kept = RowRuns(runs.asset_ids, starts, left, runs.firsts, runs.lasts)
    return kept.at(left > 0)


def ranks_of(asset_ids: Column, wanted: Column) -> RowPositions:
    """Return the position of each asset among the wanted ones; -1 where it is not wanted."""
    if not len(wanted):
        return np.full(len(asset_ids), -1)
    by_id = np.argsort(wanted)
    at = np.minimum(np.searchsorted(wanted, asset_ids, sorter=by_id), len(wanted) - 1)
    return np.where(wanted[by_id[at]] == asset_ids, by_id[at], -1)


def _one(parts: Sequence[Column], kind: type[np.generic]) -> Column:
    return np.concatenate([np.empty(0, kind), *parts])
