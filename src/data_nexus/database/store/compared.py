"""Compare the answers of a group of re-reads with what is stored of their assets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from data_nexus.database.store.batch import Batch, LoggedHistory, WrittenBars, multirange
from data_nexus.domain.adjustment.findings import AssetFinding
from data_nexus.domain.bars import EPOCH, AssetBars, Bars, Days, joined
from data_nexus.domain.planning.lease import REPAIR
from data_nexus.domain.planning.suspicion import Reason
from data_nexus.domain.validation.change import Change, compare
from data_nexus.domain.validation.overlap import is_of_another
from data_nexus.domain.validation.withdrawal import another_finding, doubt, lack_finding


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


def compare_group(
    batches: Sequence[Batch], stored: AssetBars, logged: Mapping[int, LoggedHistory]
) -> Compared:
    """Compare batches with the stored bars of their assets since the beginning of each window.

    `logged` says of those that are read whole how many bars there should be.
    """
    change = compare(stored, joined((batch.lease.asset_id, batch.bars) for batch in batches))
    alike = [batch for batch in batches if _looks_like_another(batch, change, stored, logged)]
    replaced = {each.lease.asset_id for each in alike if _is_believed(each, stored, logged)}
    others = {each.lease.asset_id for each in alike} - replaced
    if others:
        believed = (
            (asset_id, stored.of(asset_id) if asset_id in others else batch.bars)
            for batch in batches
            for asset_id in [batch.lease.asset_id]
        )
        change = compare(stored, joined(believed))
    gone = {*change.gone.asset_id.tolist()}
    doubts: dict[int, AssetFinding] = {}
    withdrawn: dict[int, Bars] = {}
    written: dict[int, WrittenBars] = {}
    for batch in batches:
        asset_id = batch.lease.asset_id
        bars = stored.of(asset_id)
        if asset_id in others:
            doubts[asset_id] = another_finding(bars)
            written[asset_id] = _disbelieved(bars)
            continue
        lacking = _lacking(batch, bars.date) if asset_id in gone else bars.date[:0]
        # Of a history that another one takes the place of nothing is left, nor if a person says so.
        is_whole = asset_id in replaced or batch.lease.withdraws
        finding = None if is_whole else _doubt_of(batch, bars.date, lacking)
        if finding is not None:
            doubts[asset_id] = finding
        elif len(lacking):
            withdrawn[asset_id] = bars.take(np.isin(bars.date, lacking))
        one = _written(change, asset_id, bars, lacking, is_kept=finding is not None)
        if one.inserted and batch.is_whole_again:
            one = replace(one, new_dates=np.setdiff1d(batch.bars.date, bars.date))
        written[asset_id] = one
    return Compared(change, joined(withdrawn.items()), doubts, written)


def _looks_like_another(
    batch: Batch, change: Change, stored: AssetBars, logged: Mapping[int, LoggedHistory]
) -> bool:
    """Whether a whole answer is rather another asset's."""
    asset_id = batch.lease.asset_id
    if not (batch.is_whole_again and change.revised.get(asset_id, 0)):
        return False
    return is_of_another(stored.of(asset_id), batch.bars, logged[asset_id].arrived)


def _is_believed(batch: Batch, stored: AssetBars, logged: Mapping[int, LoggedHistory]) -> bool:
    """Whether an answer that looks like another asset's is the asset's own from now on.

    So it is if answers have agreed for a week, or if a person asks by name for a repair of bars
    that are all there: that is to make them the vendor's, whatever they are.
    """
    asset_id = batch.lease.asset_id
    is_asked_for = batch.lease.cause == REPAIR and batch.lease.is_named
    has_all = logged[asset_id].bars == len(stored.of(asset_id))
    return Reason.ANOTHER in batch.confirmed or (is_asked_for and has_all)


def _disbelieved(stored: Bars) -> WrittenBars:
    last = EPOCH + timedelta(days=int(stored.date[-1]))
    return WrittenBars(stored=len(stored), doubted=len(stored), last_bar=last, is_disbelieved=True)


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
