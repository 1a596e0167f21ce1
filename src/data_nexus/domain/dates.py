"""Parse moments and dates as a person or a program gives them. Pure.

Programs have dates in many types: `date`, `datetime`, pandas' `Timestamp`, numpy's `datetime64`,
Arrow's scalars. None of these libraries is needed to read their values.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from data_nexus.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

# A date as a caller may give it; pandas' `Timestamp` is a `datetime`, which is a `date`.
GivenDate: TypeAlias = "str | date | np.datetime64"
# A missing value of a library, which is not the same as no limit.
_NOTHING = float("nan")
# No exchange is older, and no window of ours reaches further.
_FIRST_DAY, _LAST_DAY = date(1700, 1, 1), date(2200, 12, 31)
_WORDS = {"today": 0, "yesterday": 1}
_UNITS = {"d": 1, "w": 7, "m": 30, "y": 365}
_AGO = re.compile(r"(\d{1,6})([dwmy])")


def relative_day(text: str, today: date) -> date | None:
    """Return what *today*, *yesterday*, 7d, 3w, 6m or 2y (ago) mean; None for any other text."""
    word = text.strip().casefold()
    if word in _WORDS:
        return today - timedelta(days=_WORDS[word])
    found = _AGO.fullmatch(word)
    if found is None:
        return None
    days = int(found[1]) * _UNITS[found[2]]
    if days > (today - _FIRST_DAY).days:
        raise _not_a_date(text)
    return today - timedelta(days=days)


def parse_day(text: str, today: date) -> date:
    """Return a date in ISO 8601, or what `relative_day` takes; raise `UsageError` for the rest."""
    if (day := relative_day(text, today)) is not None:
        return day
    try:
        return _in_reach(date.fromisoformat(text.strip()), text)
    except ValueError:
        raise UsageError(f"{_not_a_date(text)}, yesterday or 7d") from None


def _in_reach(day: date, given: object) -> date:
    """Return a date that a market can have; raise `UsageError` for any other."""
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise UsageError(f"not a date of a market: {given!r}; write one from 1700 to 2200")
    return day


def parse_moment(text: str) -> datetime:
    """Parse a moment in ISO 8601: `2026-11-01T12:00`, `2026-11-01`.

    UTC without a zone; a date alone is its first instant. Raises `UsageError` for other text.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _not_a_moment(text) from None
    _in_reach(moment.date(), text)
    return aware(moment)


def given_moment(value: GivenDate) -> datetime:
    """Return a moment in UTC, of a text or of any type of date or moment.

    As `parse_moment` reads it: UTC without a zone, a date alone is its first instant. Raises
    `UsageError` for anything else.
    """
    plain = _plain(value)
    if isinstance(plain, str):
        return parse_moment(plain)
    if isinstance(plain, date):
        _in_reach(plain.date() if isinstance(plain, datetime) else plain, value)
    if isinstance(plain, datetime):
        return aware(plain)
    if isinstance(plain, date):
        return datetime.combine(plain, time(), UTC)
    raise _not_a_moment(value)


def aware(moment: datetime) -> datetime:
    """Return the moment in UTC; one without a zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def given_day(value: GivenDate | None) -> date | None:
    """Return a date, of a text in ISO 8601 or of any type of date or moment.

    Of a moment it is the date in its own zone. Raises `UsageError` for anything else.
    """
    plain = _plain(value)
    if isinstance(plain, str):
        try:
            return _in_reach(datetime.fromisoformat(plain).date(), value)
        except ValueError:
            raise _not_a_date(value) from None
    if isinstance(plain, datetime):
        return _in_reach(plain.date(), value)
    if isinstance(plain, date):
        return _in_reach(plain, value)
    if plain is None:
        return None
    raise _not_a_date(value)


def _plain(value: Any) -> object:  # noqa: ANN401 - whatever a caller has
    """Return what a library's date stands for: a `date`, a `datetime`, a text, or what it is."""
    if hasattr(value, "as_py"):  # Arrow
        value = _NOTHING if (found := value.as_py()) is None else found
    if type(value).__name__ == "datetime64":  # numpy
        value = _NOTHING if (found := value.astype("datetime64[us]").item()) is None else found
    if not isinstance(value, date):
        return value
    try:
        day = date(value.year, value.month, value.day)
    except (TypeError, ValueError):  # pandas' NaT, a moment that is none
        return _NOTHING
    if not isinstance(value, datetime):
        return day
    moment = time(value.hour, value.minute, value.second, value.microsecond, value.tzinfo)
    return datetime.combine(day, moment.replace(fold=value.fold))


def _not_a_moment(value: object) -> UsageError:
    return UsageError(f"not a moment: {value!r}; write 2026-11-01T12:00, in UTC")


def _not_a_date(value: object) -> UsageError:
    return UsageError(f"not a date: {value!r}; write it like 2019-06-28")
