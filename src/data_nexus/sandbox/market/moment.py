"""The moment at which the vendor answers: what is published, and what is late yet. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from data_nexus.sandbox.market.behaviours import Behaviours, settled
from data_nexus.sandbox.market.calendar import (
    AS_CALENDAR,
    LAST,
    Days,
    Departures,
    sessions_held,
    younger_than,
)
from data_nexus.sandbox.market.exchanges import exchange_facts

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """How far an asset is published, and how the vendor behaves with it.

    `through`: the last day published, or the asset's last day. `running`: the session that has
    opened and is not published. `number` draws what befalls some of the asset's bars alone.
    """

    exchange: str
    through: dt.date
    running: dt.date | None = None
    departures: Departures = AS_CALENDAR
    behaviours: Behaviours = field(default_factory=dict)
    number: int = 0
    is_settled: bool = False

    def final(self) -> Moment:
        """The moment when everything up to now is settled."""
        return replace(self, running=None, behaviours=settled(self.behaviours), is_settled=True)

    def concerns(self, name: str, day: dt.date) -> bool:
        """Whether the behaviour concerns the day at all."""
        behaviour = self.behaviours.get(name)
        return behaviour is not None and day > (behaviour.since or dt.date.min)

    def is_young(self, name: str, day: dt.date) -> bool:
        """Whether it concerns the day, and the day is fewer sessions old than it lasts."""
        return self.concerns(name, day) and day >= self._edge(name)

    def is_old(self, name: str, day: dt.date) -> bool:
        """Whether it concerns the day, and the day is as many sessions old, or older."""
        return self.concerns(name, day) and day < self._edge(name)

    def young(self, name: str, days: Days) -> Mask:
        """Which of the days it concerns that are fewer sessions old than it lasts."""
        return self._concerned(name, days) & (days >= np.datetime64(self._edge(name), "D"))

    def old(self, name: str, days: Days) -> Mask:
        """Which of the days it concerns that are as many sessions old, or older."""
        return self._concerned(name, days) & (days < np.datetime64(self._edge(name), "D"))

    def _concerned(self, name: str, days: Days) -> Mask:
        behaviour = self.behaviours.get(name)
        if behaviour is None:
            return np.zeros(len(days), dtype=bool)
        return days > np.datetime64(behaviour.since or dt.date.min, "D")

    def _edge(self, name: str) -> dt.date:
        if name not in self.behaviours:
            return dt.date.min
        days = sessions_held(self.exchange, self.departures)
        return younger_than(days, self.through, self.behaviours[name].sessions)


def running_session(
    exchange: str, departures: Departures, through: dt.date, now: dt.datetime
) -> dt.date | None:
    """The session after the last one published, once it has opened by the clock."""
    facts = exchange_facts(exchange)
    day = younger_than(sessions_held(exchange, departures), through, 0)
    if day > LAST:
        return None
    opens = dt.datetime.combine(day, facts.hours[0], ZoneInfo(facts.timezone))
    return day if opens <= now else None
