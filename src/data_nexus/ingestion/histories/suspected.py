"""What an answer does to the suspicions of its asset, and what it makes suspect itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from hashlib import sha256

from data_nexus.database.store import Store
from data_nexus.database.store.batch import Batch
from data_nexus.domain.adjustment.findings import NOTHING_KNOWN, verdict
from data_nexus.domain.bars import Bars, days
from data_nexus.domain.planning.suspicion import (
    SEEN_BY_COMPARISON,
    NotedSuspicion,
    Reason,
    SettledSuspicion,
    Suspicion,
    confirmed,
    is_end_confirmed,
    wait_after,
)
from data_nexus.domain.validation.leaps import first_leap, has_plain_step

# What a number of readings confirms, each in its time.
_CONFIRMED_BY_TIME = SEEN_BY_COMPARISON | {Reason.END}


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
    if batch.lease.is_first:
        return _with_rejected(batch, moment)
    if not len(batch.bars):
        noted = await store.suspicions.of_asset(batch.lease.asset_id, moment)
        return _with_rejected(unanswered(batch, noted, moment), moment)
    if batch.window.is_whole:
        noted = await store.suspicions.of_asset(batch.lease.asset_id, moment)
        batch = weighed(batch, noted, moment)
    else:
        batch = continued(batch, moment)
    batch = _with_rejected(batch, moment)
    return batch if is_signed else with_leaps(batch, moment)


def _with_rejected(batch: Batch, moment: datetime) -> Batch:
    """Return an answer with a newest row that was rejected as a suspicion: it may come right."""
    session = batch.newest_rejected(batch.lease.published or moment.date())
    if session is None:
        return batch
    noted = _noted_now(batch, Reason.REJECTED, session, moment)
    return replace(batch, suspected=(*batch.suspected, noted))


def weighed(batch: Batch, noted: Sequence[NotedSuspicion], moment: datetime) -> Batch:
    """Return a whole history, received at a moment, with what it does to its asset's suspicions."""
    last, noted = batch.lease.last_bar, _answered(batch, noted)
    batch = replace(
        batch,
        is_end_confirmed=bool(last and is_end_confirmed(noted, last)),
        noted=frozenset(each.reason for each in noted),
        confirmed=confirmed(noted),
    )
    found = settled(batch, noted, moment)
    suspected = (_noted_now(batch, Reason.END, last, moment),) if last and batch.is_behind else ()
    doubts = _doubts(batch, noted, moment)
    return replace(batch, settled=found, suspected=suspected, doubts=doubts)


def _answered(batch: Batch, noted: Sequence[NotedSuspicion]) -> list[NotedSuspicion]:
    """Return what is noted, with this answer where only readings that agree confirm something."""
    return [
        each.after(_fingerprint(batch.bars, each.session))
        if each.reason in SEEN_BY_COMPARISON
        else each
        for each in noted
    ]


def _fingerprint(bars: Bars, through: date) -> str:
    """Return a fingerprint of the closes up to a day; adjusted ones change with each dividend."""
    closes = bars.take(bars.date <= days(through))
    return sha256(closes.date.tobytes() + closes.close.tobytes()).hexdigest()[:16]


def unanswered(batch: Batch, noted: Sequence[NotedSuspicion], moment: datetime) -> Batch:
    """Return an answer without bars with what it does to suspicions: lost ones are not back."""
    lost = [each for each in _answered(batch, noted) if each.reason is Reason.LOST]
    return replace(
        batch,
        settled=settled(batch, lost, moment),
        doubts=_doubts(batch, noted, moment),
        noted=frozenset(each.reason for each in lost),
        confirmed=confirmed(lost),
    )


def _doubts(
    batch: Batch, noted: Sequence[NotedSuspicion], moment: datetime
) -> tuple[Suspicion, ...]:
    """Return what is to be suspected if a comparison shows it, and is not yet."""
    last, known = batch.lease.last_bar, {each.reason for each in noted}
    reasons = SEEN_BY_COMPARISON - known if last else ()
    return tuple(
        replace(_noted_now(batch, each, last, moment), answer=_fingerprint(batch.bars, last))
        for each in reasons
        if last
    )


def continued(batch: Batch, moment: datetime) -> Batch:
    """Return last bars that continue the stored ones, with what they do to suspicions.

    If the last stored bar was not sent before, it is now: a whole history is to say so. A row that
    was rejected before is a bar now, or has one after it.
    """
    asset_id = batch.lease.asset_id
    now = SettledSuspicion(asset_id, Reason.END, is_ended=False, read_after=moment)
    return replace(batch, settled=(now, SettledSuspicion(asset_id, Reason.REJECTED, is_ended=True)))


def settled(
    batch: Batch, noted: Sequence[NotedSuspicion], moment: datetime
) -> tuple[SettledSuspicion, ...]:
    """Return what a whole history, received at a moment, does to the suspicions of its asset.

    One that comes before it is time for the next reading is none of those that confirm something.
    """
    found = []
    for each in noted:
        wait, ended = wait_after(each.times + 1), is_ended(batch, each)
        if ended or each.is_due or each.reason not in _CONFIRMED_BY_TIME:
            later = moment + wait if wait else None
            found.append(
                SettledSuspicion(
                    each.asset_id, each.reason, ended, later, each.times + 1, each.answer
                )
            )
    return tuple(found)


def is_ended(batch: Batch, noted: NotedSuspicion) -> bool:
    """Say whether a whole history ends a suspicion of its asset."""
    match noted.reason:
        case Reason.END:
            is_confirmed = batch.is_end_confirmed or Reason.LOST in batch.confirmed
            is_over = is_confirmed or (not batch.is_behind and _reaches(batch.bars, noted.session))
        case Reason.REJECTED:
            is_over = not batch.lacks_by_rejection(noted.session)
        case Reason.LATE | Reason.UNSENT | Reason.ACTION | Reason.CHANGED:
            is_over = True  # Whatever it says, it speaks of the session itself.
        case Reason.UNEXPLAINED:
            is_over = batch.verdict is not None and batch.verdict.is_explained
        case Reason.LEAP:
            is_over = first_leap(batch.bars, noted.session) is None
        case Reason.OPEN | Reason.LOST | Reason.ANOTHER:
            is_over = False  # The cursor or the comparison says so, once the answer is stored.
    return is_over


def _reaches(bars: Bars, session: date) -> bool:
    last = bars.last_date()
    return last is not None and last >= session


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
