"""Reserve slots for a worker's requests: each is paid for before it is used.

Slots are reserved a few at a time, as many as were used in time before, so that the ledger's row
is not touched for each request; what is not used is given back. If the ledger cannot be reached,
nothing is sent.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from data_nexus.domain.limits.quota import (
    Granted,
    Quota,
    Spent,
    exhausted,
    refund,
    reserve,
    step,
)
from data_nexus.errors import QuotaSpent, StorageUnavailable
from data_nexus.ingestion.fetching.ledger_row import LedgerRow

_BLOCK = timedelta(milliseconds=250)
_MOST_SLOTS = 20
# A slot that is used later than this would make the minute fuller than it was planned: the spare
# of `domain.limits.quota.step` covers that.
_LATEST_SEC = 0.3


@dataclass(frozen=True, slots=True)
class Slot:
    """A paid right to send one request: not before `at` (monotonic seconds), charged to `day`.

    It was planned under `minute_limit`.
    """

    at: float
    day: date
    calls: int
    minute_limit: int = 0

    @property
    def is_stale(self) -> bool:
        """Whether it is too late to use it."""
        return time.monotonic() > self.at + _LATEST_SEC


@dataclass(slots=True)
class SlotReserve:
    """The slots that a worker has reserved and not used yet.

    `keep_share` and `audit_share` are those of the `Ledger`; `minute_limit` and `left` (calls of
    the day, None while unknown) are as last seen.
    """

    row: LedgerRow
    keep_share: float = 0.0
    audit_share: float | None = None
    minute_limit: int = 0
    left: int | None = None
    _ready: deque[Slot] = field(default_factory=deque)
    _most: int = 1
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def take(self, calls: int) -> Slot:
        """Return the next slot for a request of so many calls.

        Raises `QuotaSpent` when the day has no calls left.
        """
        async with self._lock:
            while not self._ready or self._ready[0].calls != calls or self._ready[0].is_stale:
                await self._see_through(self._renew(calls))
            return self._ready.popleft()

    def put_back(self, slot: Slot) -> None:
        """Keep a slot for the next request: the one that waited for it was cancelled."""
        self._ready.appendleft(slot)

    async def refund(self, *slots: Slot) -> None:
        """Give back slots whose requests were certainly never sent."""
        if slots:
            await self._see_through(self._give_back(slots))

    async def close(self) -> None:
        """Give back the unused slots, and those being reserved; more may be taken afterwards."""
        while self._open:
            await asyncio.wait(self._open)
        await self._empty()

    async def note_exhausted(self) -> None:
        """Believe a 402: nothing is left of the day, and what is reserved is void."""
        async with self._lock:
            await self.row.change(lambda quota, _: (exhausted(quota), None))
            await self._empty()

    async def _renew(self, calls: int) -> None:
        """Give unused slots back before new ones are reserved, and ask for fewer if some were."""
        self._most = max(1, self._most // 2) if self._ready else min(_MOST_SLOTS, 2 * self._most)
        await self._empty()
        await self._reserve(calls)

    async def _empty(self) -> None:
        unused, self._ready = self._ready, deque()
        if unused:
            await self._give_back(tuple(unused))

    async def _give_back(self, slots: tuple[Slot, ...]) -> None:
        is_audit = self.audit_share is not None

        def give_back(quota: Quota, _: datetime) -> tuple[Quota, None]:
            for slot in slots:
                quota = refund(quota, slot.calls, slot.day, is_audit=is_audit)
            return quota, None

        try:
            await self.row.change(give_back, once=True)
        except StorageUnavailable as error:
            # It may have been done, and twice would be too much: the calls count as spent.
            if not error.passes:
                raise

    async def _see_through(self, change: Coroutine[Any, Any, None]) -> None:
        """Let a change of the ledger come to its end, even if who waits for it is cancelled.

        A transaction that was cut may have been done: its charge would belong to no request.
        """
        task = asyncio.ensure_future(change)
        self._open.add(task)
        task.add_done_callback(self._closed)
        await asyncio.shield(task)

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        if not task.cancelled():
            task.exception()  # who waited for it has heard of it, or is gone

    async def _reserve(self, calls: int) -> None:
        def decide(quota: Quota, moment: datetime) -> tuple[Quota, Granted | Spent]:
            most = min(self._most, math.ceil(_BLOCK / step(quota.minute_limit)))
            # What a killed worker has reserved is lost for the day: of the dear ones, one at most.
            most = max(1, most // max(calls, 1))
            found = reserve(
                quota,
                calls,
                moment,
                most=most,
                keep_share=self.keep_share,
                audit_share=self.audit_share,
            )
            return found.quota, found

        found, moment = await self.row.change(decide)
        self.minute_limit, self.left = found.quota.minute_limit, found.quota.left
        if isinstance(found, Spent):
            raise spent_error("the day's calls are used up", found, moment)
        offset = time.monotonic() - moment.timestamp()
        self._ready.extend(
            Slot(slot.timestamp() + offset, slot.date(), calls, self.minute_limit)
            for slot in found.slots
        )


def spent_error(what: str, found: Spent, moment: datetime) -> QuotaSpent:
    """Return the error of a day whose calls are spent, as found at a moment."""
    at = f"{found.resets_at:%Y-%m-%d %H:%M} UTC"
    return QuotaSpent(
        f"{what}; they are renewed at {at}",
        found.resets_at,
        (found.resets_at - moment).total_seconds(),
    )
