"""Run over due assets: claim, fetch, commit, stop. One asset's failure never touches another's.

Fetchers ask the vendor, writers commit; a third task renews the leases. An asset that waits for its
retry keeps its lease and no fetcher. An error that concerns the whole run (quota, credentials,
storage, the vendor out of reach) stops the claiming; what has been paid for is still committed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from data_nexus.database.store import Due, Store
from data_nexus.database.store.batch import Batch, DeadLetter, Outcome, Receipt
from data_nexus.domain.lease import Lease
from data_nexus.errors import (
    BrokenAnswer,
    Fenced,
    NexusError,
    NotListed,
    Park,
    Pause,
    Postpone,
    Retry,
    Stop,
    StorageUnavailable,
    VendorUnavailable,
)
from data_nexus.events import (
    Failed,
    LeaseLost,
    Observer,
    Parked,
    TransactionCommitted,
)
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.fetching.requester import FetchState, Requester
from data_nexus.ingestion.histories.committer import Committer
from data_nexus.ingestion.histories.dead_letter import dead_letter_of
from data_nexus.ingestion.histories.doubtful_answers import Doubtful, DoubtfulAnswers
from data_nexus.ingestion.histories.pipeline import event_of
from data_nexus.ingestion.histories.queue import LeaseQueue
from data_nexus.ingestion.histories.reader import HistoryReader
from data_nexus.ingestion.histories.turns import Rest, Turn, Turns, first_of

# Writers that are behind take this many times `batch_rows` at once (ADR 0017).
_WHEN_BEHIND = 10
# How often a run that is to stop checks which fetchers may be ended.
_POLL_SEC = 0.05
# How often a run looks for suspects that another worker has freed.
_SUSPECTS_SEC = 10.0


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """How a run works: its concurrency, the grouping of its writes, and its waits in seconds."""

    concurrency: int
    writers: int
    batch_rows: int
    linger_sec: float
    bytes_in_flight: int
    grace_sec: float


@dataclass(slots=True)
class Engine:
    """One run over the due assets.

    `ended_by` is the `Stop` or `Pause` that made it claim nothing more. While it `is_probing`, with
    a few assets before the rest, unfit answers are not believed: the rest will say more.
    """

    store: Store
    requester: Requester
    limits: EngineLimits
    observe: Observer
    drain: Drain
    run_id: int
    reader: HistoryReader
    is_probing: bool = False
    ended_by: NexusError | None = None
    _freed: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _doubts: DoubtfulAnswers = field(init=False)
    # How far each fetcher has come; it may be cancelled at will while it waits.
    _fetching: dict[asyncio.Task[Any], FetchState] = field(default_factory=dict)

    def __post_init__(self) -> None:
        leases, requester = self.store.leases, self.requester
        self._doubts = DoubtfulAnswers(
            ask=self.reader.ask_witness,
            witnesses=leases.witnesses,
            leave_due=self._leave_due,
            observe=self.observe,
            drain=self.drain,
            waits=requester.waits,
            first_wait_sec=requester.breakers.first_open_sec,
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
        committer = Committer(
            commit=self._commit,
            settled=self._settle,
            batch_rows=self.limits.batch_rows,
            most_rows=_WHEN_BEHIND * self.limits.batch_rows,
            linger_sec=self.limits.linger_sec,
            bytes_in_flight=self.limits.bytes_in_flight,
        )
        async with asyncio.TaskGroup() as tasks:
            renewing = tasks.create_task(self._renew(), name="renew leases")
            writers = [
                tasks.create_task(committer.write(), name=f"writer {n}")
                for n in range(self.limits.writers)
            ]
            watching = tasks.create_task(self.store.leases.watch(), name="watch the session")
            await self._walk(queue, committer)
            await self._free_lost_leases()
            await self._in_time(self._fetch_suspects(queue, committer))
            await self._settle_doubts()
            await committer.close()
            await asyncio.wait(writers)
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
            self.drain.requested.set()

    @property
    def _claims(self) -> bool:
        return not (self._ended.is_set() or self.drain.requested.is_set())

    async def _in_time(self, *work: Coroutine[Any, Any, None]) -> None:
        """Do work that fetches, and cut it short if the run is asked to stop."""
        async with asyncio.TaskGroup() as fetching:
            fetchers = [fetching.create_task(one, name="fetcher") for one in work]
            watching = fetching.create_task(self._cut_short(fetchers), name="drain")
            await asyncio.wait(fetchers)
            watching.cancel()

    async def _cut_short(self, fetchers: Sequence[asyncio.Task[None]]) -> None:
        """Once the run is asked to stop, end who waits; requests under way may finish.

        They have half of the grace for it.
        """
        await self.drain.requested.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.limits.grace_sec / 2):
                while True:
                    for fetcher in [
                        one for one, state in self._fetching.items() if state.is_waiting
                    ]:
                        del self._fetching[fetcher]
                        fetcher.cancel()
                    await asyncio.sleep(_POLL_SEC)
        for fetcher in fetchers:
            fetcher.cancel()

    async def _walk(self, queue: LeaseQueue, committer: Committer) -> None:
        """Fetch along the queue to its end, and what was to be fetched again."""
        over = (self._ended, self.drain.requested)
        turns = Turns(self.requester.spend_retry, self.observe, over)
        fetchers = (
            self._fetch_due(queue, committer, turns) for _ in range(self.limits.concurrency)
        )
        try:
            await self._in_time(*fetchers, self._watch_suspects(queue, committer))
        finally:
            await turns.end()

    async def _fetch_due(self, queue: LeaseQueue, committer: Committer, turns: Turns) -> None:
        async def first() -> Turn | None:
            if queue.spent.is_set() or not (lease := await queue.next()):
                return None
            return turns.begin(lambda rest: self._settle_one(lease, committer, rest=rest))

        while self._claims and (turn := turns.take() or await first() or await turns.last()):
            await turns.attend(turn)

    async def _watch_suspects(self, queue: LeaseQueue, committer: Committer) -> None:
        """Fetch suspects as they appear, for as long as the walk along the queue lasts."""
        while self._claims and not queue.spent.is_set():
            self._freed.clear()
            await self._fetch_suspects(queue, committer)
            events = (self._freed, queue.spent, self._ended, self.drain.requested)
            await first_of(events, _SUSPECTS_SEC)

    async def _fetch_suspects(self, queue: LeaseQueue, committer: Committer) -> None:
        """Fetch the assets that a lost worker held, one at a time.

        A worker has one suspect at a time, committed before the next: if one of them takes this
        worker down as well, no other suspect goes with it.
        """
        while self._claims and (lease := await queue.next_suspect()):
            await self._settle_one(lease, committer, is_suspect=True)
            await committer.flush()

    async def _free_lost_leases(self) -> None:
        if await self.store.leases.free_lost():
            self._freed.set()

    async def _settle_one(
        self,
        lease: Lease,
        committer: Committer,
        *,
        rest: Rest | None = None,
        is_suspect: bool = False,
    ) -> None:
        """Take one lease to its end: an answer for the committer, or an error settled."""
        state = FetchState(is_wanted=lambda: self.store.leases.trusts(lease), rest=rest)
        fetcher = asyncio.current_task()
        assert fetcher  # noqa: S101 - what awaits runs in a task
        self._fetching[fetcher] = state
        try:
            batch = await self.reader.read(lease, state)
        except NexusError as error:
            self._fetching.pop(fetcher, None)
            await self._settle_error(lease, error, state.begun, is_suspect=is_suspect)
        else:
            await self._settle_answer(batch, committer, state.begun, is_suspect=is_suspect)
        finally:
            self._fetching.pop(fetcher, None)

    async def _settle_answer(
        self, batch: Batch, committer: Committer, begun: float, *, is_suspect: bool
    ) -> None:
        """Have an answer committed; that there is nothing only once it is seen to be its own.

        An empty answer for an asset that never had bars says nothing of the vendor.
        """
        is_lost = batch.outcome is Outcome.EMPTY and batch.lease.last_bar is not None
        if batch.outcome is Outcome.NOT_LISTED or is_lost:
            absent = NotListed(f"{batch.lease.symbol}: {batch.outcome}")
            doubtful = Doubtful(batch.lease, absent, begun, lambda: committer.submit(batch))
            await self._doubt(doubtful, is_suspect=is_suspect)
            return
        if batch.outcome is Outcome.STORED:
            await self._doubts.note_good()
        await committer.submit(batch)

    async def _settle_error(
        self, lease: Lease, error: NexusError, begun: float, *, is_suspect: bool
    ) -> None:
        """The one place that decides what an error of an asset means for the asset and the run."""
        match error:
            case Stop() | Pause():
                self._end(error)
                await self.store.leases.release([lease], failed=False)
            case Retry() | Postpone():
                await self._leave([lease], [error])
                if isinstance(error, BrokenAnswer):
                    await self._doubt(Doubtful(lease, error, begun), is_suspect=False)
            case Park():
                letter, reason = dead_letter_of(lease, error, self.reader.redact), str(error)
                error.body = b""  # many may be held, and bodies are large
                park = Doubtful(lease, error, begun, lambda: self._park(lease, letter, reason))
                await self._doubt(park, is_suspect=is_suspect)
            case Fenced():
                self.observe(LeaseLost(str(lease.symbol)))
            case _:
                raise error

    async def _doubt(self, doubtful: Doubtful, *, is_suspect: bool) -> None:
        """Hold an unfit answer back; end the run when all assets seem to get such answers."""
        doubts = self._doubts
        try:
            await (doubts.pass_by(doubtful) if is_suspect else doubts.hold(doubtful))
        except (Stop, Pause) as error:
            self._end(error)

    async def _leave_due(self, doubtful: Sequence[Doubtful]) -> None:
        """Give assets back whose unfit answers are not believed."""
        await self._leave([each.lease for each in doubtful], [each.error for each in doubtful])

    async def _leave(self, leases: Sequence[Lease], errors: Sequence[NexusError]) -> None:
        """Give assets back that got no usable answer; a probe of them is read again by the run."""
        await self.store.leases.release(leases, failed=not self.is_probing)
        for lease, error in zip(leases, errors, strict=True):
            if not self.is_probing:
                self.observe(Failed(str(lease.symbol), str(error)))

    async def _settle_doubts(self) -> None:
        """At the end of a walk: settle what is held back, unless the vendor was out of reach."""
        if self.is_probing or isinstance(self.ended_by, VendorUnavailable):
            await self._doubts.give_up()
        else:
            await self._doubts.settle()

    async def _park(self, lease: Lease, letter: DeadLetter, reason: str) -> None:
        if not await self.store.leases.park(lease, letter):
            self.observe(LeaseLost(str(lease.symbol)))
            return
        self.observe(Parked(str(lease.symbol), reason))

    async def _commit(self, batches: Sequence[Batch]) -> list[Receipt | None]:
        started = time.monotonic()
        receipts = await self.store.commits.commit(batches, self.run_id)
        rows = sum(receipt.received for receipt in receipts if receipt)
        self.observe(TransactionCommitted(len(batches), rows, time.monotonic() - started))
        return receipts

    async def _settle(self, batch: Batch, result: Receipt | Park | None) -> None:
        if result is None:
            self.observe(LeaseLost(str(batch.lease.symbol)))
        elif isinstance(result, Park):
            letter = dead_letter_of(batch.lease, result, self.reader.redact)
            await self._park(batch.lease, letter, str(result))
        else:
            self.observe(event_of(batch, result))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self.store.leases.lease_sec / 3)
            await self.store.leases.renew()
            await self._free_lost_leases()
            await self.report()
