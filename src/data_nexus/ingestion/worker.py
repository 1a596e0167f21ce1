"""Run a worker: one of a fleet, loading whatever is due until it is asked to stop.

It waits for quota, for a vendor that recovers and for a database that comes back; it ends for
refused credentials and for a drain.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from data_nexus.config import Settings
from data_nexus.database.store import Due, Store
from data_nexus.domain.limits.backoff import poll_sec
from data_nexus.errors import NexusError, StorageUnavailable
from data_nexus.events import Observer, RunFinished, RunStarted, Waiting, observers
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.fetching.requester import Requester
from data_nexus.ingestion.history_loader import engine_of, history_work, reader_of
from data_nexus.ingestion.reports.run_check import RunCheck
from data_nexus.ingestion.reports.run_report import RunReport
from data_nexus.ingestion.reports.run_totals import RunTotals
from data_nexus.ingestion.wiring import WORKER, foreseen, open_database_async, open_run

_DATABASE_SEC = 3.0


async def work(
    settings: Settings, exchange: str | None, observe: Observer, drain: Drain
) -> RunReport:
    """Load what becomes due until a drain is requested or the vendor refuses the key; report."""
    started, totals = time.monotonic(), RunTotals()
    observe = observers(observe, totals.note)
    ended_by: NexusError | None = None
    async with _database(settings, observe, drain) as url:
        observe(RunStarted("worker", 0))
        while not (drain.requested.is_set() or ended_by):
            try:
                async with open_run(settings, url, observe, WORKER) as (store, requester):
                    session = WorkerSession(settings, store, requester, observe, drain, totals)
                    ended_by = await session.work(exchange)
            except (StorageUnavailable, BaseExceptionGroup) as error:
                cause = foreseen(error)
                if not isinstance(cause, StorageUnavailable):
                    raise cause from None
                await _wait_for_database(settings, cause, observe, drain)
    report = totals.report(time.monotonic() - started, ended_by, drain.reason)
    observe(RunFinished("worker", report.outcome, report.duration_sec))
    return report


@asynccontextmanager
async def _database(settings: Settings, observe: Observer, drain: Drain) -> AsyncIterator[str]:
    """Open the database; a server that is not there yet is waited for until a drain.

    The embedded one is not: nothing else will start it.
    """
    async with AsyncExitStack() as stack:
        url = settings.database_url or ""
        while not drain.requested.is_set():
            try:
                url = await stack.enter_async_context(open_database_async(settings))
                break
            except StorageUnavailable as error:
                if not settings.database_url:
                    raise
                await _wait_for_database(settings, error, observe, drain)
        yield url


async def _wait_for_database(
    settings: Settings, cause: StorageUnavailable, observe: Observer, drain: Drain
) -> None:
    seconds = min(_DATABASE_SEC, settings.poll_seconds)
    observe(Waiting(f"the database ({cause})", seconds))
    await _sleep(drain, seconds)


@dataclass(frozen=True, slots=True)
class WorkerSession:
    """A worker's time with one open store: pass after pass over the queue.

    What the passes report is handed to `observe`, which also counts it in `totals`.
    """

    settings: Settings
    store: Store
    requester: Requester
    observe: Observer
    drain: Drain
    totals: RunTotals

    async def work(self, exchange: str | None) -> NexusError | None:
        """Work until drained; return the error that ended it, if one did."""
        run_id = await self.store.runs.start("worker")
        started, fruitless = time.monotonic(), 0
        settings, store = self.settings, self.store
        reader = reader_of(settings, store, self.requester, self.observe)
        work = history_work(settings, store, reader, self.observe, run_id)
        engine = engine_of(settings, store, self.requester, work, self.observe, self.drain)
        while not (self.drain.requested.is_set() or engine.ended_by):
            check = await RunCheck.begin(self.store, self.settings.require_token(), self.totals)
            before = self.totals.assets, self.totals.failed
            await engine.report()
            await self.store.leases.requeue_absent()
            synced_before = await self.store.runs.moment(self.settings.days_old)
            await engine.run(Due(synced_before, exchange), None)
            await reader.calendars.learn()
            engine.ended_by = await check.breach(run_id) or engine.ended_by
            assets, failed = (self.totals.assets - before[0], self.totals.failed - before[1])
            fruitless = fruitless + 1 if assets == failed > 0 else 0
            if assets == failed:
                await self.store.leases.free_lost()
                await _sleep(self.drain, poll_sec(self.settings.poll_seconds, fruitless))
        report = self.totals.report(time.monotonic() - started)
        outcome = str(engine.ended_by or "drained")
        await self.store.runs.finish(run_id, outcome, report.as_dict())
        return engine.ended_by


async def _sleep(drain: Drain, seconds: float) -> None:
    """Sleep, but wake up at once for a drain."""
    try:
        async with asyncio.timeout(seconds):
            await drain.requested.wait()
    except TimeoutError:
        return
