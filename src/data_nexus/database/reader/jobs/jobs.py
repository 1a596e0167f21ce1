"""List, add, remove, pause and resume the daemon's jobs, and look at what they did."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from psycopg.rows import class_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.domain.planning.jobs import Job, StoredJob, job_name, no_job, require_fitting
from data_nexus.domain.planning.schedules import AfterJob, next_due, parse_schedule
from data_nexus.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob(StoredJob):
    """A job with its last run."""

    last_due: datetime | None
    outcome: str | None
    detail: str | None
    ended_at: datetime | None
    retry_at: datetime | None

    def next_after(self, now: datetime) -> datetime | None:
        """Return when it runs next; None while it is paused, or if it is not known."""
        if self.paused_at is not None:
            return None
        try:
            following = next_due(parse_schedule(self.schedule), now)
        except UsageError:
            return None
        return min(filter(None, (following, self.retry_at)), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJobRun:
    """A run of a job, when it was due, and how it went; it makes up for `missed` earlier ones."""

    job: str
    due_at: datetime
    missed: int
    attempts: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    detail: str
    retry_at: datetime | None


def list_jobs(database: PostgresConnection) -> list[ListedJob]:
    """Return the jobs, by name."""
    return database.rows("list_jobs", {}, class_row(ListedJob))


def list_job_runs(
    database: PostgresConnection, name: str | None = None, limit: int = 20
) -> list[ListedJobRun]:
    """Return the last runs of a job, or of all, newest first; raise `UsageError` for no such job.

    The runs of a job that was removed since are still listed.
    """
    runs = database.rows("list_job_runs", {"name": name, "limit": limit}, class_row(ListedJobRun))
    if name is not None and not runs:
        require_job(database, name)
    return runs


def add_job(database: PostgresConnection, job: Job) -> None:
    """Add a job of a person's own.

    Raises `UsageError` for a name or a schedule that is none, for what does not fit its action, and
    if there is a job of that name.
    """
    job_name(job.name)
    require_fitting(job)
    schedule = parse_schedule(job.schedule)
    if isinstance(schedule, AfterJob):
        require_job(database, schedule.job)
    with database.connect() as connection:
        if not connection.execute(query("add_job"), asdict(job)).rowcount:
            raise UsageError(
                f"there is a job {job.name} already; another name, or: nexus jobs remove {job.name}"
            )


def remove_job(database: PostgresConnection, name: str) -> None:
    """Delete a job; raise `UsageError` if it is not there or comes with its exchange."""
    found = require_job(database, name)
    if found.is_default:
        raise UsageError(f"{name} comes with its exchange; let it rest: nexus jobs pause {name}")
    with database.connect() as connection:
        connection.execute(query("remove_job"), {"name": name})


def pause_job(database: PostgresConnection, name: str) -> None:
    """Let a job rest until it is resumed; raise `UsageError` if it is not there."""
    _change(database, "pause_job", name)


def resume_job(database: PostgresConnection, name: str) -> None:
    """End a job's pause: it runs when it is due next; raise `UsageError` if it is not there."""
    _change(database, "resume_job", name)


def ask_for_run(database: PostgresConnection, name: str) -> None:
    """Let the next daemon that looks run a job at once; it then counts as done up to now.

    Raises `UsageError` if it is not there, or if it is paused.
    """
    with database.connect() as connection:
        if connection.execute(query("ask_for_job_run"), {"name": name}).rowcount:
            return
    require_job(database, name)
    raise UsageError(f"{name} is paused; run: nexus jobs resume {name}")


def require_job(database: PostgresConnection, name: str) -> ListedJob:
    """Return a job; raise `UsageError` that names those there are."""
    jobs = {job.name: job for job in list_jobs(database)}
    if name not in jobs:
        raise no_job(name, jobs)
    return jobs[name]


def _change(database: PostgresConnection, statement: str, name: str) -> None:
    with database.connect() as connection:
        if not connection.execute(query(statement), {"name": name}).rowcount:
            require_job(database, name)
