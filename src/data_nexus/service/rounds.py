"""Note that a loop goes round, so that others can see whether it has stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Rounds:
    """When a loop last went round; `clock` gives seconds."""

    clock: Callable[[], float] = time.monotonic
    _last: float | None = None

    def note(self) -> None:
        """Note that a round begins."""
        self._last = self.clock()

    @property
    def age_sec(self) -> float | None:
        """The seconds since the last round began; None before the first."""
        return None if self._last is None else self.clock() - self._last
