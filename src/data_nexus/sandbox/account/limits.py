"""Count as the vendor does: the requests of the minute and the calls of the day."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime

from data_nexus.sandbox.account.windows import FixedWindow, Window
from data_nexus.sandbox.clock import Clock


@dataclass(slots=True)
class Limits:
    """Counters on the vendor's clock; `extra` calls are used silently after the daily ones.

    The daily counter is lazy: `used` (of the daily calls), `extra_used` and `used_on` show the
    last day with a call until the next call (vendor documentation). A changed limit leaves
    the counts.
    """

    clock: Clock
    minute: int = 1000
    daily: int = 100_000
    extra: int = 0
    used: int = 0
    extra_used: int = 0
    used_on: date | None = None
    window: Window = field(default_factory=FixedWindow)

    def __post_init__(self) -> None:
        self.used_on = self.used_on or self.clock.today()

    def take_requests(self, wanted: int = 1, at: datetime | None = None) -> int:
        """Count up to `wanted` requests in the minute's window; return how many it took."""
        now = at or self.clock.now()
        taken = max(0, min(wanted, self.minute - self.window.held(now)))
        if taken:
            self.window.add(now, taken)
        return taken

    @property
    def remaining(self) -> int:
        """How many requests the minute's window has left."""
        return max(0, self.minute - self.window.held(self.clock.now()))

    @property
    def retry_after_sec(self) -> int:
        """Whole seconds until a full window has room again."""
        now = self.clock.now()
        return max(1, math.ceil((self.window.opens_at(now, self.minute) - now).total_seconds()))

    def left(self, at: datetime | None = None) -> int:
        """Calls left on the day: the daily ones and the extra ones."""
        return self._left_of_day(self._day(at)) + self.extra

    def charge(self, calls: int, at: datetime | None = None) -> None:
        """Count calls, on a new day if the date changed; a free request starts none."""
        if not calls:
            return
        day = self._day(at)
        from_day = min(calls, self._left_of_day(day))
        from_extra = min(self.extra, calls - from_day)
        if self.used_on != day:
            self.used, self.extra_used, self.used_on = 0, 0, day
        self.extra -= from_extra
        self.extra_used += from_extra
        self.used += calls - from_extra

    def _left_of_day(self, day: date) -> int:
        return max(0, self.daily - (self.used if self.used_on == day else 0))

    def _day(self, at: datetime | None) -> date:
        return at.date() if at else self.clock.today()
