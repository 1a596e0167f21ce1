"""What an answer does to the suspicions of its asset, and what it makes suspect itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from data_nexus.database.store.batch import Batch
from data_nexus.domain.bars import Bars
from data_nexus.domain.planning.suspicion import (
    NotedSuspicion,
    Reason,
    SettledSuspicion,
    Suspicion,
    wait_after,
)
from data_nexus.domain.validation.leaps import is_unusual, leap_at

# What a whole answer ends, whatever it says: it speaks of the session itself.
_ENDED_BY_AN_ANSWER = frozenset({Reason.LATE, Reason.REJECTED, Reason.UNSENT, Reason.ACTION})


def settled(
    noted: Sequence[NotedSuspicion], bars: Bars, moment: datetime, *, is_explained: bool
) -> tuple[SettledSuspicion, ...]:
    """Return what a whole history, received at a moment, does to the suspicions of its asset."""
    found = []
    for each in noted:
        wait = wait_after(each.times + 1)
        ended = is_ended(each, bars, is_explained=is_explained)
        later = moment + wait if wait else None
        found.append(SettledSuspicion(each.asset_id, each.reason, ended, later))
    return tuple(found)


def is_ended(noted: NotedSuspicion, bars: Bars, *, is_explained: bool) -> bool:
    """Say whether a whole history ends a suspicion; `is_explained` by its stored actions."""
    if noted.reason in _ENDED_BY_AN_ANSWER:
        return True
    return is_explained if noted.reason is Reason.UNEXPLAINED else not leap_at(bars, noted.session)


def suspicions_of(batch: Batch, moment: datetime) -> tuple[Suspicion, ...]:
    """Return what the last bars of an asset make suspect: a price that leaps into the newest."""
    session = batch.bars.last_date()
    if session is None or not is_unusual(batch.bars.close.tolist()):
        return ()
    later = moment + (wait_after(1) or timedelta())
    return (Suspicion(batch.lease.asset_id, Reason.LEAP, session, later),)
