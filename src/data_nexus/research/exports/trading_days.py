"""Choose the days of an export's calendar: sessions, and days on which many assets traded. Pure.

Vendors send single bars on holidays, of an index or a fund. A tool that has one calendar for all
assets would take such a day for a session on which nothing else traded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from data_nexus.domain.bars import Days, days
from data_nexus.domain.calendar.sessions import Sessions, day_date

_FIRST, _LAST = days(date(1600, 1, 1)), days(date(2400, 1, 1))


@dataclass(frozen=True, slots=True, eq=False)
class TradedDays:
    """The days with a bar, ascending, and of how many assets.

    `listed` counts those that have bars both up to the day and from it on.
    """

    days: Days
    traded: NDArray[np.int64]
    listed: NDArray[np.int64]


def traded_days(histories: Iterable[Days]) -> TradedDays:
    """Count the days of histories, given as the ascending dates of each asset's bars."""
    traded = np.zeros(_LAST - _FIRST, np.int64)
    begun = np.zeros(_LAST - _FIRST + 1, np.int64)
    for dates in histories:
        if len(dates):
            at = dates - _FIRST
            traded[at] += 1
            begun[at[0]] += 1
            begun[at[-1] + 1] -= 1
    found = np.flatnonzero(traded)
    return TradedDays(
        (found + _FIRST).astype(np.int32), traded[found], np.cumsum(begun)[:-1][found]
    )


def calendar_days(sessions: Sessions, found: TradedDays) -> Days:
    """Return the days of a calendar for an exchange's assets, from the first bar to the last.

    They are the exchange's sessions where its holidays are known, and the days on which more than
    half of the listed assets traded. Where holidays are not known, a session of the exchange's week
    counts if any asset traded; before the first known session, any day with a bar.
    """
    if not len(found.days):
        return found.days
    exact = sessions.exact
    first = max(day_date(int(found.days[0])), exact.first)
    last = min(day_date(int(found.days[-1])), exact.last)
    known = sessions.between(first, last) if first <= last else found.days[:0]
    is_exact = (found.days >= days(exact.first)) & (found.days <= days(exact.last))
    is_common = 2 * found.traded > found.listed
    may_be = np.isin(found.days, sessions.days)
    if len(sessions):
        may_be |= found.days < sessions.days[0]
    return np.union1d(known, found.days[is_common | (may_be & ~is_exact)]).astype(np.int32)
