"""Two rules by which the requests of a minute can be counted. Pure.

The vendor documents "per minute" only; no recording shows which rule applies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

MINUTE = timedelta(seconds=60)
_NOTHING = timedelta()


class Window(Protocol):
    """A count of the requests of a minute; the clock may be set back."""

    def held(self, now: datetime) -> int:
        """How many requests count at this moment."""

    def add(self, now: datetime, requests: int) -> None:
        """Count requests of this moment."""

    def opens_at(self, now: datetime, limit: int) -> datetime:
        """When a full window counts fewer than `limit` requests, if none is added."""


class FixedWindow:
    """Minutes that begin with the first request after the last one's end."""

    def __init__(self) -> None:
        self._start: datetime | None = None
        self._count = 0

    def held(self, now: datetime) -> int:
        """All requests of the running minute."""
        is_running = self._start is not None and _NOTHING <= now - self._start < MINUTE
        return self._count if is_running else 0

    def add(self, now: datetime, requests: int) -> None:
        """Begin a minute if none is running."""
        held = self.held(now)
        if not held:
            self._start = now
        self._count = held + requests

    def opens_at(self, now: datetime, limit: int) -> datetime:  # noqa: ARG002 - as the other rule
        """The end of the running minute."""
        return (self._start or now) + MINUTE


class SlidingWindow:
    """The sixty seconds before each moment: the stricter rule."""

    def __init__(self) -> None:
        self._taken: deque[tuple[datetime, int]] = deque()
        self._count = 0

    def held(self, now: datetime) -> int:
        """All requests younger than a minute."""
        while self._taken and not _NOTHING <= now - self._taken[0][0] < MINUTE:
            self._count -= self._taken.popleft()[1]
        return self._count

    def add(self, now: datetime, requests: int) -> None:
        """Each request counts for a minute."""
        self._taken.append((now, requests))
        self._count += requests

    def opens_at(self, now: datetime, limit: int) -> datetime:
        """When enough of the oldest have expired."""
        beyond = self._count - limit + 1
        for moment, requests in self._taken:
            beyond -= requests
            if beyond <= 0:
                return moment + MINUTE
        return now + MINUTE


WINDOWS: dict[str, Callable[[], Window]] = {"fixed": FixedWindow, "sliding": SlidingWindow}
