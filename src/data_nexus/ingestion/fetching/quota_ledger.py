"""Reserve slots of the quota for a worker's requests: each waits for one that is paid for.

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

from data_nexus.database.store.quota import Decide, QuotaLedger, Result
from data_nexus.domain.limits.quota import (
    Granted,
    Quota,
    Spent,
    believed,
    exhausted,
    has_begun,
    is_plausible,
    on_day,
    paused,
    refund,
    reserve,
    step,
    with_account,
    with_minute_limit,
)
from data_nexus.errors import QuotaSpent, StorageUnavailable
from data_nexus.events import QUOTA_LEDGER, Observer, Waiting, Warned

_BLOCK = timedelta(milliseconds=250)
_MOST_SLOTS = 20
# A slot that is used later than this would make the minute fuller than it was planned: the spare
# of `domain.limits.quota.step` covers that.
_LATEST_SEC = 0.3
_WORTH_REPORTING_SEC = 5.0


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
class Ledger:
    """Hands out slots to a worker's requests, and learns the limits from the vendor's answers.

    `keep_share` of the day's limit is left to others. With `audit_share` all that it hands out is
    for the audit, which may take that share of the day's limit. `minute_limit` and `left` (calls of
    the day, None while unknown) are as last seen. `is_doubtful`: what the ledger remembered was not
    believed, and the vendor has not been asked for its own count since.
    """

    store: QuotaLedger
    observe: Observer
    keep_share: float = 0.0
    audit_share: float | None = None
    minute_limit: int = 0
    left: int | None = None
    is_doubtful: bool = False
    _ready: deque[Slot] = field(default_factory=deque)
    _most: int = 1
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _closed_until: float = 0.0
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    # How often slots that were handed out and not used yet have become void.
    _recalls: int = 0
    _has_warned: bool = False

    async def admit(self, calls: int) -> Slot:
        """Wait for the right to send a request that costs `calls`, and return it.

        Raises `QuotaSpent` when the day has no calls left.
        """
        while True:
            recalls = self._recalls
            slot = await self._take(calls)
            try:
                await self._sleep_until(slot.at)
            except asyncio.CancelledError:
                self._ready.appendleft(slot)
                raise
            if not slot.is_stale and recalls == self._recalls:
                return slot
            await self.refund(slot)

    async def calls_a_day(self) -> int | None:
        """Return the calls of a whole day, extra ones included; None if they are not known."""
        return (await self._change(lambda quota, _: (quota, quota.calls_a_day)))[0]

    async def require(self, calls: int) -> None:
        """Raise `QuotaSpent` unless the day still holds `calls`; nothing is reserved."""

        def decide(quota: Quota, moment: datetime) -> tuple[Quota, Granted | Spent]:
            return quota, reserve(quota, calls, moment, keep_share=self.keep_share)

        found, moment = await self._change(decide)
        if isinstance(found, Spent):
            raise _spent(f"the day does not hold {calls:,} calls any more", found, moment)

    async def refund(self, *slots: Slot) -> None:
        """Give back slots whose requests were certainly never sent."""
        if slots:
            await self._see_through(self._give_back(slots))

    async def close(self) -> None:
        """Give back the unused slots, and those being reserved; more may be taken afterwards."""
        while self._open:
            await asyncio.wait(self._open)
        await self._empty()

    async def known(self) -> Quota:
        """Return the quota as all workers know it now."""
        return (await self._change(lambda q, moment: (q, on_day(q, moment.date()))))[0]

    async def note_minute_limit(self, limit: int, remaining: int, planned_under: int = 0) -> None:
        """Learn from an answer's headers what the minute allows.

        `planned_under` is the limit under which the request got its slot.
        """
        if limit == self.minute_limit and remaining > 0 and planned_under <= limit:
            return

        def decide(quota: Quota, moment: datetime) -> tuple[Quota, None]:
            changed = with_minute_limit(
                quota, limit, remaining, moment, reserved_under=planned_under
            )
            return changed, None

        await self._change(decide)
        self.minute_limit = limit

    async def note_account(
        self, spent: int, counted_on: date | None, limit: int, extra: int
    ) -> None:
        """Learn from the vendor's own count what the day allows.

        Nothing is learned from one of a day to come. A count that is far beyond what the account
        has is not believed, its limits are. Either is said once.
        """
        now = self.store.clock.now()
        if counted_on is not None and not has_begun(counted_on, now):
            self._warn(
                f"the vendor's count is dated {counted_on}, the database's clock says"
                f" {now:%Y-%m-%d %H:%M} UTC: the count is ignored"
            )
            return

        def decide(quota: Quota, _: datetime) -> tuple[Quota, bool]:
            found = with_account(quota, spent, counted_on, limit, extra)
            return found, is_plausible(quota, spent, limit, extra)

        is_believed, _ = await self._change(decide, reported=True)
        self.is_doubtful = False
        if not is_believed:
            self._warn(
                f"the vendor counts {spent:,} calls of a day that has {limit:,} and {extra:,}"
                " extra ones: the count is ignored, ours goes on"
            )

    def _warn(self, text: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            self.observe(Warned("user", text))

    async def note_exhausted(self) -> None:
        """Believe a 402: nothing is left of the day."""
        self._recalls += 1
        async with self._lock:
            await self._change(lambda quota, _: (exhausted(quota), None))
            await self._empty()

    async def pause(self, seconds: float) -> None:
        """Send nothing for `seconds`, on any worker: the vendor asked for it."""
        until = time.monotonic() + seconds
        if until <= self._closed_until:
            return
        self._closed_until = until
        self.observe(Waiting("the vendor's minute limit", seconds))
        await self._change(
            lambda quota, moment: (paused(quota, moment + timedelta(seconds=seconds)), None)
        )

    async def _change(
        self, decide: Decide[Result], *, reported: bool = False, once: bool = False
    ) -> tuple[Result, datetime]:
        """Change the ledger's row, without what it cannot rightly remember."""
        is_believed = True

        def decide_soberly(quota: Quota, moment: datetime) -> tuple[Quota, Result]:
            nonlocal is_believed
            credible = believed(quota, moment)
            is_believed = credible == quota
            return decide(credible, moment)

        found = await self.store.change(decide_soberly, reported=reported, once=once)
        if not is_believed:
            self.is_doubtful = True
            text = "it remembers a day or a slot too far ahead: a clock was wrong; taken back"
            self.observe(Warned(QUOTA_LEDGER, text))
        return found

    async def _take(self, calls: int) -> Slot:
        async with self._lock:
            while not self._ready or self._ready[0].calls != calls or self._ready[0].is_stale:
                await self._see_through(self._renew(calls))
            return self._ready.popleft()

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
            await self._change(give_back, once=True)
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

        found, moment = await self._change(decide)
        self.minute_limit, self.left = found.quota.minute_limit, found.quota.left
        if isinstance(found, Spent):
            raise _spent("the day's calls are used up", found, moment)
        offset = time.monotonic() - moment.timestamp()
        self._ready.extend(
            Slot(slot.timestamp() + offset, slot.date(), calls, self.minute_limit)
            for slot in found.slots
        )

    async def _sleep_until(self, moment: float) -> None:
        """Sleep until the moment, and through any pause that was heard of meanwhile."""
        while (wait := max(moment, self._closed_until) - time.monotonic()) > 0:
            if wait > _WORTH_REPORTING_SEC:
                self.observe(Waiting("the minute window", wait))
            await asyncio.sleep(wait)


def _spent(what: str, found: Spent, moment: datetime) -> QuotaSpent:
    at = f"{found.resets_at:%Y-%m-%d %H:%M} UTC"
    return QuotaSpent(
        f"{what}; they are renewed at {at}",
        found.resets_at,
        (found.resets_at - moment).total_seconds(),
    )
