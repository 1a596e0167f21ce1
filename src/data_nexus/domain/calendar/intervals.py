"""`Interval`, weeks, months or a number of sessions, and which of them a bar belongs to. Pure.

`numbered` says the same of any days, by day, week, month or year.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data_nexus.domain.bars import EPOCH, Days, days
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.errors import UsageError

_WRITTEN = re.compile(r"([1-9]\d{0,3})(d|w|mo)")
_MONDAY = 3  # 1970-01-01 was a Thursday: three days after a Monday

Places = NDArray[np.intp]
Numbers = NDArray[np.int64]
Unit = Literal["day", "week", "month", "year"]
# How numpy calls them; its weeks begin with a Thursday, these with Monday.
_CODES = {"day": "D", "month": "M", "year": "Y"}
_UNITS: dict[str, Unit] = {"w": "week", "mo": "month"}


@dataclass(frozen=True, slots=True)
class Interval:
    """A `count` of sessions with a bar (*d*), of weeks from Monday (*w*) or of months (*mo*)."""

    count: int
    unit: str

    @property
    def is_daily(self) -> bool:
        """Whether each bar stays as it is."""
        return (self.count, self.unit) == (1, "d")

    def begin(self, day: date | None) -> date | None:
        """Return the first day of the interval that a day lies in.

        None is the beginning of the history: sessions are counted from the first bar.
        """
        if self.is_daily or day is None:
            return day
        if self.unit == "d":
            return None
        number = int(self._numbers(np.array([days(day)], np.int32))[0]) * self.count
        if self.unit == "w":
            return day_date(number * 7 - _MONDAY)
        return date(number // 12, number % 12 + 1, 1)

    def begins(self, dates: Days) -> Places:
        """Return at which places of a history's dates, from its first bar on, an interval begins.

        Of weeks and months the dates may begin with any interval.
        """
        if not len(dates):
            return np.empty(0, np.intp)
        return np.append(0, np.flatnonzero(np.diff(self._numbers(dates))) + 1)

    def _numbers(self, dates: Days) -> Numbers:
        """Return for each date the number of its interval, which grows with the dates."""
        if self.unit == "d":
            return np.arange(len(dates), dtype=np.int64) // self.count
        return numbered(dates, _UNITS[self.unit], self.count)


def numbered(dates: Days, unit: Unit, count: int = 1) -> Numbers:
    """Return a number for each date that grows with it, equal within `count` days, weeks, ….

    Months and years are counted from the year 0: quarters begin with January, five years with 2020.
    Weeks begin with Monday.
    """
    if unit == "week":
        numbers = (dates.astype(np.int64) + _MONDAY) // 7
    else:
        spans = dates.astype("datetime64[D]").astype(f"datetime64[{_CODES[unit]}]")
        numbers = spans.astype(np.int64) + EPOCH.year * {"month": 12, "year": 1}.get(unit, 0)
    return numbers // count


def parse_interval(text: str) -> Interval:
    """Return `1d`, `1w`, `1mo` or several of them; raise `UsageError` for what is none."""
    # A notebook may pass a number or None.
    found = _WRITTEN.fullmatch(str(text).strip().lower())
    if found is None:
        raise UsageError(f"not an interval: {text!r}; write it like 1d, 5d, 1w, 1mo or 3mo")
    return Interval(int(found[1]), found[2])
