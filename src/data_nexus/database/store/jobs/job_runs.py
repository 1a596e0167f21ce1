"""Take the runs of jobs that are due, each by one daemon, and say how they ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from psycopg.rows import class_row, scalar_row

from data_nexus.database.pool import Pool
from data_nexus.domain.planning.due import MarketSegment
from data_nexus.domain.planning.jobs import Ended, Job, StoredJob, TakenRun
from data_nexus.domain.planning.schedules import DueRun


@dataclass(frozen=True, slots=True)
class JobRuns:
    """The runs of the daemon `owner`; its session's lock proves that it lives."""

    _pool: Pool
    owner: int

    async def jobs(self) -> list[StoredJob]:
        """Return the jobs, by name."""
        return await self._pool.rows("read_jobs", {}, class_row(StoredJob))

    async def segments(self) -> list[MarketSegment]:
        """Return the market segments of the assets that are to be kept fresh."""
        return await self._pool.rows("job_segments", {}, class_row(MarketSegment))

    async def add_default(self, job: Job, since: datetime) -> None:
        """Add a job that comes with its exchange, unless it is there; it is due after `since`."""
        await self._pool.execute("add_default_job", asdict(job) | {"since": since})

    async def take(self, job: StoredJob, due: DueRun) -> TakenRun | None:
        """Take a run that is due; None if another daemon has, or if the job is paused or gone."""
        parameters = {
            "job": job.name,
            "due_at": due.due_at,
            "missed": due.missed,
            "owner": self.owner,
        }
        taken = await self._pool.rows("take_job_run", parameters, class_row(TakenRun))
        return taken[0] if taken else None

    async def retake(self, moment: datetime) -> list[TakenRun]:
        """Take the runs that are to be tried again by a moment, and those of lost daemons."""
        parameters = {"moment": moment, "owner": self.owner}
        return await self._pool.rows("retake_job_runs", parameters, class_row(TakenRun))

    async def settle(self, taken: TakenRun, ended: Ended) -> bool:
        """Say how a run ended; False, and nothing is written, if another daemon has taken it."""
        parameters = {
            "run_id": taken.run_id,
            "attempts": taken.attempts,
            "owner": self.owner,
            "outcome": ended.outcome,
            "detail": ended.detail,
            "retry_at": ended.retry_at,
            "brought": ended.brought,
            "error": ended.error,
        }
        return bool(await self._pool.rows("settle_job_run", parameters, scalar_row))
