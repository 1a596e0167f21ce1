"""Daemons in processes of their own, which go by a clock that the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import process
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import psycopg

from data_nexus.app.signals import draining_on_signals
from data_nexus.config import Settings, load_settings
from data_nexus.database.store import Store
from data_nexus.domain.planning.jobs import Action, Ended, JobOutcome, StoredJob, TakenRun
from data_nexus.events import ignore
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.service.actions.all_actions import job_actions
from data_nexus.service.daemon import Daemon, JobAction
from tests.support.programs.commands import Commands
from tests.support.programs.forked_commands import FORKS, placed

EXECUTED = "CREATE TABLE executed (job text, due_at timestamptz, attempt int, at timestamptz)"
_HASTY = {"poll_seconds": 0.05, "backoff_seconds": 0.01, "breaker_seconds": 0.1}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A job that records itself; one whose name begins with `bad` fails each time."""

    url: str

    async def run(self, _: Store, job: StoredJob, taken: TakenRun, now: datetime) -> Ended:
        """Write a row, or fail."""
        if job.name.startswith("bad"):
            raise ZeroDivisionError
        row = (taken.job, taken.due_at, taken.attempts, now)
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            await connection.execute("INSERT INTO executed VALUES (%s, %s, %s, %s)", row)
        return Ended(JobOutcome.DONE)


@contextmanager
def forked_daemon(url: str, clock: Path) -> Iterator[ForkServerProcess]:
    """Start a daemon with jobs that record themselves; it is killed at the end of the block."""
    with _started(FORKS.Process(target=_record, args=(url, str(clock)))) as child:
        yield child


@contextmanager
def forked_updates(commands: Commands, clock: Path) -> Iterator[ForkServerProcess]:
    """Start a daemon that updates; it is killed at the end of the block."""
    environment = commands.environment_with(_HASTY)
    told = (str(commands.folder), environment, str(clock))
    with _started(FORKS.Process(target=_update, args=told)) as child:
        yield child


@contextmanager
def _started(child: ForkServerProcess) -> Iterator[ForkServerProcess]:
    child.start()
    process._children.discard(child)  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        yield child
    finally:
        child.kill()
        child.join()


def _record(url: str, clock: str) -> None:
    asyncio.run(_run(url, clock, Settings(poll_seconds=0.02), Recorded(url)))


def _update(folder: str, environment: dict[str, str], clock: str) -> None:
    with placed(folder, environment):
        asyncio.run(_run(environment["DATABASE_URL"], clock, load_settings({}), None))


async def _run(url: str, clock: str, settings: Settings, action: JobAction | None) -> None:
    def now() -> datetime:
        return datetime.fromisoformat(Path(clock).read_text(encoding="utf-8"))

    drain = Drain(ignore)
    with draining_on_signals(drain):
        recording = dict.fromkeys(Action, action) if action else None

        def actions_for(*given: Any) -> Mapping[Action, JobAction]:  # noqa: ANN401
            return recording or job_actions(*given)

        await Daemon(settings, url, actions_for, ignore, drain, now).run()
