"""When a watch looks, and when a daemon tries again what failed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from data_nexus.config import Settings
from data_nexus.database.store import Store
from data_nexus.domain.planning.jobs import Action, Ended, JobOutcome, StoredJob, TakenRun
from data_nexus.events import JobEnded, ignore
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.service.alerting import AlertWatch
from data_nexus.service.daemon import Daemon
from tests.support.alerts.receivers import WebReceiver, web_receiver
from tests.support.postgres.tables import eventually, execute, rows

FAILED = (
    "INSERT INTO job_runs (job, due_at, owner, ended_at, outcome)"
    " VALUES ('mine', now(), 0, now(), 'failed')"
)
ADDED = "INSERT INTO jobs (name, action, schedule) VALUES ('mine', 'verify', 'cron 0 0 29 2 *')"


@pytest.fixture
def receiver() -> Iterator[WebReceiver]:
    with web_receiver() as receiver:
        yield receiver


def test_a_job_that_ends_is_looked_at_at_once(database_url: str, receiver: WebReceiver) -> None:
    """However long the daemon rests: a failure stands only until the run is tried again."""
    execute(database_url, ADDED)
    settings = Settings(
        alert_webhook=receiver.url(),
        alive_url=receiver.url("/alive"),
        alert_patience="job-failed 0",
        poll_seconds=600.0,
    )
    watch = AlertWatch(lambda: settings, database_url, ignore, longest_rest_sec=600.0)

    async def watching() -> None:
        task = asyncio.create_task(watch.run())
        await asyncio.to_thread(eventually, lambda: receiver.paths)
        assert receiver.posts == []
        execute(database_url, FAILED)
        watch.note(JobEnded("mine", "", "failed", "", "", 1.0))
        await asyncio.to_thread(eventually, lambda: receiver.posts)
        task.cancel()

    asyncio.run(watching())
    assert [each["condition"] for each in receiver.posts] == ["job-failed"]


@dataclass(frozen=True, slots=True)
class Slow:
    """A job that fails after a second."""

    async def run(self, _: Store, __: StoredJob, ___: TakenRun, now: datetime) -> Ended:
        """Fail."""
        await asyncio.sleep(1)
        return Ended(JobOutcome.FAILED, retry_at=now + timedelta(minutes=1))


def test_the_wait_before_another_attempt_begins_when_a_run_has_failed(database_url: str) -> None:
    """After a run of minutes it would be over before the failure was seen."""
    execute(database_url, ADDED)
    slow = dict.fromkeys(Action, Slow())
    daemon = Daemon(Settings(), database_url, lambda *_: slow, ignore, Drain(ignore))
    asyncio.run(daemon.run_now("mine"))
    ((wait,),) = rows(database_url, "SELECT retry_at - ended_at FROM job_runs")
    assert timedelta(seconds=59.5) < wait < timedelta(seconds=60.5)
