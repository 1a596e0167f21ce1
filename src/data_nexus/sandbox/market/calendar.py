"""Compute the sandbox's sessions by exchange. Pure.

Its rules are written from the exchanges' published holidays, independently of the engine's. What an
exchange really holds may depart from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]
DAY = "datetime64[D]"

MONDAY, THURSDAY = 0, 3
SATURDAY, SUNDAY = 5, 6
US_EXCHANGES = frozenset({"US", "NYSE", "NASDAQ", "BATS", "AMEX", "OTC", "PINK"})

# Days on which the New York exchanges were closed outside the rules: attacks, storms, mourning.
_US_CLOSURES = (
    *((date(2001, 9, day), "September 11 attacks") for day in (11, 12, 13, 14)),
    (date(2004, 6, 11), "Mourning for Ronald Reagan"),
    (date(2007, 1, 2), "Mourning for Gerald Ford"),
    *((date(2012, 10, day), "Hurricane Sandy") for day in (29, 30)),
    (date(2018, 12, 5), "Mourning for George H. W. Bush"),
    (date(2025, 1, 9), "Mourning for Jimmy Carter"),
)


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


@cache
def sessions(exchange: str, first: date, last: date) -> Days:
    """Every session of the window, both ends included, in order."""
    days = np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + 1, dtype=DAY)
    years = range(first.year, last.year + 1)
    closed = [day for year in years for day, _ in holidays(exchange, year)]
    kept: Days = days[np.is_busday(days, holidays=np.array(closed, dtype=DAY))]
    kept.flags.writeable = False
    return kept


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


@cache
def holidays(exchange: str, year: int) -> tuple[tuple[date, str], ...]:
    """The weekdays of a year without a session, in order, each with its name."""
    rules = _us_holidays if exchange in US_EXCHANGES else _european_holidays
    return tuple(sorted((day, name) for day, name in rules(year) if day.weekday() < SATURDAY))


def _us_holidays(year: int) -> list[tuple[date, str]]:
    new_year = date(year, 1, 1)
    days = [
        # A New Year's Day on Saturday is not observed on Friday, which ends the accounting year.
        (new_year + timedelta(new_year.weekday() == SUNDAY), "New Year's Day"),
        (_nth(year, 2, MONDAY, 3), "Washington's Birthday"),
        (_easter(year) - timedelta(2), "Good Friday"),
        (_last_monday_of_may(year), "Memorial Day"),
        (_observed(date(year, 7, 4)), "Independence Day"),
        (_nth(year, 9, MONDAY, 1), "Labour Day"),
        (_nth(year, 11, THURSDAY, 4), "Thanksgiving Day"),
        (_observed(date(year, 12, 25)), "Christmas Day"),
    ]
    if year >= 1998:
        days.append((_nth(year, 1, MONDAY, 3), "Dr. Martin Luther King Jr’s Birthday"))  # noqa: RUF001
    if year >= 2022:
        days.append((_observed(date(year, 6, 19)), "Juneteenth Holiday"))
    return days + [closure for closure in _US_CLOSURES if closure[0].year == year]


def _european_holidays(year: int) -> list[tuple[date, str]]:
    easter = _easter(year)
    return [
        (date(year, 1, 1), "New Year's Day"),
        (easter - timedelta(2), "Good Friday"),
        (easter + timedelta(1), "Easter Monday"),
        (date(year, 5, 1), "Labour Day"),
        (date(year, 12, 25), "Christmas Day"),
        (date(year, 12, 26), "Boxing Day"),
    ]


def _observed(day: date) -> date:
    return day + timedelta({SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0))


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta((weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(last.weekday())


def _easter(year: int) -> date:
    """Easter Sunday by the Gregorian computus (Meeus, Astronomical Algorithms, chapter 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * weekday) // 451
    month, day = divmod(h + weekday - 7 * m + 114, 31)
    return date(year, month, day + 1)
