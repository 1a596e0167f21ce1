"""A run is a row: of all daemons one does it, and what a lost one has left is taken up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.jobs.jobs import (
    add_job,
    list_job_runs,
    list_jobs,
    pause_job,
    remove_job,
    resume_job,
)
from data_nexus.database.store import Store, open_store
from data_nexus.domain.planning.jobs import Action, Ended, Job, JobOutcome, StoredJob, TakenRun
from data_nexus.domain.planning.schedules import DueRun
from data_nexus.errors import UsageError
from tests.support.postgres.tables import execute, rows

MOMENT_DUE = datetime(2026, 11, 9, 21, 15, tzinfo=UTC)
DUE = DueRun(MOMENT_DUE, 2)
JOB = Job(name="nightly", action=Action.UPDATE, exchange="US", schedule="after US")
DONE = Ended(JobOutcome.DONE, "12 assets")


@asynccontextmanager
async def daemon(url: str) -> AsyncIterator[Store]:
    async with open_store(url, "public", 1, lease_sec=30) as store:
        yield store


async def nightly(store: Store) -> StoredJob:
    """The job of these tests, as it is stored."""
    return next(job for job in await store.jobs.jobs() if job.name == JOB.name)


@pytest.fixture
def database(database_url: str) -> PostgresConnection:
    database = PostgresConnection(database_url)
    add_job(database, JOB)
    return database


def with_two(url: str, work: Callable[[Store, Store], Awaitable[None]]) -> None:
    async def both() -> None:
        async with daemon(url) as one, daemon(url) as other:
            await work(one, other)

    asyncio.run(both())


def test_a_run_is_taken_by_one_and_settled_by_it_alone(database: PostgresConnection) -> None:
    async def work(one: Store, other: Store) -> None:
        job = await nightly(one)
        taken = await asyncio.gather(*(s.jobs.take(job, DUE) for s in (one, other) * 5))
        (mine,) = [each for each in taken if each]
        owner, idle = (one, other) if taken[::2].count(mine) else (other, one)
        assert await idle.jobs.retake(MOMENT_DUE) == []
        assert not await idle.jobs.settle(mine, DONE)
        assert await owner.jobs.settle(mine, DONE)
        assert not await owner.jobs.settle(mine, DONE), "it has ended"
        assert (await nightly(one)).known_to >= MOMENT_DUE

    with_two(database.url, work)
    (run,) = list_job_runs(database, "nightly")
    assert (run.due_at, run.missed, run.attempts) == (MOMENT_DUE, 2, 1)
    assert (run.outcome, run.detail) == ("done", "12 assets")


def test_what_a_lost_daemon_has_left_is_taken_up_once(database: PostgresConnection) -> None:
    async def begin() -> TakenRun | None:
        async with daemon(database.url) as lost:
            return await lost.jobs.take(await nightly(lost), DUE)

    taken = asyncio.run(begin())
    assert taken

    async def work(one: Store, other: Store) -> None:
        found = await asyncio.gather(*(s.jobs.retake(MOMENT_DUE) for s in (one, other) * 5))
        (again,) = [each for some in found for each in some]
        assert (again.run_id, again.attempts, again.due_at) == (taken.run_id, 2, MOMENT_DUE)
        assert not await one.jobs.settle(taken, DONE), "a stale hand writes nothing"

    with_two(database.url, work)


def test_a_failed_run_is_tried_again_in_time_unless_a_later_one_has_come(
    database: PostgresConnection,
) -> None:
    async def work(one: Store, _: Store) -> None:
        job = await nightly(one)
        taken = await one.jobs.take(job, DUE)
        assert taken
        again_at = MOMENT_DUE + timedelta(minutes=1)
        await one.jobs.settle(taken, Ended(JobOutcome.FAILED, "no answer", again_at))
        assert await one.jobs.retake(MOMENT_DUE) == []
        (taken,) = await one.jobs.retake(again_at)
        assert taken.attempts == 2
        await one.jobs.settle(taken, Ended(JobOutcome.FAILED, "no answer", again_at))
        assert await one.jobs.take(job, DueRun(MOMENT_DUE + timedelta(days=1), 0))
        assert await one.jobs.retake(again_at) == []

    with_two(database.url, work)


def test_a_paused_job_takes_nothing_and_a_resumed_one_makes_nothing_up(
    database: PostgresConnection,
) -> None:
    pause_job(database, "nightly")

    async def work(one: Store, _: Store) -> None:
        assert await one.jobs.take(await nightly(one), DUE) is None

    with_two(database.url, work)
    execute(database.url, "UPDATE jobs SET since = since - interval '9 days'")
    before = list_jobs(database)[0].known_to
    resume_job(database, "nightly")
    after = list_jobs(database)[0]
    assert after.paused_at is None
    assert after.known_to - before > timedelta(days=8)
    resume_job(database, "nightly")
    assert list_jobs(database)[0].known_to == after.known_to, "it rested no more"


def test_what_cannot_be_says_why(database: PostgresConnection) -> None:
    with pytest.raises(UsageError, match="there is a job nightly already"):
        add_job(database, JOB)
    with pytest.raises(UsageError, match="no job 'nightli'; there are nightly"):
        pause_job(database, "nightli")
    with pytest.raises(UsageError, match="no job 'x'"):
        list_job_runs(database, "x")
    with pytest.raises(UsageError, match="not a name for a job"):
        add_job(database, Job(name="a b", action=Action.UPDATE, exchange=None, schedule="after US"))
    execute(database.url, "UPDATE jobs SET is_default = true")
    with pytest.raises(UsageError, match="nexus jobs pause nightly"):
        remove_job(database, "nightly")
    execute(database.url, "UPDATE jobs SET is_default = false")
    remove_job(database, "nightly")
    assert rows(database.url, "SELECT name FROM jobs") == []
