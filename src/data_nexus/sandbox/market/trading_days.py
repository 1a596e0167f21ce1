"""Count the sessions that an exchange holds, whatever its calendar says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np

from data_nexus.sandbox.market.calendar import DAY, Days, sessions

# Sessions are counted from here on; what is older is old.
FIRST, LAST = date(1970, 1, 1), date(2100, 12, 31)


@dataclass(frozen=True, slots=True)
class Departures:
    """How an exchange departs from its calendar.

    `extra`: days on which it trades all the same. `closures`: the first day on which it is shut,
    and the day from which it trades again; None: it is not known yet.
    """

    extra: frozenset[date] = frozenset()
    closures: tuple[tuple[date, date | None], ...] = ()

    def shut(self, days: Days) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """On which of the days the exchange is shut without notice."""
        found = np.zeros(len(days), dtype=bool)
        for first, reopens in self.closures:
            found |= (days >= np.datetime64(first, "D")) & (
                days < np.datetime64(reopens or date.max, "D")
            )
        return found


AS_CALENDAR = Departures()


@lru_cache(maxsize=256)
def sessions_held(exchange: str, departures: Departures) -> Days:
    """Every session that the exchange holds, in order."""
    extra = np.array(sorted(departures.extra), dtype=DAY)
    days = np.union1d(sessions(exchange, FIRST, LAST), extra)
    return days[~departures.shut(days)]


def younger_than(days: Days, through: date, count: int) -> date:
    """The first day on which a session is less than `count` sessions old, by those held.

    The newest session up to `through` is 0 sessions old, so that a count of 0 is the next session,
    and a count of 1 the newest one.
    """
    newest = int(np.searchsorted(days, np.datetime64(through, "D"), side="right")) - 1
    place = newest + 1 - count
    if place >= len(days):
        return date.max
    edge: date = days[place].item() if place >= 0 else date.min
    return edge
