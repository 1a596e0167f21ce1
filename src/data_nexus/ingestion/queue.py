"""Owns a run's walk along the dispatch queue: leases come out one by one, each asset once."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace

from data_nexus.database.store import Due, QueuePosition, Store
from data_nexus.domain.listing import Lease

_CLAIM = 64


@dataclass(slots=True)
class LeaseQueue:
    """Claims due assets a handful at a time, from the front of the queue to its end, once.

    `limit` bounds how many assets the run takes; None is no bound. At the end the leases of
    workers that have left meanwhile are taken over.
    """

    store: Store
    due: Due
    limit: int | None
    taken: int = 0
    _ready: deque[Lease] = field(default_factory=deque)
    _position: QueuePosition = field(default_factory=QueuePosition)
    _orphans: set[int] = field(default_factory=set)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def next(self) -> Lease | None:
        """Return the next lease, or None when nothing more is due."""
        async with self._lock:
            if not self._ready:
                self._ready.extend(await self._claim())
            if not self._ready:
                return None
            self.taken += 1
            return self._ready.popleft()

    def untouched(self) -> list[Lease]:
        """Take back the leases that nobody has asked the vendor about yet."""
        left = list(self._ready)
        self._ready.clear()
        return left

    async def _claim(self) -> list[Lease]:
        room = _CLAIM if self.limit is None else min(_CLAIM, self.limit - self.taken)
        if room <= 0:
            return []
        if leases := await self.store.claim(self.due, self._position, room):
            return leases
        return await self._claim_orphans(room)

    async def _claim_orphans(self, room: int) -> list[Lease]:
        """At the end of the queue, claim what workers held that have left meanwhile."""
        self._orphans |= set(await self.store.free_orphans())
        if self.due.asset_ids is not None:
            self._orphans &= set(self.due.asset_ids)
        if not self._orphans:
            return []
        due = replace(self.due, asset_ids=sorted(self._orphans))
        leases = await self.store.claim(due, QueuePosition(), room)
        self._orphans -= {lease.asset_id for lease in leases}
        return leases
