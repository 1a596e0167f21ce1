"""Simulate another user of the same key, whose requests the engine does not see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from data_nexus.sandbox.account.limits import Limits

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
# Sums of fractions of requests that are below a whole one only by rounding.
_ROUNDING = 1e-9


@dataclass(slots=True)
class OtherSpender:
    """Spends at once, or `per_minute` requests of `calls_each` steadily on the vendor's clock.

    It has no task: what it would have spent in the meantime is counted by `catch_up`, before the
    counters are read. `requests` were answered and `calls` charged; `refused` got 429 or 402, and
    are not retried.
    """

    limits: Limits
    per_minute: float = 0.0
    calls_each: int = 1
    requests: int = 0
    calls: int = 0
    refused: int = 0
    _until: datetime = field(init=False)
    _share: float = 0.0

    def __post_init__(self) -> None:
        self._until = self.limits.clock.now()

    def spend(self, requests: int, calls: int) -> None:
        """Take requests from the minute and calls from the day, as many as there are."""
        taken = self.limits.take_requests(requests)
        paid = min(calls, self.limits.left())
        self.limits.charge(paid)
        self._add(taken, paid, requests - taken)

    def catch_up(self) -> None:
        """Spend what has come due since the last call."""
        for moment, due in self._due(self.limits.clock.now()):
            taken = self.limits.take_requests(due, moment)
            answered = taken
            if self.calls_each:
                answered = min(taken, self.limits.left(moment) // self.calls_each)
            self.limits.charge(answered * self.calls_each, moment)
            self._add(answered, answered * self.calls_each, due - answered)

    def _due(self, now: datetime) -> Iterator[tuple[datetime, int]]:
        """Requests that came due, by second; after a jump of the clock those of the last day."""
        if not self.per_minute:
            self._until = now
        # After the clock was set back, continue from there.
        self._until = min(max(self._until, now - _DAY), now)
        while self._until < now:
            then = min(self._until + _SECOND, now)
            self._share += self.per_minute * (then - self._until).total_seconds() / 60
            self._until = then
            whole = int(self._share + _ROUNDING)
            self._share -= whole
            if whole:
                yield then, whole

    def _add(self, requests: int, calls: int, refused: int) -> None:
        self.requests += requests
        self.calls += calls
        self.refused += refused
