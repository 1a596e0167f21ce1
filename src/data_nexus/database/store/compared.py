"""Compare the answers of a group of re-reads with what is stored of their assets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from data_nexus.database.store.batch import Batch, WrittenBars, multirange
from data_nexus.domain.adjustment.findings import AssetFinding
from data_nexus.domain.bars import EPOCH, AssetBars, Bars, Days, joined
from data_nexus.domain.validation.change import Change, compare
from data_nexus.domain.validation.withdrawal import doubt, lack_finding


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What a group's answers make of stored bars.

    `withdrawn` are the stored bars that go, `doubts` the findings of those that stay although a
    whole answer lacks them; `written` says by asset what becomes of its bars.
    """

    change: Change
    withdrawn: AssetBars
    doubts: Mapping[int, AssetFinding]
    written: Mapping[int, WrittenBars]


def compare_group(batches: Sequence[Batch], stored: AssetBars) -> Compared:
    """Compare batches with the stored bars of their assets since the beginning of each window."""
    change = compare(stored, joined((batch.lease.asset_id, batch.bars) for batch in batches))
    gone = {*change.gone.asset_id.tolist()}
    doubts: dict[int, AssetFinding] = {}
    withdrawn: dict[int, Bars] = {}
    written: dict[int, WrittenBars] = {}
    for batch in batches:
        asset_id = batch.lease.asset_id
        bars = stored.of(asset_id)
        lacking = _lacking(batch, bars.date) if asset_id in gone else bars.date[:0]
        finding = _doubt_of(batch, bars.date, lacking)
        if finding is not None:
            doubts[asset_id] = finding
        elif len(lacking):
            withdrawn[asset_id] = bars.take(np.isin(bars.date, lacking))
        one = _written(change, asset_id, bars, lacking, is_kept=finding is not None)
        if one.inserted and batch.is_whole_again:
            one = replace(one, new_dates=np.setdiff1d(batch.bars.date, bars.date))
        written[asset_id] = one
    return Compared(change, joined(withdrawn.items()), doubts, written)


def _lacking(batch: Batch, stored: Days) -> Days:
    """Return the dates of the stored bars that may be withdrawn."""
    return batch.sent_dates().lacking(stored) if batch.shows_withdrawals else stored[:0]


def _doubt_of(batch: Batch, stored: Days, lacking: Days) -> AssetFinding | None:
    if not len(lacking):
        return None
    why = doubt(stored, lacking, batch.sent_dates(), is_confirmed=batch.is_end_confirmed)
    return None if why is None else lack_finding(lacking, why)


def _written(
    change: Change, asset_id: int, stored: Bars, lacking: Days, *, is_kept: bool
) -> WrittenBars:
    stays = stored.date if is_kept else np.setdiff1d(stored.date, lacking, assume_unique=True)
    arrived = change.arrived.get(asset_id)
    return WrittenBars(
        inserted=change.inserted.get(asset_id, 0),
        revised=change.revised.get(asset_id, 0),
        arrived=multirange(arrived) if arrived else None,
        withdrawn=len(stored) - len(stays),
        doubted=len(lacking) if is_kept else 0,
        stored=len(stored),
        last_bar=EPOCH + timedelta(days=int(stays[-1])) if len(stays) else None,
    )
