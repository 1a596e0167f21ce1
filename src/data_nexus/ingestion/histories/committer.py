"""Group answers into transactions, bounded by bytes.

A transaction is worth its commit from `batch_rows` on: small assets wait until there are that many
rows, at most for `linger_sec`. When the writers are behind, the next one takes what has piled up,
up to `most_rows`: fewer and larger transactions catch up.
`submit` returns as soon as there is room, so that fetching goes on while the database works, and
waits when too many bytes are pending.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from data_nexus.database.store.batch import Batch, Receipt
from data_nexus.errors import RowsRefused

Commit = Callable[[Sequence[Batch]], Awaitable[list[Receipt | None]]]
Settled = Callable[[Batch, Receipt | RowsRefused | None], Awaitable[None]]


@dataclass(slots=True)
class Committer:
    """Takes batches from many fetchers and commits them in groups from a few writers.

    `commit` writes a group; `settled` receives what became of each batch: its receipt, the refusal
    of its rows, or None when its lease was lost.
    """

    commit: Commit
    settled: Settled
    batch_rows: int
    most_rows: int
    linger_sec: float
    bytes_in_flight: int
    _pending: deque[Batch] = field(default_factory=deque)
    # Batches that wait or are being written, by identity.
    _unsettled: set[int] = field(default_factory=set)
    _rows: int = 0
    _bytes: int = 0
    _ripe_at: float = 0.0
    _flushing: bool = False
    _closing: bool = False
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def submit(self, batch: Batch) -> None:
        """Hand a batch over; wait while too many bytes are pending."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: not self._bytes or self._bytes + batch.nbytes <= self.bytes_in_flight
            )
            if not self._pending:
                self._ripe_at = asyncio.get_running_loop().time() + self.linger_sec
            self._pending.append(batch)
            self._unsettled.add(id(batch))
            self._rows += _weight(batch)
            self._bytes += batch.nbytes
            self._changed.notify_all()

    async def flush(self) -> None:
        """Have everything that is pending now committed at once, and wait until it is."""
        async with self._changed:
            awaited = set(self._unsettled)
            self._flushing = True
            self._changed.notify_all()
            try:
                await self._changed.wait_for(lambda: awaited.isdisjoint(self._unsettled))
            finally:
                self._flushing = self._closing

    async def close(self) -> None:
        """Say that nothing more comes: what is pending is committed at once."""
        async with self._changed:
            self._flushing = self._closing = True
            self._changed.notify_all()

    async def write(self) -> None:
        """Commit groups until closed; run as many of these as there are connections."""
        while group := await self._next_group():
            try:
                await self._commit_group(group)
            finally:
                async with self._changed:
                    self._bytes -= sum(batch.nbytes for batch in group)
                    self._unsettled.difference_update(map(id, group))
                    self._changed.notify_all()

    async def _next_group(self) -> list[Batch]:
        async with self._changed:
            while not self._is_ripe() and not self._closing:
                try:
                    async with asyncio.timeout_at(self._ripe_at if self._pending else None):
                        await self._changed.wait()
                except TimeoutError:
                    continue
            return self._take()

    def _is_ripe(self) -> bool:
        """Whether a group is due: it is large enough, old enough, or wanted now."""
        if not self._pending:
            return False
        is_old = asyncio.get_running_loop().time() >= self._ripe_at
        return self._flushing or is_old or self._rows >= self.batch_rows

    def _take(self) -> list[Batch]:
        group: list[Batch] = []
        rows = 0
        while self._pending and (not group or rows + _weight(self._pending[0]) <= self.most_rows):
            group.append(self._pending.popleft())
            rows += _weight(group[-1])
        self._rows -= rows
        self._ripe_at = asyncio.get_running_loop().time() + self.linger_sec
        return group

    async def _commit_group(self, group: list[Batch]) -> None:
        try:
            receipts = await self.commit(group)
        except RowsRefused as refusal:
            # One asset's poison must not touch the others: each gets a transaction of its own.
            if len(group) == 1:
                await self.settled(group[0], refusal)
                return
            for batch in group:
                await self._commit_group([batch])
            return
        for batch, receipt in zip(group, receipts, strict=True):
            await self.settled(batch, receipt)


def _weight(batch: Batch) -> int:
    return max(1, batch.received)
