"""The vendor's clock, which runs at the real pace from the moment it is set to."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta


class Clock:
    """A clock that can be set; without a start it shows the real time (UTC)."""

    def __init__(self, start: datetime | None = None) -> None:
        self._offset = timedelta()
        if start is not None:
            self.set(start)

    def now(self) -> datetime:
        """The vendor's moment, aware, in UTC."""
        return datetime.now(UTC) + self._offset

    def today(self) -> date:
        """The vendor's date; its day changes at midnight GMT (vendor documentation)."""
        return self.now().date()

    def set(self, moment: datetime) -> None:
        """Continue from `moment`; one without a zone is taken as UTC."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        self._offset = aware - datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        """Jump ahead, or with a negative number back."""
        self._offset += timedelta(seconds=seconds)


def real_seconds() -> tuple[float, float]:
    """The machine's own time: seconds since 1970, and monotonic seconds."""
    return time.time(), time.monotonic()
