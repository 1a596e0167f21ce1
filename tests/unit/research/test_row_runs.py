"""Runs choose and order rows as the plain way does: filter, then sort."""

from __future__ import annotations

from itertools import groupby, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.research.snapshots.row_runs import (
    cut,
    in_order,
    joined,
    laid_out,
    ranks_of,
    runs_of,
)

# Row groups, as assets and dates; each ordered by asset and date, no bar twice.
Row = tuple[int, int]
row_groups = st.lists(
    st.sets(st.tuples(st.integers(1, 5), st.integers(0, 30)), max_size=25).map(sorted), max_size=6
)
asset_lists = st.lists(st.integers(1, 7), unique=True, max_size=6)


def columns(rows: list[Row]) -> tuple[np.ndarray[tuple[int], np.dtype[np.int32]], ...]:
    return tuple(np.array([row[n] for row in rows], np.int32) for n in (0, 1))


@given(groups=row_groups, wanted=asset_lists, first=st.integers(-2, 32), span=st.integers(0, 32))
def test_they_are_what_a_filter_and_a_sort_would_find(
    groups: list[list[Row]], wanted: list[int], first: int, span: int
) -> None:
    rows = [row for group in groups for row in group]
    every = joined([(len(group), runs_of(*columns(group))) for group in groups])
    whole = frozenset(wanted[:1])
    chosen = every.at(in_order(every, np.array(wanted, np.int32)))
    left = cut(chosen, columns(rows)[1], first, first + span, whole)
    found = [rows[at] for at in left.rows(len(rows))]
    # The same bar may stand in two row groups here; which of both comes first is left open.
    inside = [
        row
        for row in rows
        if row[0] in wanted and (row[0] in whole or first <= row[1] < first + span)
    ]
    assert sorted(found) == sorted(inside)
    assert [key for key, _ in groupby(row[0] for row in found)] == [
        each for each in wanted if any(row[0] == each for row in inside)
    ]
    if len(set(rows)) == len(rows) and not _interleaved(groups):
        assert found == sorted(inside, key=lambda row: (wanted.index(row[0]), row[1]))
    assert left.lengths.sum() == len(found)


def _interleaved(groups: list[list[Row]]) -> bool:
    """Whether the dates of an asset in one row group fall among those in another."""
    spans = sorted(
        (asset, min(days), max(days))
        for group in groups
        for asset, own in groupby(group, key=lambda row: row[0])
        for days in [[row[1] for row in own]]
    )
    return any(one[0] == other[0] and one[2] >= other[1] for one, other in pairwise(spans))


@given(groups=row_groups)
def test_a_run_is_one_asset_s_bars_by_date_and_all_runs_are_all_rows(
    groups: list[list[Row]],
) -> None:
    rows = [row for group in groups for row in group]
    runs = joined([(len(group), runs_of(*columns(group))) for group in groups])
    assert runs.rows(len(rows)).tolist() == [*range(len(rows))]
    assert runs.are_all(len(rows))
    for asset, start, length, first, last in zip(
        runs.asset_ids, runs.starts, runs.lengths, runs.firsts, runs.lasts, strict=True
    ):
        own = rows[start : start + length]
        assert {row[0] for row in own} == {asset}
        assert own == sorted(own)
        assert (own[0][1], own[-1][1]) == (first, last)


@given(groups=row_groups, wanted=asset_lists)
def test_runs_are_all_rows_only_where_they_follow_one_another_from_the_first_to_the_last(
    groups: list[list[Row]], wanted: list[int]
) -> None:
    size = sum(map(len, groups))
    every = joined([(len(group), runs_of(*columns(group))) for group in groups])
    chosen = every.at(in_order(every, np.array(wanted, np.int32)))
    assert chosen.are_all(size) == (chosen.rows(size).tolist() == [*range(size)])
    assert laid_out(chosen).are_all(int(chosen.lengths.sum()))


@given(asset_ids=st.lists(st.integers(1, 9)), wanted=asset_lists)
def test_a_rank_is_the_position_among_the_wanted(asset_ids: list[int], wanted: list[int]) -> None:
    found = ranks_of(np.array(asset_ids, np.int32), np.array(wanted, np.int32)).tolist()
    assert found == [wanted.index(each) if each in wanted else -1 for each in asset_ids]
