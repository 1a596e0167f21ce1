"""Keep a run within the day's calls: poll the vendor's count, and wait for the next day."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from data_nexus.errors import QuotaSpent
from data_nexus.events import Observer, Waiting
from data_nexus.ingestion.fetching.quota_ledger import Ledger
from data_nexus.ingestion.fetching.usage import UsagePoll

# How often a spent day is checked again: calls may have been bought, or a refusal been wrong.
_CHECK_AGAIN_SEC = 900.0


@dataclass(slots=True)
class DailyQuota:
    """The day's calls of a run. `waits`: a spent day is waited out instead of ending the run."""

    ledger: Ledger
    usage: UsagePoll
    observe: Observer
    waits: bool = False
    _waiting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waited_at: float = 0.0

    @contextmanager
    def not_waiting(self) -> Iterator[None]:
        """Let a spent day end what is done meanwhile, also in a run that waits."""
        before, self.waits = self.waits, False
        try:
            yield
        finally:
            self.waits = before

    async def require(self, calls: int) -> None:
        """Return once the day holds this many calls; raise `QuotaSpent` if the run does not wait.

        Nothing is reserved: it is for work that had better not begin than stop half-way.
        """
        while True:
            begun = time.monotonic()
            await self.usage.keep()
            try:
                return await self.ledger.require(calls)
            except QuotaSpent as spent:
                await self.wait(spent, begun)

    async def calls_a_day(self) -> int | None:
        """Return how many calls a whole day has, extra ones included; None if that is unknown."""
        await self.usage.keep()
        return await self.ledger.calls_a_day()

    async def wait(self, spent: QuotaSpent, begun: float) -> None:
        """Note a 402; wait out a spent day, all requests together, if the run waits.

        `begun` (monotonic) is when the refused request began: one that began before the last wait
        need not wait again. Raises `spent` if the run does not wait.
        """
        if spent.resets_at is None:
            # The next admission says when there will be calls again.
            await self.ledger.note_exhausted()
            return
        if not self.waits:
            raise spent
        async with self._waiting:
            if begun < self._waited_at:
                return
            self.observe(Waiting("the daily quota", spent.resets_in_sec))
            await asyncio.sleep(min(spent.resets_in_sec, _CHECK_AGAIN_SEC))
            self.usage.forget()
            self._waited_at = time.monotonic()
