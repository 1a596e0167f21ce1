"""Follow the database's clock: read with each change of the ledger, carried on in between."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(slots=True)
class DatabaseClock:
    """The database's clock as a worker knows it, whatever the worker's own says.

    `offset_sec` is what it was ahead of the worker's monotonic clock when it was last read.
    """

    offset_sec: float

    def note(self, moment: datetime) -> None:
        """Note the moment that the database has just named."""
        self.offset_sec = moment.timestamp() - time.monotonic()

    def now(self) -> datetime:
        """Return the moment by the database's clock."""
        return datetime.fromtimestamp(time.monotonic() + self.offset_sec, UTC)


def clock_at(moment: datetime) -> DatabaseClock:
    """Return the clock of a database that has just named this moment."""
    return DatabaseClock(moment.timestamp() - time.monotonic())
