"""Let each request of a worker wait for its slot; learn the limits from the vendor's answers."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from data_nexus.database.store.quota import QuotaLedger
from data_nexus.domain.limits.quota import (
    Granted,
    Quota,
    Spent,
    has_begun,
    is_plausible,
    on_day,
    paused,
    reserve,
    with_account,
    with_minute_limit,
)
from data_nexus.events import Observer, Waiting, Warned
from data_nexus.ingestion.fetching.ledger_row import LedgerRow
from data_nexus.ingestion.fetching.slots import Slot, SlotReserve, spent_error

_WORTH_REPORTING_SEC = 5.0


@dataclass(slots=True)
class Ledger:
    """Hands out slots to a worker's requests, and learns the limits from the vendor's answers.

    `keep_share` of the day's limit is left to others. With `audit_share` all that it hands out is
    for the audit, which may take that share of the day's limit. `row` is the quota that it shares.
    """

    store: QuotaLedger
    observe: Observer
    keep_share: float = 0.0
    audit_share: float | None = None
    row: LedgerRow = field(init=False)
    _slots: SlotReserve = field(init=False)
    _closed_until: float = 0.0
    # How often slots that were handed out and not used yet have become void.
    _recalls: int = 0
    _has_warned: bool = False

    def __post_init__(self) -> None:
        self.row = LedgerRow(self.store, self.observe)
        self._slots = SlotReserve(self.row, self.keep_share, self.audit_share)

    @property
    def left(self) -> int | None:
        """The calls of the day that were left when last seen; None while unknown."""
        return self._slots.left

    async def admit(self, calls: int) -> Slot:
        """Wait for the right to send a request that costs `calls`, and return it.

        Raises `QuotaSpent` when the day has no calls left.
        """
        while True:
            recalls = self._recalls
            slot = await self._slots.take(calls)
            try:
                await self._sleep_until(slot.at)
            except asyncio.CancelledError:
                self._slots.put_back(slot)
                raise
            if not slot.is_stale and recalls == self._recalls:
                return slot
            await self.refund(slot)

    async def calls_a_day(self) -> int | None:
        """Return the calls of a whole day, extra ones included; None if they are not known."""
        return (await self.row.change(lambda quota, _: (quota, quota.calls_a_day)))[0]

    async def require(self, calls: int) -> None:
        """Raise `QuotaSpent` unless the day still holds `calls`; nothing is reserved."""

        def decide(quota: Quota, moment: datetime) -> tuple[Quota, Granted | Spent]:
            return quota, reserve(quota, calls, moment, keep_share=self.keep_share)

        found, moment = await self.row.change(decide)
        if isinstance(found, Spent):
            raise spent_error(f"the day does not hold {calls:,} calls any more", found, moment)

    async def refund(self, *slots: Slot) -> None:
        """Give back slots whose requests were certainly never sent."""
        await self._slots.refund(*slots)

    async def close(self) -> None:
        """Give back the unused slots, and those being reserved; more may be taken afterwards."""
        await self._slots.close()

    async def known(self) -> Quota:
        """Return the quota as all workers know it now."""
        return (await self.row.change(lambda q, moment: (q, on_day(q, moment.date()))))[0]

    async def note_minute_limit(self, limit: int, remaining: int, planned_under: int = 0) -> None:
        """Learn from an answer's headers what the minute allows.

        `planned_under` is the limit under which the request got its slot.
        """
        if limit == self._slots.minute_limit and remaining > 0 and planned_under <= limit:
            return

        def decide(quota: Quota, moment: datetime) -> tuple[Quota, None]:
            changed = with_minute_limit(
                quota, limit, remaining, moment, reserved_under=planned_under
            )
            return changed, None

        await self.row.change(decide)
        self._slots.minute_limit = limit

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

        is_believed, _ = await self.row.change(decide, reported=True)
        self.row.is_doubtful = False
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
        await self._slots.note_exhausted()

    async def pause(self, seconds: float) -> None:
        """Send nothing for `seconds`, on any worker: the vendor asked for it."""
        until = time.monotonic() + seconds
        if until <= self._closed_until:
            return
        self._closed_until = until
        self.observe(Waiting("the vendor's minute limit", seconds))
        await self.row.change(
            lambda quota, moment: (paused(quota, moment + timedelta(seconds=seconds)), None)
        )

    async def _sleep_until(self, moment: float) -> None:
        """Sleep until the moment, and through any pause that was heard of meanwhile."""
        while (wait := max(moment, self._closed_until) - time.monotonic()) > 0:
            if wait > _WORTH_REPORTING_SEC:
                self.observe(Waiting("the minute window", wait))
            await asyncio.sleep(wait)
