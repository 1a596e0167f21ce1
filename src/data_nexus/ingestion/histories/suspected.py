"""What an answer does to the suspicions of its asset, and what it makes suspect itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from data_nexus.database.store import Store
from data_nexus.database.store.batch import Batch
from data_nexus.domain.adjustment.findings import NOTHING_KNOWN, verdict
from data_nexus.domain.bars import Bars
from data_nexus.domain.planning.suspicion import (
    NotedSuspicion,
    Reason,
    SettledSuspicion,
    Suspicion,
    is_end_confirmed,
    wait_after,
)
from data_nexus.domain.validation.leaps import first_leap, has_plain_step

# What a whole answer ends, whatever it says: it speaks of the session itself.
_ENDED_BY_AN_ANSWER = frozenset(
    {Reason.LATE, Reason.REJECTED, Reason.UNSENT, Reason.ACTION, Reason.CHANGED}
)


async def judged(store: Store, batch: Batch, *, is_signed: bool) -> Batch:
    """Say of a whole history whether the stored actions explain its adjusted closes.

    A price that steps by a plain ratio has its actions read, whatever the adjusted closes say, if
    it did so after they were read last. `is_signed`: prices may be zero or negative, and step as
    they like.
    """
    if not (batch.window.is_whole and len(batch.bars)):
        return batch
    known = NOTHING_KNOWN
    if not batch.lease.is_first:
        known = await store.actions.known(batch.lease.asset_id)
    found = verdict(batch.bars, known)
    if found.wants_actions is False and not is_signed and has_plain_step(batch.bars, known.read_on):
        found = replace(found, wants_actions=True)
    return replace(batch, verdict=found)


async def suspected(store: Store, batch: Batch, moment: datetime, *, is_signed: bool) -> Batch:
    """Say what an answer does to what is suspected of its asset, and what it makes suspect.

    `is_signed`: its prices may be zero or negative, and so leap as they like.
    """
    lease = batch.lease
    if lease.is_first or not len(batch.bars):
        return batch
    if batch.window.is_whole:
        noted = await store.suspicions.of_asset(lease.asset_id, moment)
        batch = weighed(batch, noted, moment)
    else:
        batch = continued(batch, moment)
    return batch if is_signed else with_leaps(batch, moment)


def weighed(batch: Batch, noted: Sequence[NotedSuspicion], moment: datetime) -> Batch:
    """Return a whole history, received at a moment, with what it does to its asset's suspicions."""
    last = batch.lease.last_bar
    batch = replace(batch, is_end_confirmed=bool(last and is_end_confirmed(noted, last)))
    is_explained = batch.verdict is not None and batch.verdict.is_explained
    found = settled(noted, batch.bars, moment, is_explained=is_explained, is_behind=batch.is_behind)
    suspected = (_noted_now(batch, Reason.END, last, moment),) if last and batch.is_behind else ()
    return replace(batch, settled=found, suspected=suspected)


def continued(batch: Batch, moment: datetime) -> Batch:
    """Return last bars that continue the stored ones, with what they do to suspicions.

    If the last stored bar was not sent before, it is now: a whole history is to say so.
    """
    now = SettledSuspicion(
        batch.lease.asset_id, Reason.END, is_ended=False, read_after=moment, is_reading=False
    )
    return replace(batch, settled=(now,))


def settled(
    noted: Sequence[NotedSuspicion],
    bars: Bars,
    moment: datetime,
    *,
    is_explained: bool,
    is_behind: bool = False,
) -> tuple[SettledSuspicion, ...]:
    """Return what a whole history, received at a moment, does to the suspicions of its asset.

    `is_behind`: it may be an old one, as it lacks the last stored bar. One that comes before it is
    time for the next reading is none of those that confirm that.
    """
    found = []
    for each in noted:
        wait = wait_after(each.times + 1)
        ended = is_ended(each, bars, is_explained=is_explained, is_behind=is_behind)
        if ended or each.is_due or each.reason is not Reason.END:
            later = moment + wait if wait else None
            found.append(SettledSuspicion(each.asset_id, each.reason, ended, later))
    return tuple(found)


def is_ended(
    noted: NotedSuspicion, bars: Bars, *, is_explained: bool, is_behind: bool = False
) -> bool:
    """Say whether a whole history ends a suspicion; `is_explained` by its stored actions."""
    if noted.reason is Reason.END:
        return not is_behind
    if noted.reason is Reason.OPEN:
        return False  # The cursor says so, once the answer is stored.
    if noted.reason in _ENDED_BY_AN_ANSWER:
        return True
    if noted.reason is Reason.UNEXPLAINED:
        return is_explained
    return first_leap(bars, noted.session) is None


def with_leaps(batch: Batch, moment: datetime) -> Batch:
    """Return an answer with the first leap of the price into its new bars as a suspicion.

    New are those after the last stored one, and provisional ones: of first loads none.
    """
    last, settled = batch.lease.last_bar, batch.lease.settled_through
    if last is None:
        return batch
    leap = first_leap(batch.bars, min(last, settled or last) + timedelta(days=1))
    if leap is None:
        return batch
    noted = _noted_now(batch, Reason.LEAP, leap, moment)
    return replace(batch, suspected=(*batch.suspected, noted))


def _noted_now(batch: Batch, reason: Reason, session: date, moment: datetime) -> Suspicion:
    later = moment + (wait_after(1) or timedelta())
    return Suspicion(batch.lease.asset_id, reason, session, later)
