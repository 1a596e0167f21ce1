"""Daemons in processes of their own, which go by a clock that the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
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
from data_nexus.events import ignore, observers
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.observe.logs import log_event
from data_nexus.service.actions.all_actions import job_actions
from data_nexus.service.alerting import AlertWatch, watched
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
def forked_operation(
    commands: Commands, clock: Path, free: Path, **settings: object
) -> Iterator[ForkServerProcess]:
    """Start a daemon that updates and sends alerts; it is killed at the end of the block.

    The share of the disk that is free stands in a file; beside it is one that grows by a byte each
    time that it was read, which is once for each look at what alerts are about.
    """
    environment = commands.environment_with(_HASTY | settings)
    told = (str(commands.folder), environment, str(clock), str(free))
    with _started(FORKS.Process(target=_operate, args=told)) as child:
        yield child


def looks_file(free: Path) -> Path:
    """The file that grows as often as `free` is read."""
    return free.with_suffix(".looks")


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


def _operate(folder: str, environment: dict[str, str], clock: str, free: str) -> None:
    with placed(folder, environment):
        asyncio.run(_run_and_watch(environment["DATABASE_URL"], clock, free))


async def _run_and_watch(url: str, clock: str, free: str) -> None:
    def free_share(_: Path) -> float:
        with looks_file(Path(free)).open("a", encoding="utf-8") as looks:
            looks.write(".")
        return float(Path(free).read_text(encoding="utf-8"))

    settings, now, drain = load_settings({}), _clock(clock), Drain(log_event)
    watch = AlertWatch(lambda: settings, url, log_event, now, free_share)
    with draining_on_signals(drain):
        observe = observers(log_event, watch.note)
        async with watched(watch, once=False):
            await Daemon(settings, url, job_actions, observe, drain, now).run()


def _clock(file: str) -> Callable[[], datetime]:
    return lambda: datetime.fromisoformat(Path(file).read_text(encoding="utf-8"))


async def _run(url: str, clock: str, settings: Settings, action: JobAction | None) -> None:
    drain = Drain(ignore)
    with draining_on_signals(drain):
        recording = dict.fromkeys(Action, action) if action else None

        def actions_for(*given: Any) -> Mapping[Action, JobAction]:  # noqa: ANN401
            return recording or job_actions(*given)

        await Daemon(settings, url, actions_for, ignore, drain, _clock(clock)).run()
