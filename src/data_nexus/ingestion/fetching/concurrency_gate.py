"""Bound the requests in flight: fewer after timeouts or a rate limit, more while all goes well."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from data_nexus.domain.limits.concurrency import (
    ConcurrencyLimit,
    decreased,
    increased,
    restored,
    timed_out,
)
from data_nexus.errors import AnswerTimedOut, RateLimited

# Failures within this time belong together: they decrease the limit once.
_ROUND_SEC = 1.0
_FIRST_REQUESTS = 4


@dataclass(slots=True)
class ConcurrencyGate:
    """Lets as many requests pass at once as its limit allows, and adapts the limit."""

    limit: ConcurrencyLimit
    in_flight: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Hold one place among the requests in flight; wait for it first."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.in_flight < self.limit.requests)
            self.in_flight += 1
        try:
            yield
        except RateLimited:
            self.limit = decreased(self.limit, time.monotonic(), _ROUND_SEC)
            raise
        except AnswerTimedOut:
            self.limit = timed_out(self.limit, time.monotonic(), _ROUND_SEC)
            raise
        else:
            self.limit = increased(self.limit)
        finally:
            async with self._changed:
                self.in_flight -= 1
                self._changed.notify_all()

    def restore(self) -> None:
        """Allow again what was allowed before an outage; the answer that ends it lets all see."""
        self.limit = restored(self.limit)


def concurrency_gate(concurrency: int) -> ConcurrencyGate:
    """Return the gate that a run starts with: narrow at first, up to `concurrency` requests."""
    limit = ConcurrencyLimit(concurrency)
    return ConcurrencyGate(replace(limit, allowed=float(min(concurrency, _FIRST_REQUESTS))))
