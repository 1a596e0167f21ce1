"""Note what a session in bulk leaves in doubt: rows that did not come, were rejected, or leap.

And the assets whose history has changed: whichever run reads one next reads all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import numpy as np

from data_nexus.database.store import Store
from data_nexus.database.store.bulk.sessions import Advanced
from data_nexus.domain.calendar.learned import Calendars
from data_nexus.domain.planning.due import sessions_up_to
from data_nexus.domain.planning.suspicion import Reason, Suspicion, wait_after
from data_nexus.domain.validation.bulk_session import BulkSession, Positions
from data_nexus.domain.validation.leaps import is_unusual

# An asset trades if it has bars of at least so many of its last sessions.
_LAST, _LEAST = 5, 3
# How far back the steps of a price are compared with the newest one.
_USUAL_DAYS = timedelta(days=90)


async def note_doubts(
    store: Store,
    calendars: Calendars,
    exchange: str,
    bulk_session: BulkSession,
    done: Sequence[Advanced],
    now: datetime,
    *,
    is_newest: bool,
) -> None:
    """Note which assets of a session are to be read individually later.

    A row that is lacking from the newest session may come when it is compared once more; of an
    earlier one it is absent.
    """
    session = bulk_session.session
    later = now + (wait_after(1) or timedelta())
    rejected = _ids(done, [each.classified.rejected for each in done])
    found = [Suspicion(each, Reason.REJECTED, session, now) for each in rejected]
    changed = _ids(done, map(_changed, done))
    found += [Suspicion(each, Reason.CHANGED, session, later) for each in changed]
    absent = _ids(done, [each.classified.absent for each in done]) if is_newest else []
    if absent:
        before = await asyncio.to_thread(sessions_up_to, exchange, session, _LAST, calendars)
        bars = await store.suspicions.recent_bars(absent, before[0])
        trading = [each for each in absent if bars.get(each, 0) >= _LEAST]
        found += [Suspicion(each, Reason.LATE, session, later) for each in trading]
    leaping = _ids(done, [each.classified.leaping for each in done])
    if leaping:
        closes = await store.suspicions.recent_closes(leaping, session - _USUAL_DAYS, session)
        unusual = [each for each in leaping if is_unusual(closes.get(each, []))]
        found += [Suspicion(each, Reason.LEAP, session, later) for each in unusual]
    await store.suspicions.note(found)


def _changed(advanced: Advanced) -> Positions:
    """Return which candidates with bars are to be reloaded."""
    candidates, to_reload = advanced.candidates, advanced.classified.to_reload
    is_changed = np.array([code in to_reload for code in candidates.codes], np.bool_)
    return np.flatnonzero(is_changed & ~np.isnan(candidates.close))


def _ids(done: Sequence[Advanced], chosen: Iterable[Positions]) -> list[int]:
    pairs = zip(done, chosen, strict=True)
    return [int(one) for each, at in pairs for one in each.candidates.asset_ids[at]]
