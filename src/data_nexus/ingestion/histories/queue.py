"""Walk along the dispatch queue: hand out leases one by one, each asset once."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from data_nexus.database.store import Due, QueuePosition, Store
from data_nexus.domain.planning.lease import Lease

_CLAIM = 64


@dataclass(slots=True)
class LeaseQueue:
    """Claims due assets a handful at a time, from the front of the queue to its end, once.

    `limit` bounds how many assets the run takes; None is no bound. `taken` counts those that were
    claimed, handed out or not, suspects included: an asset counts from its claim on, so that those
    which are handed out by two ways at once are never more than the limit. Suspects, whose worker
    was lost while it held them, are handed out one by one, whenever they appear. `spent` is set at
    the end of the walk.
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
                self._ready.extend(await self._claim(self._position, _CLAIM))
            if not self._ready:
                self.spent.set()
                return None
            return self._ready.popleft()

    async def next_suspect(self) -> Lease | None:
        """Return the lease of a suspect, or None; an answer ends the suspicion."""
        async with self._lock:
            leases = await self._claim(QueuePosition(), 1, suspect=True)
            return leases[0] if leases else None

    async def _claim(
        self, position: QueuePosition, most: int, *, suspect: bool = False
    ) -> list[Lease]:
        room = most if self.limit is None else min(most, self.limit - self.taken)
        if room <= 0:
            return []
        leases = await self.store.leases.claim(self.due, position, room, suspect=suspect)
        self.taken += len(leases)
        return leases
