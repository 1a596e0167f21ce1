"""The job that makes an exchange fresh, and what its run leaves to be tried again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from data_nexus.config import Settings
from data_nexus.database.store import Store
from data_nexus.domain.planning.due import behind_by_exchange, published_at
from data_nexus.domain.planning.jobs import Ended, JobOutcome, StoredJob, TakenRun, next_attempt_in
from data_nexus.domain.planning.notices import NoticeReason
from data_nexus.errors import NexusError, QuotaSpent
from data_nexus.events import Observer
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.nightly.update import update
from data_nexus.ingestion.reports.run_report import RunReport
from data_nexus.ingestion.wiring import LimitPolicy

# A run that ends early is tried again by the daemon, which knows when; it does not wait itself.
_POLICY = LimitPolicy(leaves_reserve=True)


@dataclass(frozen=True, slots=True)
class UpdateJob:
    """Updates exchanges in the database of `url`."""

    settings: Settings
    url: str
    observe: Observer
    drain: Drain

    async def run(self, store: Store, job: StoredJob, taken: TakenRun, now: datetime) -> Ended:
        """Make the job's exchange fresh as of `now`; return how that ended."""
        try:
            due = await still_behind(store, job.exchange, now)
            report = await update(
                self.settings, self.url, job.exchange, self.observe, self.drain, _POLICY, now
            )
            behind = await still_behind(store, job.exchange, now)
        except NexusError as error:
            return failed(error, taken, now)
        late = timedelta(seconds=self.settings.late_seconds)
        ended = ended_of(report, behind, taken, now, late)
        # Where nothing was due, what it brought says nothing about the vendor.
        return replace(ended, brought=report.synced if due else None)


async def still_behind(store: Store, exchange: str | None, now: datetime) -> int:
    """Return how many loaded assets lack a session that is published by `now`."""
    queued = [each for each in await store.sessions.queued(exchange, now) if each.cursor]
    segments = {each.segment for each in queued}
    calendars = await store.calendars.read()
    published = await asyncio.to_thread(published_at, segments, now, calendars)
    behind = behind_by_exchange(queued, published)
    return sum(group.assets for groups in behind.values() for group in groups)


def ended_of(
    report: RunReport, behind: int, taken: TakenRun, now: datetime, late: timedelta
) -> Ended:
    """Return how a run ended, from its report and how many assets it has left behind.

    What the vendor did not have yet is asked for again after `late`, what failed after a while that
    grows with the attempts, what was drained as soon as a daemon runs.
    """
    error = report.ended_by or (report.steps.paused_by if report.steps else None)
    if report.drained_by is not None:
        return Ended(JobOutcome.DRAINED, report.drained_by, now)
    if error is not None:
        return failed(error, taken, now)
    again = now + next_attempt_in(taken.attempts)
    if unread := report.failed + report.actions_failed:
        return Ended(JobOutcome.FAILED, f"no usable answer for {unread} assets", again)
    if missing := max(behind, report.notices.counts.get(NoticeReason.LATE, 0)):
        text = f"{missing} assets lack the last session: the vendor is late, or the exchange shut"
        return Ended(JobOutcome.LATE, text, now + late)
    return Ended(JobOutcome.DONE, f"{report.synced} assets synced, {report.calls} calls")


def failed(error: NexusError, taken: TakenRun, now: datetime) -> Ended:
    """Return how a run ended that an error has ended."""
    again = next_attempt_in(taken.attempts)
    if isinstance(error, QuotaSpent):
        again = max(again, timedelta(seconds=error.resets_in_sec))
    return Ended(JobOutcome.FAILED, str(error), now + again, error=type(error).__name__)
