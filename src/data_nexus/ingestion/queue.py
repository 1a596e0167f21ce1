"""Owns a run's walk along the dispatch queue: leases come out one by one, each asset once."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from data_nexus.database.store import Due, QueuePosition, Store
from data_nexus.domain.listing import Lease

_CLAIM = 64


@dataclass(slots=True)
class LeaseQueue:
    """Claims due assets a handful at a time, from the front of the queue to its end, once.

    `limit` bounds how many assets the run takes; None is no bound. Assets whose worker was lost
    come last and one by one.
    """

    store: Store
    due: Due
    limit: int | None
    taken: int = 0
    _ready: deque[Lease] = field(default_factory=deque)
    _position: QueuePosition = field(default_factory=QueuePosition)
    _suspects: QueuePosition = field(default_factory=QueuePosition)
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

    async def next_suspect(self) -> Lease | None:
        """Return the next lease of an asset whose worker was lost, to be asked for alone."""
        if self.limit is not None and self.taken >= self.limit:
            return None
        leases = await self.store.claim(self.due, self._suspects, 1, suspect=True)
        self.taken += len(leases)
        return leases[0] if leases else None

    async def _claim(self) -> list[Lease]:
        room = _CLAIM if self.limit is None else min(_CLAIM, self.limit - self.taken)
        return await self.store.claim(self.due, self._position, room) if room > 0 else []
