"""Run over leased assets: claim, fetch, keep, stop. One asset's failure never touches another's.

Fetchers read answers; another task renews the leases. An asset that waits for its retry keeps its
lease and no fetcher. An error that concerns the whole run (quota, credentials, storage, the vendor
out of reach) stops the claiming; what has been paid for is still kept.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic

from data_nexus.database.store import Due, Store
from data_nexus.domain.planning.lease import Lease
from data_nexus.errors import NexusError, Pause, StorageUnavailable
from data_nexus.events import Observer
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.fetching.requester import FetchState, Requester
from data_nexus.ingestion.histories.asset_work import AssetWork, Read
from data_nexus.ingestion.histories.fetchers import Fetchers
from data_nexus.ingestion.histories.queue import LeaseQueue
from data_nexus.ingestion.histories.settlement import Settlement
from data_nexus.ingestion.histories.turns import Rest, Turn, Turns, first_of

# How often a run looks for suspects that another worker has freed.
_SUSPECTS_SEC = 10.0


@dataclass(slots=True)
class Engine(Generic[Read]):
    """One run over the due assets, `concurrency` of them at once.

    `ended_by` is the `Stop` or `Pause` that made it claim nothing more. While it `is_probing`, with
    a few assets before the rest, unfit answers are not believed: the rest will say more.
    """

    store: Store
    requester: Requester
    work: AssetWork[Read]
    concurrency: int
    grace_sec: float
    observe: Observer
    drain: Drain
    is_probing: bool = False
    ended_by: NexusError | None = None
    _freed: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _cut: asyncio.Event = field(default_factory=asyncio.Event)
    _settlement: Settlement[Read] = field(init=False)
    _fetchers: Fetchers = field(init=False)

    def __post_init__(self) -> None:
        self._fetchers = Fetchers((self.drain.requested, self._cut), self.grace_sec)
        self._settlement = Settlement(
            store=self.store,
            work=self.work,
            requester=self.requester,
            observe=self.observe,
            drain=self.drain,
            end=self._end,
            is_probing=self.is_probing,
        )

    async def run(self, due: Due, limit: int | None) -> None:
        """Bring the due assets up to date; raise `StorageUnavailable` if the database goes away.

        Whatever else ends it, no lease is left behind.
        """
        try:
            await self._run(due, limit)
        except ExceptionGroup as failed:
            if not failed.subgroup(StorageUnavailable):
                with suppress(NexusError):
                    await self.store.leases.release_all()
            raise

    async def _run(self, due: Due, limit: int | None) -> None:
        await self._free_lost_leases()
        queue = LeaseQueue(self.store, due, limit)
        async with asyncio.TaskGroup() as tasks:
            renewing = tasks.create_task(self._renew(), name="renew leases")
            watching = tasks.create_task(self.store.leases.watch(), name="watch the session")
            async with self.work.keeping():
                await self._walk(queue)
                await self._free_lost_leases()
                await self._fetchers.run(self._fetch_suspects(queue))
                await self._settlement.finish(self.ended_by)
            await self.store.leases.release_all()
            renewing.cancel()
            watching.cancel()

    async def report(self) -> None:
        """Show how this worker is doing, for `nexus status`."""
        await self.store.runs.report(self.requester.state())

    def _end(self, error: NexusError) -> None:
        """Claim nothing more; a spent day lets those finish whose requests are paid for."""
        self.ended_by = self.ended_by or error
        self._ended.set()
        if not isinstance(error, Pause):
            self._cut.set()

    @property
    def _claims(self) -> bool:
        return not (self._ended.is_set() or self.drain.requested.is_set())

    async def _walk(self, queue: LeaseQueue) -> None:
        """Fetch along the queue to its end, and what was to be fetched again."""
        over = (self._ended, self.drain.requested)
        turns = Turns(self.requester.spend_retry, self.observe, over)
        fetchers = (self._fetch_due(queue, turns) for _ in range(self.concurrency))
        try:
            await self._fetchers.run(*fetchers, self._watch_suspects(queue))
        finally:
            await turns.end()

    async def _fetch_due(self, queue: LeaseQueue, turns: Turns) -> None:
        async def first() -> Turn | None:
            if queue.spent.is_set() or not (lease := await queue.next()):
                return None
            return turns.begin(lambda rest: self._settle_one(lease, rest=rest))

        while self._claims and (turn := turns.take() or await first() or await turns.last()):
            await turns.attend(turn)

    async def _watch_suspects(self, queue: LeaseQueue) -> None:
        """Fetch suspects as they appear, for as long as the walk along the queue lasts."""
        while self._claims and not queue.spent.is_set():
            self._freed.clear()
            await self._fetch_suspects(queue)
            events = (self._freed, queue.spent, self._ended, self.drain.requested)
            await first_of(events, _SUSPECTS_SEC)

    async def _fetch_suspects(self, queue: LeaseQueue) -> None:
        """Fetch the assets that a lost worker held, one at a time.

        A worker has one suspect at a time, committed before the next: if one of them takes this
        worker down as well, no other suspect goes with it.
        """
        while self._claims and (lease := await queue.next_suspect()):
            await self._settle_one(lease, is_suspect=True)
            await self.work.flush()

    async def _free_lost_leases(self) -> None:
        if await self.store.leases.free_lost():
            self._freed.set()

    async def _settle_one(
        self, lease: Lease, *, rest: Rest | None = None, is_suspect: bool = False
    ) -> None:
        """Take one lease to its end: an answer kept, or an error settled."""
        state = FetchState(is_wanted=lambda: self.store.leases.trusts(lease), rest=rest)
        settlement = self._settlement
        state.failed = settlement.attempts_of(lease, state.begun)
        try:
            with self._fetchers.fetching(state):
                answer = await self.work.read(lease, state)
        except NexusError as error:
            await settlement.error(lease, error, state.begun, is_suspect=is_suspect)
        else:
            await settlement.answer(lease, answer, state.begun, is_suspect=is_suspect)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self.store.leases.lease_sec / 3)
            await self.store.leases.renew()
            await self._free_lost_leases()
            await self.report()
