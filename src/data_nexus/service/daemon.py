"""Run jobs when they are due, each run by one daemon; a failing job never stops the others.

A due run is a row that a daemon inserts: of two, one succeeds, and does it. What a daemon has left
behind, killed or cut off, another one takes, or it does itself once it is back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from data_nexus.config import Settings
from data_nexus.database.store import Store, open_store
from data_nexus.domain.planning.jobs import (
    Action,
    Ended,
    JobOutcome,
    StoredJob,
    TakenRun,
    default_jobs,
    next_attempt_in,
    no_job,
)
from data_nexus.domain.planning.schedules import DueRun, due_run, parse_schedule
from data_nexus.errors import NexusError, StorageUnavailable, UsageError
from data_nexus.events import JobEnded, JobStarted, Observer, SettingsReread, Warned
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.nightly.worker import sleep_unless_drained, wait_for_database
from data_nexus.ingestion.wiring import foreseen
from data_nexus.observe.context import in_job
from data_nexus.observe.systemd import notify, reloading
from data_nexus.service.rounds import Rounds

_REPORTED = 100
# What a daemon is connected with: other values need another one.
_FIXED = (
    *("database_url", "nexus_home", "schema", "lease_seconds"),
    *("http_address", "http_port", "http_hosts", "dashboard_password_file"),
)
_INSTANT, _LONG_AGO = timedelta(microseconds=1), datetime(1970, 1, 1, tzinfo=UTC)
Clock = Callable[[], datetime]
_LOG = logging.getLogger("data_nexus")


class JobAction(Protocol):
    """What a job does."""

    async def run(self, store: Store, job: StoredJob, taken: TakenRun, now: datetime) -> Ended:
        """Do it, as of `now`; return how it ended."""
        ...


# What jobs do with these settings, in the database of a URL.
ActionsFor = Callable[[Settings, str, Observer, Drain], Mapping[Action, JobAction]]


@dataclass(frozen=True, slots=True)
class JobReport:
    """A run of a job that a daemon has ended."""

    job: str
    due_at: datetime
    outcome: JobOutcome
    detail: str

    def as_dict(self) -> dict[str, Any]:
        """Return it under the names of `nexus run --json`."""
        return asdict(self)


@dataclass(slots=True)
class Daemon:
    """Runs jobs in one process; `actions_for` settings are what they do.

    What is due follows from `clock`; without one, from the database's. Once `reload` is set it has
    its settings from `reread`. `rounds` go on as long as it looks for what is due; `reports` are of
    the last runs.
    """

    settings: Settings
    url: str
    actions_for: ActionsFor
    observe: Observer
    drain: Drain
    clock: Clock | None = None
    rounds: Rounds = field(default_factory=Rounds)
    reread: Callable[[], Settings] | None = None
    reload: asyncio.Event = field(default_factory=asyncio.Event)
    reports: deque[JobReport] = field(default_factory=lambda: deque(maxlen=_REPORTED))
    _running: set[str] = field(default_factory=set)
    # One job at a time is at work on an exchange: another would find it in the first one's hands.
    _turns: defaultdict[str | None, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )

    async def run(self, *, once: bool = False) -> None:
        """Run jobs until a drain; with `once` those that are due now, and return after them.

        The database may go and come back. Raises `StorageUnavailable` with `once` if it is away.
        """
        while not self.drain.requested.is_set():
            self.rounds.note()
            try:
                await self._with_store(once=once)
            except (StorageUnavailable, BaseExceptionGroup) as error:
                cause = foreseen(error)
                if once or not isinstance(cause, StorageUnavailable):
                    raise cause from None
                await wait_for_database(self.settings, cause, self.observe, self.drain)
            if once:
                break
        notify("STOPPING=1")

    async def run_now(self, name: str) -> JobReport:
        """Run a job at once, whenever it is due; it then counts as done up to now.

        Raises `UsageError` if there is no such job, or if it is paused.
        """
        settings = self.settings
        async with open_store(self.url, settings.schema, 1, settings.lease_seconds) as store:
            now = await self._now(store)
            jobs = await self._jobs(store, now)
            if name not in jobs:
                raise no_job(name, jobs)
            if (taken := await store.jobs.take(jobs[name], DueRun(now, 0))) is None:
                raise UsageError(f"{name} is paused; run: nexus jobs resume {name}")
            await self._perform(store, jobs[name], taken)
        return self.reports[-1]

    async def _with_store(self, *, once: bool) -> None:
        settings = self.settings
        async with (
            open_store(self.url, settings.schema, 1, settings.lease_seconds) as store,
            asyncio.TaskGroup() as group,
        ):
            # Once its session is gone, others take its runs: what it does then is ended.
            watching = group.create_task(store.leases.watch())
            self._running.clear()
            notify("READY=1")
            begun: list[asyncio.Task[None]] = []
            while not self.drain.requested.is_set():
                self.rounds.note()
                self._reload()
                begun = [each for each in begun if not each.done()]
                begun += [group.create_task(each) for each in await self._due(store)]
                notify("WATCHDOG=1")
                if once:
                    break
                await sleep_unless_drained(self.drain, settings.poll_seconds)
            await asyncio.gather(*begun)
            watching.cancel()

    def _reload(self) -> None:
        """Take new settings if they are asked for; what runs goes on with the old ones."""
        if self.reread is None or not self.reload.is_set():
            return
        self.reload.clear()
        notify(reloading())
        old = self.settings
        try:
            new = self.reread()
        except NexusError as error:
            self.observe(Warned("settings", f"those before stay in force: {error}"))
        else:
            changed = [
                each.name
                for each in fields(Settings)
                if getattr(old, each.name) != getattr(new, each.name)
            ]
            if fixed := [name for name in changed if name in _FIXED]:
                text = f"{', '.join(fixed)}: only a daemon that is started anew takes another value"
                self.observe(Warned("settings", text))
            self.settings = replace(new, **{name: getattr(old, name) for name in fixed})
            taken = [name for name in changed if name not in fixed]
            self.observe(SettingsReread(tuple(taken)))
        notify("READY=1")

    async def _due(self, store: Store) -> list[Any]:
        """Take what is due; return the work."""
        now = await self._now(store)
        jobs = await self._jobs(store, now)
        taken = await store.jobs.retake(now)
        done_at = {job.name: job.last_success for job in jobs.values() if job.last_success}
        for job in jobs.values():
            due = await asyncio.to_thread(self._due_run, job, done_at, now)
            if due and (one := await store.jobs.take(job, due)):
                taken.append(one)
        return [self._perform(store, jobs[one.job], one) for one in taken if one.job in jobs]

    async def _jobs(self, store: Store, now: datetime) -> dict[str, StoredJob]:
        """Return the jobs by name, with those that an exchange has newly brought."""
        jobs = {job.name: job for job in await store.jobs.jobs()}
        if new := [j for j in default_jobs(await store.jobs.segments()) if j.name not in jobs]:
            for job in new:
                last = await asyncio.to_thread(
                    due_run, parse_schedule(job.schedule), _LONG_AGO, now
                )
                # The last session is its first work: there is nothing to wait for.
                await store.jobs.add_default(job, (last.due_at if last else now) - _INSTANT)
            jobs = {job.name: job for job in await store.jobs.jobs()}
        return jobs

    def _due_run(
        self, job: StoredJob, done_at: Mapping[str, datetime], now: datetime
    ) -> DueRun | None:
        if job.paused_at is not None or job.name in self._running:
            return None
        try:
            return due_run(parse_schedule(job.schedule), job.known_to, now, done_at)
        except UsageError as error:
            self.observe(Warned(job.name, f"it does not run: {error}"))
            return None

    async def _perform(self, store: Store, job: StoredJob, taken: TakenRun) -> None:
        """Do a run of a job, when its exchange is free; no error of it goes further."""
        self._running.add(job.name)
        with in_job(job.name):
            async with self._turns[job.exchange]:
                await self._do(store, job, taken)

    async def _do(self, store: Store, job: StoredJob, taken: TakenRun) -> None:
        """Do a run of a job and say how it ended."""
        due_at, begun = taken.due_at.isoformat(), time.monotonic()
        self.observe(JobStarted(job.name, due_at, taken.attempts, taken.missed))
        now = await self._now(store)
        try:
            actions = self.actions_for(self.settings, self.url, self.observe, self.drain)
            ended = await actions[Action(job.action)].run(store, job, taken, now)
            if ended.outcome is not JobOutcome.DRAINED and ended.retry_at:
                # A run may take longer than the wait, which begins at its end.
                ended = replace(ended, retry_at=ended.retry_at + self._since(now, begun))
        except Exception as error:  # noqa: BLE001 - a bug of one job must not end the others
            _LOG.exception("a bug of ours in the job %s; please report it", job.name)
            again = now + next_attempt_in(taken.attempts)
            ended = Ended(JobOutcome.FAILED, f"a bug of ours: {type(error).__name__}", again)
        finally:
            self._running.discard(job.name)
        try:
            if not await store.jobs.settle(taken, ended):
                self.observe(Warned(job.name, "another daemon has taken it over"))
        except NexusError as error:
            self.observe(Warned(job.name, f"its end is not on record: {error}"))
        self.reports.append(JobReport(job.name, taken.due_at, ended.outcome, ended.detail))
        again_at = ended.retry_at.isoformat() if ended.retry_at else ""
        seconds = time.monotonic() - begun
        self.observe(JobEnded(job.name, due_at, ended.outcome, ended.detail, again_at, seconds))

    def _since(self, now: datetime, begun: float) -> timedelta:
        """Return how long it is since the moment `now`, which was at `begun`."""
        return self.clock() - now if self.clock else timedelta(seconds=time.monotonic() - begun)

    async def _now(self, store: Store) -> datetime:
        return self.clock() if self.clock else await store.runs.moment()
