"""Map each exchange to its calendar; the only user of `exchange_calendars`.

The library is imported when a calendar is not in the cache: it brings pandas, 0.4 s and 100 MB.
Its result is kept as two arrays an exchange, for the life of the program.

The vendor's own list of holidays is wrong in places (`docs/DATA_FORMAT_SPEC.md`, section 6), so
the library comes first, and the vendor's hours are used where it has nothing: for exchanges that it
lacks, and after the end of a calendar that it knows only up to some year.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from threading import Lock
from typing import Any

import numpy as np

from data_nexus.domain.calendar.cache import CalendarCache, decode_calendar, encode_calendar
from data_nexus.domain.calendar.sessions import (
    EVERY_DAY,
    NEVER,
    SUNDAY_TO_THURSDAY,
    Hours,
    Sessions,
    followed_by,
    sessions_by_hours,
)
from data_nexus.domain.calendar.window import EARLIEST, Window

NEW_YORK = "XNYS"

# The vendor's exchange codes and the library's names, which are market identifier codes. Where
# the two differ, both markets keep the same sessions: the regional ones of Canada, Korea, China,
# Taiwan and India follow the large one.
LIBRARY = {
    **dict.fromkeys(("US", "NYSE", "NASDAQ", "BATS", "AMEX"), NEW_YORK),
    **dict.fromkeys(("OTC", "PINK", "NMFQS"), NEW_YORK),
    **dict.fromkeys(("TO", "V", "NEO"), "XTSE"),
    **dict.fromkeys(("LSE", "IL"), "XLON"),
    **dict.fromkeys(("SW", "VX"), "XSWX"),
    "XETRA": "XETR",
    # The library lets Frankfurt close with Xetra at 17:30; its floor, like Düsseldorf, trades
    # until 22:00.
    **dict.fromkeys(("F", "DU", "BE", "MU", "HA"), "XDUS"),
    "HM": "XHAM",
    "STU": "XSTU",
    "PA": "XPAR",
    "AS": "XAMS",
    "BR": "XBRU",
    "LS": "XLIS",
    "IR": "XDUB",
    "MI": "XMIL",
    "MC": "XMAD",
    "VI": "XWBO",
    "LU": "XLUX",
    "ST": "XSTO",
    "CO": "XCSE",
    "HE": "XHEL",
    "IC": "XICE",
    "OL": "XOSL",
    "PR": "XPRA",
    "BUD": "XBUD",
    "WAR": "XWAR",
    "RO": "XBSE",
    "ZSE": "XZAG",
    "AT": "ASEX",
    "IS": "XIST",
    "MCX": "XMOS",
    "TA": "XTAE",
    "SR": "XSAU",
    "JSE": "XJSE",
    "AU": "XASX",
    "HK": "XHKG",
    "TSE": "XTKS",
    **dict.fromkeys(("KO", "KQ"), "XKRX"),
    **dict.fromkeys(("SHG", "SHE"), "XSHG"),
    **dict.fromkeys(("TW", "TWO"), "XTAI"),
    **dict.fromkeys(("NSE", "BSE"), "XBOM"),
    "SG": "XSES",
    "BK": "XBKK",
    "JK": "XIDX",
    "KLSE": "XKLS",
    "PSE": "XPHS",
    "KAR": "XKAR",
    "SA": "BVMF",
    "MX": "XMEX",
    "BA": "XBUE",
    "SN": "XSGO",
    "LIM": "XLIM",
}

_ALWAYS = Window(EARLIEST, date.max)
# Markets with a rule instead of a calendar. FOREX has rows on weekends too (reports of clients),
# but not for every pair: they are stored when they come and not waited for.
RULES = {
    "CC": Hours(week=EVERY_DAY, exact=_ALWAYS),
    "FOREX": Hours(exact=_ALWAYS),
}
# The default where neither the library nor the vendor has hours. The world's markets close before
# their date has ended in UTC.
UNKNOWN = Hours()
GUESSES = {
    "EGX": Hours(
        zone="Africa/Cairo", close=timedelta(hours=14, minutes=30), week=SUNDAY_TO_THURSDAY
    ),
}

# From when the library is trusted; before, nothing is expected. New York agrees with 14,870 stored
# sessions since 1962. Other calendars give rules and few of the special closures of the past.
_TRUSTED_FROM = {NEW_YORK: date(1960, 1, 1)}
_OTHERS_TRUSTED_FROM = date(1990, 1, 1)

# Calendars of the library that are known to lag, and so never exact. India trades on some Saturdays
# and Sundays (the budget, Diwali), of which the library has two of ten since 2015, and closes for
# elections at short notice: gerrymanoim/exchange_calendars issues 394 and 544,
# rsheftel/pandas_market_calendars issue 480.
_LAGGING = frozenset({"XBOM"})

# To be increased when the same version of the library yields other calendars.
_EDITION = 1
_calendar_cache: CalendarCache | None = None
_computing = Lock()


def keep_calendars(calendar_cache: CalendarCache) -> None:
    """Look calendars up in a cache from now on, and store there those that had to be computed."""
    global _calendar_cache  # noqa: PLW0603 - like the caches below: it changes the time, not the answers
    _calendar_cache = calendar_cache


def sessions_of(exchange: str, through: date, hours: Hours | None = None) -> Sessions:
    """Return an exchange's sessions from the first known one to `through` and some years beyond.

    `exchange` is the vendor's code; `hours` are the vendor's own, from exchange-details. The first
    call imports the library (0.4 s), the first for an exchange computes for some 0.5 s (KO, MCX and
    TA: up to 3 s), unless it is cached; later calls look up. An event loop must call it in a
    thread.
    """
    last = _end_of_decade(through)
    if exchange in LIBRARY:
        return _with_tail(LIBRARY[exchange], last, hours)
    rule = RULES.get(exchange) or hours or GUESSES.get(exchange, UNKNOWN)
    return _by_rule(rule, _OTHERS_TRUSTED_FROM, last)


def _end_of_decade(through: date) -> date:
    """Few different ends: one calendar an exchange serves all moments of this decade and before."""
    return date(max(through.year - through.year % 10 + 9, 2029), 12, 31)


@lru_cache(maxsize=256)
def _by_rule(rule: Hours, first: date, last: date) -> Sessions:
    return sessions_by_hours(rule, Window(first, last))


@lru_cache(maxsize=256)
def _with_tail(name: str, last: date, hours: Hours | None) -> Sessions:
    known, usual = _from_library(name, last)
    if known.exact.last < last:
        after = known.exact.last + timedelta(days=1)
        known = followed_by(known, _by_rule(hours or usual, after, last))
    return replace(known, exact=NEVER) if name in _LAGGING else known


@lru_cache(maxsize=128)
def _from_library(name: str, last: date) -> tuple[Sessions, Hours]:
    """What the library knows until `last`, and the hours that it gives to an ordinary session."""
    if _calendar_cache is None:
        return _computed(name, last)
    name_in_cache = f"{name}-{last}-{version('exchange_calendars')}-{_EDITION}.npz"
    if known := decode_calendar(_calendar_cache.get(name_in_cache)):
        return known
    computed = _computed(name, last)
    _calendar_cache.put(name_in_cache, encode_calendar(*computed))
    return computed


def _computed(name: str, last: date) -> tuple[Sessions, Hours]:
    # Threads that ask for two at once would both import the library, and pandas changes the
    # process's filters of warnings meanwhile.
    with _computing:
        return _computed_alone(name, last)


def _computed_alone(name: str, last: date) -> tuple[Sessions, Hours]:
    calendar_class = _calendar_class(name)
    oldest, newest = calendar_class.bound_min(), calendar_class.bound_max()
    first = _TRUSTED_FROM.get(name, _OTHERS_TRUSTED_FROM)
    exact = Window(
        first if oldest is None else max(first, oldest.date()),
        last if newest is None else min(last, newest.date()),
    )
    calendar = calendar_class(start=exact.first.isoformat(), end=exact.last.isoformat())
    return (
        Sessions(
            calendar.sessions.to_numpy().astype("datetime64[D]").astype(np.int32),
            calendar.closes.dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype("int64"),
            exact,
        ),
        Hours(
            zone=str(calendar.tz),
            close=_since_midnight(calendar.close_times[-1][1]),
            week=calendar.weekmask,
        ),
    )


def _calendar_class(name: str) -> Any:  # noqa: ANN401 - the library ships no types
    module = import_module(f"exchange_calendars.exchange_calendar_{name.lower()}")
    found = getattr(module, f"{name}ExchangeCalendar")
    return _with_old_holidays(found, _TRUSTED_FROM[name]) if name in _TRUSTED_FROM else found


def _with_old_holidays(calendar_class: Any, first: date) -> Any:  # noqa: ANN401
    """The calendar with its yearly holidays before 1970.

    The library has from pandas that these begin in 1970, and would open New York on
    Christmas Day 1962. Its rules for the year are correct.
    """

    class Older(calendar_class):  # type: ignore[misc]
        @property
        def adhoc_holidays(self) -> list[Any]:
            yearly = self.regular_holidays.holidays(first.isoformat(), "1969-12-31")
            return [*super().adhoc_holidays, *yearly]

    return Older


def _since_midnight(wall: time) -> timedelta:
    return timedelta(hours=wall.hour, minutes=wall.minute)
