"""`HistoryWork`: the engine's work on histories: read one, and have it committed with others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from data_nexus.database.store import Store
from data_nexus.database.store.batch import Batch, DeadLetter, Outcome, Receipt
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import Fenced, NexusError, Park
from data_nexus.events import Event, Failed, LeaseLost, Observer, Parked, TransactionCommitted
from data_nexus.ingestion.fetching.requester import FetchState
from data_nexus.ingestion.histories.committer import Committer
from data_nexus.ingestion.histories.dead_letter import dead_letter_of
from data_nexus.ingestion.histories.pipeline import doubt_of, event_of
from data_nexus.ingestion.histories.reader import HistoryReader

# Writers that are behind take this many times `batch_rows` at once (ADR 0017).
_WHEN_BEHIND = 10


@dataclass(frozen=True, slots=True)
class WriteLimits:
    """How answers are written: the writers, and how they group what they write."""

    writers: int
    batch_rows: int
    linger_sec: float
    bytes_in_flight: int


@dataclass(slots=True)
class HistoryWork:
    """Reads histories by `reader`; a few writers commit them for the run `run_id`."""

    store: Store
    reader: HistoryReader
    limits: WriteLimits
    observe: Observer
    run_id: int
    _committer: Committer = field(init=False)

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Have writers commit what is kept, until all of it is."""
        limits = self.limits
        self._committer = committer = Committer(
            commit=self._commit,
            settled=self._settle,
            batch_rows=limits.batch_rows,
            most_rows=_WHEN_BEHIND * limits.batch_rows,
            linger_sec=limits.linger_sec,
            bytes_in_flight=limits.bytes_in_flight,
        )
        async with asyncio.TaskGroup() as writers:
            for number in range(limits.writers):
                writers.create_task(committer.write(), name=f"writer {number}")
            yield
            await committer.close()

    async def read(self, lease: Lease, state: FetchState) -> Batch:
        """Return the asset's answer as a batch to commit."""
        return await self.reader.read(lease, state)

    def is_good(self, answer: Batch) -> bool:
        """Whether it has bars: an empty one for an asset without any says nothing."""
        return answer.outcome is Outcome.STORED

    def doubt(self, lease: Lease, answer: Batch) -> NexusError | None:  # noqa: ARG002
        """Doubt an answer of which nothing can be stored for an asset that has bars."""
        return doubt_of(answer)

    async def keep(self, lease: Lease, answer: Batch) -> None:  # noqa: ARG002
        """Hand a batch over; wait while too many bytes are pending."""
        await self._committer.submit(answer)

    async def flush(self) -> None:
        """Have everything that is pending committed at once, and wait until it is."""
        await self._committer.flush()

    def parking(self, lease: Lease, unfit: Park) -> Callable[[], Awaitable[None]]:
        """Return what makes an unfit answer a dead letter."""
        letter, reason = dead_letter_of(lease, unfit, self.reader.redact), str(unfit)
        unfit.body = b""  # many may be held, and bodies are large
        return lambda: self._park(lease, letter, reason)

    def failure(self, lease: Lease, error: NexusError) -> Event:
        """Return the event of an asset that stays due, or whose lease was lost."""
        name = str(lease.symbol)
        return LeaseLost(name) if isinstance(error, Fenced) else Failed(name, str(error))

    async def ask_witness(self, symbol: Symbol) -> None:
        """Fetch a symbol's bars, only to see whether the vendor answers."""
        await self.reader.ask_witness(symbol)

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
            await self.parking(batch.lease, result)()
        else:
            self.observe(event_of(batch, result))
