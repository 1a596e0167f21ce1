"""Owns the vendor's own counting: the requests of the minute and the calls of the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from data_nexus.sandbox.clock import Clock

MINUTE_SEC = 60


@dataclass(slots=True)
class Limits:
    """Counters on the vendor's clock; `extra` calls are drawn on silently after the daily ones.

    The daily counter is lazy: `used` and `used_on` show the last day with a call until the next
    call (vendor documentation).
    """

    clock: Clock
    minute: int = 1000
    daily: int = 100_000
    extra: int = 0
    used: int = 0
    used_on: date | None = None
    _window_start: datetime | None = None
    _window_count: int = 0

    def __post_init__(self) -> None:
        self.used_on = self.used_on or self.clock.today()

    def take_request(self) -> bool:
        """Count one request in the minute's window; False when the window is full."""
        now = self.clock.now()
        start = self._window_start
        if start is None or not 0 <= (now - start).total_seconds() < MINUTE_SEC:
            self._window_start, self._window_count = now, 0
        if self._window_count >= self.minute:
            return False
        self._window_count += 1
        return True

    @property
    def remaining(self) -> int:
        """How many requests the minute's window still takes."""
        return max(0, self.minute - self._window_count)

    @property
    def retry_after_sec(self) -> int:
        """Whole seconds until the minute's window is over."""
        if self._window_start is None:
            return 0
        passed = (self.clock.now() - self._window_start).total_seconds()
        return max(1, round(MINUTE_SEC - passed))

    def affords(self, calls: int) -> bool:
        """Whether a request of that price is still answered: the daily calls, then the extra."""
        used = self.used if self.used_on == self.clock.today() else 0
        return calls == 0 or self.daily - used + self.extra >= calls

    def charge(self, calls: int) -> None:
        """Count calls, beginning a new day if it is one; only what is free begins none."""
        if not calls:
            return
        if self.used_on != self.clock.today():
            self.used, self.used_on = 0, self.clock.today()
        from_extra = min(self.extra, max(0, self.used + calls - self.daily))
        self.extra -= from_extra
        self.used += calls - from_extra

    def set(self, **changes: int) -> None:
        """Change `minute` (a new window begins), `daily`, `extra` or `used` (counts for today)."""
        for name, value in changes.items():
            setattr(self, name, value)
        if "minute" in changes:
            self._window_start = None
        if "used" in changes:
            self.used_on = self.clock.today()
