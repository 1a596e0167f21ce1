"""Run a worker: one of a fleet, updating whatever is due until it is asked to stop.

A fleet does one update together: a session in bulk is fetched by one of its workers, what is read
individually is shared. A worker waits for quota, for a vendor that recovers and for a database that
comes back; it ends for refused credentials and for a drain.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from data_nexus.config import Settings
from data_nexus.database.store import Store
from data_nexus.domain.limits.backoff import poll_sec
from data_nexus.errors import NexusError, StorageUnavailable
from data_nexus.events import Observer, RunFinished, RunStarted, Waiting, observers
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.fetching.requester import Requester
from data_nexus.ingestion.history_loader import reader_of
from data_nexus.ingestion.nightly.context import UpdateRun
from data_nexus.ingestion.nightly.update import advance_due
from data_nexus.ingestion.reports.run_check import RunCheck
from data_nexus.ingestion.reports.run_report import RunReport, UpdateSteps
from data_nexus.ingestion.reports.run_totals import RunTotals
from data_nexus.ingestion.wiring import WORKER, foreseen, open_database_async, open_run

_DATABASE_SEC = 3.0
# When what the vendor did not have yet is asked for again.
_LATE_DAYS = 1 / 24


async def work(
    settings: Settings, exchange: str | None, observe: Observer, drain: Drain
) -> RunReport:
    """Load what becomes due until a drain is requested or the vendor refuses the key; report."""
    started, totals = time.monotonic(), RunTotals()
    observing = observers(observe, totals.note)
    ended_by: NexusError | None = None
    async with _database(settings, observe, drain) as url:
        observe(RunStarted("worker", 0))
        while not (drain.requested.is_set() or ended_by):
            try:
                async with open_run(settings, url, observing, WORKER) as (store, requester):
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


@dataclass(slots=True)
class WorkerSession:
    """A worker's time with one open store: one update after the other, of what is due by then.

    What they report is counted in `totals` and handed to `observe`.

    An exchange whose session is late in bulk, and an asset that has answered and is behind all the
    same, is asked for again after an hour.
    """

    settings: Settings
    store: Store
    requester: Requester
    observe: Observer
    drain: Drain
    totals: RunTotals
    _late_until: dict[str, datetime] = field(default_factory=dict)

    async def work(self, exchange: str | None) -> NexusError | None:
        """Work until drained; return the error that ended it, if one did."""
        run_id = await self.store.runs.start("worker")
        started, fruitless = time.monotonic(), 0
        ended_by: NexusError | None = None
        while not (self.drain.requested.is_set() or ended_by):
            check = await RunCheck.begin(self.store, self.settings.require_token(), self.totals)
            before = self.totals.assets, self.totals.failed
            await self.store.runs.report(self.requester.state())
            steps = await self._update(exchange, run_id)
            ended_by = await check.breach(run_id) or steps.ended_by
            if isinstance(ended_by, StorageUnavailable):
                raise ended_by
            assets, failed = (self.totals.assets - before[0], self.totals.failed - before[1])
            fruitless = fruitless + 1 if assets == failed > 0 else 0
            if assets == failed:
                await self.store.leases.free_lost()
                await _sleep(self.drain, poll_sec(self.settings.poll_seconds, fruitless))
        report = self.totals.report(time.monotonic() - started)
        await self.store.runs.finish(run_id, str(ended_by or "drained"), report.as_dict())
        return ended_by

    async def _update(self, exchange: str | None, run_id: int) -> UpdateSteps:
        """Load what is due at this moment."""
        store, settings = self.store, self.settings
        now = await store.runs.moment()
        await store.leases.requeue_absent(now)
        rest_days = min(settings.days_old, _LATE_DAYS)
        reader = reader_of(settings, store, self.requester, self.observe)
        run = UpdateRun(
            settings=settings,
            store=store,
            requester=self.requester,
            listener=self.observe,
            totals=self.totals,
            drain=self.drain,
            now=now,
            run_id=run_id,
            reader=replace(reader, now=now),
            rest_days=rest_days,
        )
        late = {name for name, until in self._late_until.items() if now < until}
        steps = await advance_due(run, exchange, lambda _: None, late)
        until = now + timedelta(days=rest_days)
        self._late_until |= dict.fromkeys(steps.held_back, until)
        return steps


async def _sleep(drain: Drain, seconds: float) -> None:
    """Sleep, but wake up at once for a drain."""
    try:
        async with asyncio.timeout(seconds):
            await drain.requested.wait()
    except TimeoutError:
        return
