"""Owns a worker's side of the ledger: each request waits for a slot that has been paid for.

Slots are reserved a fraction of a second at a time, so that the ledger's row is not touched for
each request; what is left at the end is given back. If the ledger cannot be reached, nothing is
sent.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from data_nexus.database.ledger_store import LedgerStore
from data_nexus.domain.quota import (
    Granted,
    Quota,
    Spent,
    heard_minute,
    heard_spent,
    heard_user,
    paused,
    refund,
    reserve,
    step,
)
from data_nexus.errors import QuotaSpent
from data_nexus.events import Observer, Waiting

_BLOCK = timedelta(milliseconds=250)
_MOST_SLOTS = 20
_WORTH_TELLING_SEC = 2.0


@dataclass(frozen=True, slots=True)
class Slot:
    """A paid right to send one request: not before `at` (monotonic seconds), charged to `day`."""

    at: float
    day: date
    calls: int


@dataclass(slots=True)
class Ledger:
    """Hands out slots to a worker's requests, and learns the limits from the vendor's answers.

    `keep_share` of the day's limit is left to others. With `waits` a spent quota is waited for,
    without it `admit` raises `QuotaSpent`.
    """

    store: LedgerStore
    observe: Observer
    keep_share: float = 0.0
    waits: bool = False
    minute_limit: int = 0
    _ready: deque[Slot] = field(default_factory=deque)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _closed_until: float = 0.0

    async def admit(self, calls: int) -> Slot:
        """Wait for the right to send a request of so many calls, and return it."""
        slot = await self._take(calls)
        await self._sleep_until(max(slot.at, self._closed_until), "the minute window")
        return slot

    async def refund(self, slot: Slot) -> None:
        """Give back a slot whose request was certainly never sent."""
        await self.store.change(lambda quota, _: (refund(quota, slot.calls, slot.day), None))

    async def close(self) -> None:
        """Give back the slots that nobody used."""
        while self._ready:
            await self.refund(self._ready.popleft())

    async def heard_minute(self, limit: int, remaining: int) -> None:
        """Learn from an answer's headers what the minute allows."""
        if limit == self.minute_limit and remaining > 0:
            return
        await self.store.change(lambda q, moment: (heard_minute(q, limit, remaining, moment), None))
        self.minute_limit = limit

    async def heard_user(self, spent: int, counted_on: date | None, limit: int, extra: int) -> None:
        """Learn from the vendor's own count what the day allows."""
        await self.store.change(
            lambda quota, _: (heard_user(quota, spent, counted_on, limit, extra), None), told=True
        )

    async def heard_spent(self) -> None:
        """Believe a 402: nothing is left of the day."""
        async with self._lock:
            self._ready.clear()
            await self.store.change(lambda quota, _: (heard_spent(quota), None))

    async def pause(self, seconds: float, reason: str) -> None:
        """Let nobody send anything for so long: the vendor asked for it."""
        until = time.monotonic() + seconds
        if until <= self._closed_until:
            return
        self._closed_until = until
        self.observe(Waiting(reason, seconds))
        await self.store.change(
            lambda quota, moment: (paused(quota, moment + timedelta(seconds=seconds)), None)
        )

    async def _take(self, calls: int) -> Slot:
        async with self._lock:
            while not self._ready or self._ready[0].calls != calls:
                await self.close()
                await self._reserve(calls)
            return self._ready.popleft()

    async def _reserve(self, calls: int) -> None:
        def decide(quota: Quota, moment: datetime) -> tuple[Quota, Granted | Spent]:
            most = min(_MOST_SLOTS, math.ceil(_BLOCK / step(quota.minute_limit)))
            found = reserve(quota, calls, moment, most=most, keep_share=self.keep_share)
            return found.quota, found

        found, moment = await self.store.change(decide)
        offset = time.monotonic() - moment.timestamp()
        if isinstance(found, Granted):
            self.minute_limit = found.quota.minute_limit
            self._ready.extend(
                Slot(slot.timestamp() + offset, slot.date(), calls) for slot in found.slots
            )
            return
        if not self.waits:
            at = f"{found.resets_at:%Y-%m-%d %H:%M} UTC"
            raise QuotaSpent(
                f"the day's calls are used up; they are renewed at {at}", found.resets_at
            )
        await self._sleep_until(found.resets_at.timestamp() + offset, "the daily quota")

    async def _sleep_until(self, moment: float, reason: str) -> None:
        wait = moment - time.monotonic()
        if wait <= 0:
            return
        if wait > _WORTH_TELLING_SEC:
            self.observe(Waiting(reason, wait))
        await asyncio.sleep(wait)
