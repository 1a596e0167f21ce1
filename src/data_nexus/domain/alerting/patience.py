"""Read how long what may last before it is an alert, and by which hour all is fresh. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from data_nexus.domain.alerting.conditions import Condition
from data_nexus.errors import UsageError

# What mends itself within that time is no news.
PATIENCE: Mapping[Condition, timedelta] = {
    Condition.DOWN: timedelta(minutes=10),
    Condition.JOB_FAILED: timedelta(minutes=10),
    Condition.LATE: timedelta(hours=6),
}
_NONE = timedelta()
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"(\d{1,6})([smhd])")
_HOUR = re.compile(r"(\d{2}):(\d{2})(?: +(\S+))?")


def parse_duration(text: str) -> timedelta:
    """Return `2h` as a duration; raise `UsageError` for what is none."""
    if text == "0":
        return _NONE
    found = _DURATION.fullmatch(text)
    if not found:
        raise UsageError(f"not a duration: {text!r}; it is like 90s, 15m, 2h or 3d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def parse_condition(text: str) -> Condition:
    """Return a condition by its name; raise `UsageError` that names all."""
    try:
        return Condition(text)
    except ValueError:
        raise UsageError(f"no condition {text!r}; there are {', '.join(Condition)}") from None


def parse_patience(text: str) -> dict[Condition, timedelta]:
    """Return the patience with each condition: `text` is like `down 5m, late 2h`, or empty."""
    found = {each: PATIENCE.get(each, _NONE) for each in Condition}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, duration = part.partition(" ")
        found[parse_condition(name)] = parse_duration(duration.strip())
    return found


def last_hour(text: str, now: datetime) -> datetime | None:
    """Return when it was last the hour that `text` names (`12:00`, `08:30 Europe/Berlin`).

    None for `off`. Raises `UsageError` for what is no hour.
    """
    if text == "off":
        return None
    found = _HOUR.fullmatch(text.strip())
    try:
        hour, zone = found and time(int(found[1]), int(found[2])), ZoneInfo(_zone(found))
    except (ValueError, OSError, LookupError):
        hour, zone = None, ZoneInfo("UTC")
    if hour is None:
        raise UsageError(
            f"not an hour: {text!r}; it is like '12:00' (UTC) or '08:30 Europe/Berlin', or off"
        )
    today = now.astimezone(zone).date()
    hours = (datetime.combine(today - timedelta(days=n), hour, zone) for n in range(2))
    return next(each for each in hours if each.timestamp() <= now.timestamp())


def _zone(found: re.Match[str] | None) -> str:
    return (found and found[3]) or "UTC"
