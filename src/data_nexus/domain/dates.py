"""Parse moments and dates as a person writes them. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime

from data_nexus.errors import UsageError


def parse_moment(text: str) -> datetime:
    """Parse a moment in ISO 8601: `2026-11-01T12:00`, `2026-11-01`.

    UTC without a zone; a date alone is its first instant. Raises `UsageError` for other text.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"not a moment: {text!r}; write 2026-11-01T12:00, in UTC") from None
    return aware(moment)


def aware(moment: datetime) -> datetime:
    """Return the moment in UTC; one without a zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def given_day(value: str | date | None) -> date | None:
    """Parse a date in ISO 8601; raise `UsageError` for other text."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise UsageError(f"not a date: {value!r}; write it like 2019-06-28") from None
