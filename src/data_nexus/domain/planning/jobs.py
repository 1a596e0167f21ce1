"""The daemon's jobs: what they do, which come with an exchange, how their runs end. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from data_nexus.domain.calendar.publication import PublicationKind, delay_of, kind_of
from data_nexus.domain.planning.due import MarketSegment
from data_nexus.domain.planning.schedules import AfterSession
from data_nexus.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
# A job that failed is tried again after one minute, then two, four and so on.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)


class Action(StrEnum):
    """What a job does."""

    UPDATE = "update"
    DISCOVER = "discover"
    SNAPSHOT = "snapshot"
    VERIFY = "verify"
    BACKUP = "backup"
    DRILL = "drill"


class JobOutcome(StrEnum):
    """How a run of a job ended; `late`: the vendor did not have all of it yet."""

    RUNNING = "running"
    DONE = "done"
    LATE = "late"
    FAILED = "failed"
    DRAINED = "drained"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of a job ended, why, and when it is tried again (None: when it is due next).

    `brought` counts what it brought: None if nothing was to be had, or if it counts nothing.
    `error` names the kind of what failed.
    """

    outcome: JobOutcome
    detail: str = ""
    retry_at: datetime | None = None
    brought: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job: what it does, with which exchange (None: all), by which schedule, as text.

    `target` is where it writes, or for a drill reads: a folder, or an address of an object store.
    """

    name: str
    action: Action
    exchange: str | None
    schedule: str
    target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJob(Job):
    """A job as it is stored.

    What was due up to `known_to` is done with; `last_success` is when a run of it was last done.
    `is_default`: it comes with its exchange.
    """

    known_to: datetime
    is_default: bool = False
    paused_at: datetime | None = None
    last_success: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenRun:
    """A run that a daemon has taken, for the nth time; it makes up for `missed` earlier ones."""

    run_id: int
    job: str
    due_at: datetime
    attempts: int
    missed: int


def job_name(text: str) -> str:
    """Return `text` as the name of a job; raise `UsageError` if it cannot be one."""
    if _NAME.fullmatch(text) is None:
        raise UsageError(
            f"not a name for a job: {text!r}; it has letters, digits, '.', '_' and '-'"
        )
    return text


def require_fitting(job: Job) -> None:
    """Raise `UsageError` for a job with an exchange or a target that its action has no use for."""
    takes_exchange = job.action in (Action.UPDATE, Action.DISCOVER)
    if job.exchange and not takes_exchange:
        raise UsageError(f"a {job.action} is of the whole database: leave out --exchange")
    if job.action is Action.SNAPSHOT and not job.target:
        raise UsageError("a snapshot needs a place: --to with a folder, or s3://bucket/prefix")
    if job.target and job.action not in (Action.SNAPSHOT, Action.BACKUP, Action.DRILL):
        raise UsageError(f"a {job.action} writes into the database only: leave out --to")
    if job.target and job.action is not Action.SNAPSHOT and "://" in job.target:
        raise UsageError(f"not a folder: {job.target!r}; a {job.action} takes a folder on a disk")


def no_job(name: str, there: Collection[str]) -> UsageError:
    """Return the error for a job that is not there; it names those that are."""
    jobs = f"there are {', '.join(there)}" if there else "nexus run adds those of exchanges"
    return UsageError(f"no job {name!r}; {jobs}")


def default_jobs(segments: Collection[MarketSegment]) -> list[Job]:
    """Return the jobs that keep segments fresh: one for each publication of an exchange."""
    schedules = {
        _published_with(segment.exchange, kind_of(segment.venue, segment.asset_type))
        for segment in segments
    }
    return [
        Job(
            name=str(schedule).replace("after ", "update-").replace(" ", "-"),
            action=Action.UPDATE,
            exchange=schedule.exchange,
            schedule=str(schedule),
        )
        for schedule in sorted(schedules, key=str)
    ]


def _published_with(exchange: str, kind: PublicationKind) -> AfterSession:
    """The schedule of a kind; what is published with others needs none of its own."""
    delay = delay_of(exchange, kind)
    first = next(each for each in PublicationKind if delay_of(exchange, each) == delay)
    return AfterSession(exchange, first)


def next_attempt_in(attempts: int) -> timedelta:
    """Return after how long a job is tried again that has failed so many times."""
    doublings = min(attempts - 1, 30)
    return min(_FIRST_WAIT * float(2**doublings), _LONGEST_WAIT)
