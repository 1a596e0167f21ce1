"""Run a worker: one of a fleet that keeps everything fresh until it is asked to stop.

Pass after pass it takes the steps of an update, and leaves to other runs what they are at work on.
It waits for quota, for a vendor that recovers and for a database that comes back; it ends for
refused credentials and for a drain.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from data_nexus.config import Settings
from data_nexus.database.store import Store
from data_nexus.domain.limits.backoff import LONGEST_WAIT_SEC, poll_sec
from data_nexus.errors import (
    CredentialsRefused,
    NexusError,
    QuotaSpent,
    StorageUnavailable,
    UsageError,
    VendorUnavailable,
)
from data_nexus.events import Observer, RunFinished, RunStarted, Waiting, observers
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.fetching.requester import Requester
from data_nexus.ingestion.history_loader import reader_of
from data_nexus.ingestion.nightly.context import UpdateRun, WorkerPass
from data_nexus.ingestion.nightly.update import advance_due
from data_nexus.ingestion.reports.run_check import RunCheck
from data_nexus.ingestion.reports.run_report import RunReport, UpdateSteps
from data_nexus.ingestion.reports.run_totals import RunTotals
from data_nexus.ingestion.wiring import WORKER, foreseen, open_database_async, open_run
from data_nexus.observe.context import in_run

_DATABASE_SEC = 3.0
Clock = Callable[[], datetime]


@dataclass(slots=True)
class WorkerTotals:
    """What all passes of a worker have brought: the counts of their events, and their steps."""

    counts: RunTotals = field(default_factory=RunTotals)
    steps: UpdateSteps = field(default_factory=UpdateSteps)
    started: float = field(default_factory=time.monotonic)

    def report(
        self, ended_by: NexusError | None = None, drained_by: str | None = None
    ) -> RunReport:
        """Return it as the report of a worker that ended like this."""
        seconds = time.monotonic() - self.started
        return replace(self.counts.report(seconds, ended_by, drained_by), steps=self.steps)


async def work(
    settings: Settings,
    exchange: str | None,
    observe: Observer,
    drain: Drain,
    clock: Clock | None = None,
    watchlist: str | None = None,
) -> RunReport:
    """Keep an exchange, or all, fresh until a drain is requested or the vendor refuses the key.

    With `watchlist` only its assets. What is published follows from `clock`; without one, from the
    database's. Returns the report.
    """
    totals = WorkerTotals()
    ended_by: NexusError | None = None
    observing = observers(observe, totals.counts.note)
    async with database_once_there(settings, observe, drain) as url:
        observe(RunStarted("worker", 0))
        while not (drain.requested.is_set() or ended_by):
            try:
                async with open_run(settings, url, observing, WORKER) as (store, requester):
                    session = WorkerSession(
                        settings, store, requester, observe, drain, totals, clock, watchlist
                    )
                    ended_by = await session.work(exchange)
            except (StorageUnavailable, BaseExceptionGroup) as error:
                cause = foreseen(error)
                if not isinstance(cause, StorageUnavailable):
                    raise cause from None
                await wait_for_database(settings, cause, observe, drain)
    report = totals.report(ended_by, drain.reason)
    observe(RunFinished("worker", report.outcome, report.duration_sec))
    return report


@asynccontextmanager
async def database_once_there(
    settings: Settings, observe: Observer, drain: Drain
) -> AsyncIterator[str]:
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
                await wait_for_database(settings, error, observe, drain)
        yield url


async def wait_for_database(
    settings: Settings, cause: StorageUnavailable, observe: Observer, drain: Drain
) -> None:
    """Wait a while for a database that is away, or until a drain."""
    seconds = min(_DATABASE_SEC, settings.poll_seconds)
    observe(Waiting(f"the database ({cause})", seconds))
    await sleep_unless_drained(drain, seconds)


@dataclass(frozen=True, slots=True)
class WorkerSession:
    """A worker's time with one open store: pass after pass over what is due.

    What the passes report is handed to `listener` and counted in `totals`.
    """

    settings: Settings
    store: Store
    requester: Requester
    listener: Observer
    drain: Drain
    totals: WorkerTotals
    clock: Clock | None = None
    watchlist: str | None = None

    async def work(self, exchange: str | None) -> NexusError | None:
        """Work until drained; return the error that ended it, if one did."""
        run_id = await self.store.runs.start("worker")
        with in_run(run_id):
            return await self._work(run_id, exchange)

    async def _work(self, run_id: int, exchange: str | None) -> NexusError | None:
        counts, fruitless = self.totals.counts, 0
        ended_by: NexusError | None = None
        while not (self.drain.requested.is_set() or ended_by):
            check = await RunCheck.begin(self.store, self.settings.require_token(), counts)
            answered, unanswered = counts.answered, counts.unanswered
            steps = await self._pass_to_its_end(run_id, exchange)
            self.totals.steps += replace(steps, ended_by=None, paused_by=None)
            ended_by = await check.breach(run_id) or steps.ended_by
            if counts.answered == answered and not (steps.lists or ended_by):
                has_failed = counts.unanswered > unanswered
                fruitless = fruitless + 1 if has_failed else 0
                await self._rest(fruitless, steps)
            else:
                fruitless = 0
        outcome = str(ended_by or "drained")
        await self.store.runs.finish(run_id, outcome, self.totals.report().as_dict())
        return ended_by

    async def _pass_to_its_end(self, run_id: int, exchange: str | None) -> UpdateSteps:
        """Return what a pass brought, also one that ended before its first step."""
        try:
            return await self._pass(run_id, exchange)
        except (CredentialsRefused, VendorUnavailable, UsageError) as error:
            # A watchlist may be deleted or emptied meanwhile.
            return UpdateSteps(ended_by=error)

    async def _pass(self, run_id: int, exchange: str | None) -> UpdateSteps:
        """Load what is due now and not in another run's hands."""
        store, settings = self.store, self.settings
        moment = await store.runs.moment()
        # It may have stood still: a machine that slept.
        store.clock.note(moment)
        now = self.clock() if self.clock else moment
        await store.runs.report(self.requester.state())
        await store.leases.requeue_absent(now)
        await store.leases.free_lost()
        reader = reader_of(settings, store, self.requester, self.listener)
        chosen = await store.listings.watched_ids(self.watchlist) if self.watchlist else None
        run = UpdateRun(
            settings=settings,
            store=store,
            requester=self.requester,
            listener=self.listener,
            totals=self.totals.counts,
            drain=self.drain,
            now=now,
            run_id=run_id,
            reader=replace(reader, clock=self.clock or store.clock.now),
            worker_pass=WorkerPass(moment, settings.late_seconds),
            asset_ids=chosen,
        )
        steps, _ = await advance_due(run, exchange, lambda _: None)
        return steps

    async def _rest(self, fruitless: int, steps: UpdateSteps) -> None:
        """Wait for the next pass; longer for a day without the calls of a session."""
        seconds = poll_sec(self.settings.poll_seconds, fruitless)
        if isinstance(steps.paused_by, QuotaSpent):
            self.listener(Waiting("the daily quota", steps.paused_by.resets_in_sec))
            seconds = max(seconds, min(steps.paused_by.resets_in_sec, LONGEST_WAIT_SEC))
        await sleep_unless_drained(self.drain, seconds)


async def sleep_unless_drained(drain: Drain, seconds: float) -> None:
    """Sleep, but wake up at once for a drain."""
    try:
        async with asyncio.timeout(seconds):
            await drain.requested.wait()
    except TimeoutError:
        return
