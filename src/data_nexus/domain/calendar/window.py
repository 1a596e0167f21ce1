"""`Window`, the range of dates of a request and of its answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

EARLIEST = date(1700, 1, 1)
_FARTHEST_ZONE = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Window:
    """Dates from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def is_whole(self) -> bool:
        """Whether the window begins before any exchange existed: a request for all history."""
        return self.first <= EARLIEST


def latest_date(moment: datetime) -> date:
    """Return the latest date that it is anywhere on Earth at `moment` (aware).

    A session in Auckland may have tomorrow's date by UTC: that is not a bar from the future.
    """
    return (moment.astimezone(UTC) + _FARTHEST_ZONE).date()


def whole_window(moment: datetime) -> Window:
    """Return the window of all history."""
    return Window(EARLIEST, latest_date(moment))


def window_to_ask(last_bar: date | None, reread_days: int, moment: datetime) -> Window:
    """Return the window to request: all history first, then from `reread_days` before the last bar.

    Not before the cursor: that may be far ahead of the last bar of an asset that seldom trades,
    and nothing would be left to compare.
    """
    if last_bar is None:
        return whole_window(moment)
    last = latest_date(moment)
    return Window(min(last_bar - timedelta(days=reread_days), last), last)
