"""Owns a run's walk along the dispatch queue: leases come out one by one, each asset once."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from data_nexus.database.store import Due, QueuePosition, Store
from data_nexus.domain.lease import Lease

_CLAIM = 64


@dataclass(slots=True)
class LeaseQueue:
    """Claims due assets a handful at a time, from the front of the queue to its end, once.

    `limit` bounds how many assets the run takes; None is no bound. Suspects, whose worker was lost
    while it held them, are handed out one by one, whenever they come up. `spent` tells that the
    walk has come to its end.
    """

    store: Store
    due: Due
    limit: int | None
    taken: int = 0
    spent: asyncio.Event = field(default_factory=asyncio.Event)
    _ready: deque[Lease] = field(default_factory=deque)
    _position: QueuePosition = field(default_factory=QueuePosition)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def next(self) -> Lease | None:
        """Return the next lease, or None when nothing more is due."""
        async with self._lock:
            if not self._ready:
                self._ready.extend(await self._claim())
            if not self._ready:
                self.spent.set()
                return None
            self.taken += 1
            return self._ready.popleft()

    async def next_suspect(self) -> Lease | None:
        """Return the lease of a suspect, or None; it is no suspect any more once it is settled."""
        async with self._lock:
            if self._room() <= 0:
                return None
            leases = await self.store.leases.claim(self.due, QueuePosition(), 1, suspect=True)
            self.taken += len(leases)
            return leases[0] if leases else None

    def _room(self) -> int:
        return _CLAIM if self.limit is None else min(_CLAIM, self.limit - self.taken)

    async def _claim(self) -> list[Lease]:
        room = self._room()
        return await self.store.leases.claim(self.due, self._position, room) if room > 0 else []
