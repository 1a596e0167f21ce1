"""`UpdateRun`: what every step of an update works with; each step returns what it brought."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime

from data_nexus.config import Settings
from data_nexus.database.store import Due, Store
from data_nexus.database.store.bulk.exchange_turns import WholeRequest
from data_nexus.database.store.bulk.sessions import BulkSessions
from data_nexus.database.store.quota import QuotaLedger
from data_nexus.domain.calendar.learned import Calendars
from data_nexus.errors import NexusError
from data_nexus.events import Observer, observers
from data_nexus.ingestion.fetching.drain import Drain, DrainableRequester
from data_nexus.ingestion.fetching.requester import Requester
from data_nexus.ingestion.histories.asset_work import AssetWork, Read
from data_nexus.ingestion.histories.reader import HistoryReader
from data_nexus.ingestion.history_loader import engine_of, history_work
from data_nexus.ingestion.reports.run_report import UpdateSteps
from data_nexus.ingestion.reports.run_totals import RunTotals
from data_nexus.ingestion.wiring import foreseen

# A session's requests that must fit into the grace of a drain one after the other, with time left
# to write.
_REQUESTS_A_GRACE = 4
# A session's rows are all there at once: more of them share a transaction than of histories.
_BATCHES_TOGETHER = 2


@dataclass(frozen=True, slots=True)
class WorkerPass:
    """A pass of a worker, which began at the database's moment `began`.

    It leaves to other runs what they are at work on, and requests again only after `late_sec` what
    was requested in vain.
    """

    began: datetime
    late_sec: float


@dataclass(frozen=True, slots=True)
class UpdateRun:
    """One update at the moment `now`, or a worker's pass: what its steps share.

    What they report is counted in `totals` and handed to `listener`. With `asset_ids` it is about
    these assets alone.
    """

    settings: Settings
    store: Store
    requester: Requester
    listener: Observer
    totals: RunTotals
    drain: Drain
    now: datetime
    run_id: int
    reader: HistoryReader
    worker_pass: WorkerPass | None = None
    asset_ids: list[int] | None = None

    @property
    def observe(self) -> Observer:
        """The observer of the run's steps."""
        return observers(self.listener, self.totals.note)

    @property
    def calendars(self) -> Calendars:
        """The calendars with what is learned by now."""
        return self.reader.calendars.known

    @property
    def quota(self) -> QuotaLedger:
        """The quota of the token, and what it was refused."""
        return self.store.quota(self.settings.require_token())

    @property
    def bulk(self) -> BulkSessions:
        """The store of bulk sessions, in transactions of a size for them."""
        return self.store.sessions.in_parts_of(_BATCHES_TOGETHER * self.settings.batch_rows)

    @property
    def drainable(self) -> DrainableRequester:
        """The requester, cut short by a drain."""
        grace_sec = self.settings.grace_seconds / _REQUESTS_A_GRACE
        return DrainableRequester(self.requester, self.drain, grace_sec)

    @asynccontextmanager
    async def turn(self, exchange: str) -> AsyncIterator[bool]:
        """Be the only run at work on an exchange as a whole, and say whether this run is.

        An update waits for its turn. A worker's pass does not, nor for the calls of another day
        while it has one: others wait for it.
        """
        is_pass = self.worker_pass is not None
        alone = self.store.turns.alone_with(exchange, self.drain.requested, waits=not is_pass)
        async with alone as is_ours:
            with self.requester.quota.not_waiting() if is_pass else nullcontext():
                yield is_ours

    async def lately(self, request: WholeRequest) -> dict[str, date | None]:
        """Return the exchanges of which a worker's pass does not request this again yet.

        Each with the session that was noted. A person's update requests whatever is due.
        """
        if self.worker_pass is None:
            return {}
        return await self.store.turns.lately(request, self.worker_pass.late_sec)

    def goes_on(self, done: UpdateSteps) -> bool:
        """Whether more is to be fetched after these steps."""
        return done.ended_by is None and not self.drain.requested.is_set()


async def run_engine(
    run: UpdateRun,
    work: AssetWork[Read],
    due: Due,
    limit: int | None = None,
    *,
    is_probing: bool = False,
) -> NexusError | None:
    """Do some work on the due assets; return what ended it early, if anything did."""
    engine = engine_of(
        run.settings,
        run.store,
        run.requester,
        work,
        run.observe,
        run.drain,
        is_probing=is_probing,
    )
    try:
        await engine.run(due, limit)
    except BaseExceptionGroup as group:
        raise foreseen(group) from None
    return engine.ended_by


async def read_histories(
    run: UpdateRun, due: Due, limit: int | None = None, *, is_probing: bool = False
) -> UpdateSteps:
    """Fetch the histories of what is due individually."""
    work = history_work(run.settings, run.store, run.reader, run.observe, run.run_id)
    ended_by = await run_engine(run, work, due, limit, is_probing=is_probing)
    await run.bulk.mark_absent_through(run.reader.known_absent())
    run.reader.too_early.clear()
    return UpdateSteps(ended_by=ended_by)
