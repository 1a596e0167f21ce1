"""`Sessions`, an exchange's trading days and their closes, and `Hours`, a rule for them. Pure.

A session is a date and has no zone; its close is a moment. A calendar says what to expect. It
never rejects a bar: what the vendor sends for a day without a session is stored like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from data_nexus.domain.bars import EPOCH, Days, days
from data_nexus.domain.calendar.window import Window

# A week as numpy's business days write it: Monday first, 1 for a day with a session.
MONDAY_TO_FRIDAY, SUNDAY_TO_THURSDAY, EVERY_DAY = "1111100", "1111001", "1111111"

# An empty window.
NEVER = Window(date.max, date.min)

Seconds = NDArray[np.int64]
_DAY_SEC = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """When an exchange trades, as a rule: each day of its week except holidays.

    `close` and the early closes are wall-clock times, counted from the zone's midnight. `exact` is
    where the holidays are known; elsewhere a session of the rule may be a holiday. Without
    arguments: Monday to Friday, each day ending with the UTC day, no holiday known.
    """

    zone: str = "UTC"
    close: timedelta = timedelta(days=1)
    week: str = MONDAY_TO_FRIDAY
    holidays: frozenset[date] = frozenset()
    early_closes: frozenset[tuple[date, timedelta]] = frozenset()
    exact: Window = NEVER


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Consecutive sessions of one exchange, in order.

    `days` counts days since 1970-01-01, `closes` seconds of UTC since then. Within `exact` they are
    the exchange's sessions as far as anyone knows; outside it some of them may be holidays.
    Nothing is known of the time before the first day.
    """

    days: Days
    closes: Seconds
    exact: Window

    def __post_init__(self) -> None:
        # Shared by the whole program, so read-only.
        self.days.setflags(write=False)
        self.closes.setflags(write=False)

    def __len__(self) -> int:
        return len(self.days)

    def session(self, position: int) -> date:
        """Return the session at a position."""
        return day_date(int(self.days[position]))

    def close(self, position: int) -> datetime:
        """Return when the session at a position closed, in UTC."""
        return datetime.fromtimestamp(int(self.closes[position]), UTC)

    def closed_by(self, moment: datetime) -> int:
        """Return how many sessions had closed by a moment (aware)."""
        return int(np.searchsorted(self.closes, moment.timestamp(), side="right"))

    def last_before(self, moment: datetime) -> date | None:
        """Return the last session that had closed by a moment (aware), or None."""
        closed = self.closed_by(moment)
        return self.session(closed - 1) if closed else None

    def between(self, first: date, last: date) -> Days:
        """Return the sessions from `first` to `last`, both included."""
        start, end = np.searchsorted(self.days, (days(first), days(last) + 1))
        return self.days[start:end]

    def missing(self, stored: Days, first: date, last: date) -> Days:
        """Return the sessions from `first` to `last` that are not among the `stored` days."""
        expected = self.between(first, last)
        return expected[~np.isin(expected, stored)]

    def is_exact(self, day: date) -> bool:
        """Say whether it is certain that a day is, or is not, a session."""
        return self.exact.first <= day <= self.exact.last


def day_date(day: int) -> date:
    """Return the date of a count of days since 1970-01-01."""
    return EPOCH + timedelta(days=day)


def sessions_by_hours(hours: Hours, window: Window) -> Sessions:
    """Return the sessions that a rule gives within a window."""
    span = np.arange(np.datetime64(window.first, "D"), np.datetime64(window.last, "D") + 1)
    closed = np.array(sorted(hours.holidays), dtype="datetime64[D]")
    held = span[np.is_busday(span, weekmask=hours.week, holidays=closed)].astype(np.int32)
    early = dict(hours.early_closes)
    zone = ZoneInfo(hours.zone)
    closes = [
        _wall_clock(day, early.get(day, hours.close), zone) for day in map(day_date, held.tolist())
    ]
    return Sessions(held, np.array(closes, dtype=np.int64), hours.exact)


def followed_by(sessions: Sessions, later: Sessions) -> Sessions:
    """Return `later` appended to `sessions`, which stay the exact part."""
    return Sessions(
        np.concatenate((sessions.days, later.days)),
        np.concatenate((sessions.closes, later.closes)),
        sessions.exact,
    )


def overlaid(sessions: Sessions, opened: Days, closed: Days) -> Sessions:
    """Return sessions with some days more and some less; `exact` stays what it was.

    A day that is added closes at the hour of the session before it. Days before the first session
    are left out.
    """
    is_new = (opened > sessions.days[0]) & ~np.isin(opened, sessions.days)
    new = opened[is_new]
    before = np.searchsorted(sessions.days, new) - 1
    closes = sessions.closes[before] + (new - sessions.days[before]).astype(np.int64) * _DAY_SEC
    kept = ~np.isin(sessions.days, closed)
    held = np.concatenate((sessions.days[kept], new))
    order = np.argsort(held, kind="stable")
    return Sessions(
        held[order].astype(np.int32),
        np.concatenate((sessions.closes[kept], closes))[order],
        sessions.exact,
    )


def _wall_clock(day: date, since_midnight: timedelta, zone: ZoneInfo) -> int:
    wall = datetime.combine(day, time()) + since_midnight
    return int(wall.replace(tzinfo=zone).timestamp())
