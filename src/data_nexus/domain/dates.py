"""Owns the reading of a moment or a day as a person writes it. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime

from data_nexus.errors import UsageError


def parse_moment(text: str) -> datetime:
    """Return the moment that an ISO 8601 text means: `2026-11-01T12:00`, `2026-11-01`.

    UTC without a zone; a date alone is its first instant. Raises `UsageError` for another text.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no moment; write 2026-11-01T12:00, in UTC") from None
    return aware(moment)


def aware(moment: datetime) -> datetime:
    """Return the moment in UTC; one without a zone is taken as such."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def given_day(value: str | date | None) -> date | None:
    """Return the date that an ISO 8601 text means; raise `UsageError` for another text."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise UsageError(f"{value!r} is no date; write it like 2019-06-28") from None
