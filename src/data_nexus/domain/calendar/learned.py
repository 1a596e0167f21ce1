"""`Calendars`: the sessions of all exchanges, as the library has them and as bars have shown. Pure.

The library lags: it lacks special sessions on weekends, and days on which an exchange stayed shut.
What the bars of several assets show is kept in the database and laid over its calendar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

import numpy as np

from data_nexus.domain.bars import days
from data_nexus.domain.calendar.exchanges import sessions_of
from data_nexus.domain.calendar.sessions import Hours, Sessions, overlaid


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedSession:
    """A day on which an exchange traded, or did not, against its calendar; and the evidence.

    `traded` assets had a bar of the day, of `asked` whose answers reach over it; `symbols` names
    some of them.
    """

    exchange: str
    date: date
    is_open: bool
    traded: int
    asked: int
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Calendars:
    """The calendars of all exchanges; `learned` are days that are sessions (True) or are not."""

    learned: Mapping[str, tuple[tuple[date, bool], ...]] = field(default_factory=dict)

    def of(self, exchange: str, through: date, hours: Hours | None = None) -> Sessions:
        """Return an exchange's sessions, as `sessions_of` does, with what was learned."""
        sessions = sessions_of(exchange, through, hours)
        learned = self.learned.get(exchange)
        return _with_learned(sessions, learned) if learned else sessions

    def shut_days(self, exchange: str, after: date, before: date) -> tuple[date, ...]:
        """Return the days between two on which an exchange was shut against its calendar."""
        learned = self.learned.get(exchange, ())
        return tuple(day for day, is_open in learned if after < day < before and not is_open)

    def rows(self) -> tuple[tuple[str, date, bool], ...]:
        """Return what was learned: exchange, day, and whether it is a session."""
        found = sorted(self.learned.items())
        return tuple((exchange, *each) for exchange, learned in found for each in learned)


NOTHING_LEARNED = Calendars()


def calendars_with(learned: Iterable[tuple[str, date, bool]]) -> Calendars:
    """Return the calendars with what was learned: exchange, day, and whether it is a session."""
    found: dict[str, list[tuple[date, bool]]] = {}
    for exchange, day, is_open in learned:
        found.setdefault(exchange, []).append((day, is_open))
    return Calendars({exchange: tuple(sorted(each)) for exchange, each in found.items()})


@lru_cache(maxsize=64)
def _with_learned(sessions: Sessions, learned: tuple[tuple[date, bool], ...]) -> Sessions:
    opened = np.array([days(day) for day, is_open in learned if is_open], np.int32)
    closed = np.array([days(day) for day, is_open in learned if not is_open], np.int32)
    return overlaid(sessions, opened, closed)
