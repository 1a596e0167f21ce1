"""A daemon can be seen to go round, and what it does says to which job it belongs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from data_nexus.config import load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.jobs.jobs import add_job
from data_nexus.database.store import Store
from data_nexus.domain.planning.jobs import Action, Ended, Job, JobOutcome, StoredJob, TakenRun
from data_nexus.events import Event, JobEnded, JobStarted
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.observe.context import current_facts
from data_nexus.service.daemon import Daemon
from tests.support.postgres.tables import execute


@dataclass(slots=True)
class Overheard:
    """A job that remembers the context in which it ran, and an observer that does so for events."""

    within: dict[str, Mapping[str, object]] = field(default_factory=dict)
    events: list[tuple[type, Mapping[str, object]]] = field(default_factory=list)

    async def run(self, _: Store, job: StoredJob, taken: TakenRun, now: datetime) -> Ended:
        """Give the other job time to begin."""
        del taken, now
        await asyncio.sleep(0.05)
        self.within[job.name] = dict(current_facts())
        return Ended(JobOutcome.DONE)

    def hear(self, event: Event) -> None:
        """Remember an event's kind and context."""
        self.events.append((type(event), dict(current_facts())))


def test_jobs_at_once_are_told_apart_and_the_daemon_goes_round(
    tmp_path: Path, database_url: str
) -> None:
    database = PostgresConnection(database_url)
    for name in ("one", "two"):
        schedule = "cron * * * * *"
        add_job(database, Job(name=name, action=Action.UPDATE, exchange=name, schedule=schedule))
    execute(database_url, "UPDATE jobs SET since = now() - interval '1 hour'")
    settings, overheard = load_settings(environ={"NEXUS_HOME": str(tmp_path)}), Overheard()
    daemon = Daemon(
        settings,
        database_url,
        lambda *_: {Action.UPDATE: overheard},
        overheard.hear,
        Drain(overheard.hear),
    )
    assert daemon.rounds.age_sec is None
    asyncio.run(daemon.run(once=True))
    assert daemon.rounds.age_sec is not None
    assert daemon.rounds.age_sec < 60
    assert overheard.within == {"one": {"job": "one"}, "two": {"job": "two"}}
    ended = [facts for kind, facts in overheard.events if kind in (JobStarted, JobEnded)]
    assert sorted(ended, key=str) == [{"job": "one"}] * 2 + [{"job": "two"}] * 2
