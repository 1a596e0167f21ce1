"""`nexus` in processes forked from one that has the modules and a calendar loaded already.

A kill costs a hundredth of a second instead of a second, so that hundreds of them fit in a test.
The command is the same, and so is what SIGKILL does to it.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from multiprocessing import process
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from tests.support.programs.commands import Commands

if TYPE_CHECKING:
    from data_nexus.ingestion.fetching.drain import Drain
    from data_nexus.ingestion.reports.run_report import RunReport

_TOUCHES = frozenset({"open", "os.mkdir", "os.rename", "os.remove"})
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
# One server for the whole process: whoever sets its modules again takes these from it.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "tests.support.programs.loaded",
        "tests.support.files.known_calendar",
        "tests.support.programs.forked_daemon",
    ]
)


@contextmanager
def forked(commands: Commands, *arguments: str, **settings: object) -> Iterator[ForkServerProcess]:
    """Start `nexus` where the commands are; it is killed at the end of the block if it runs."""
    environment = commands.environment_with(settings)
    child = FORKS.Process(target=_nexus, args=(str(commands.folder), environment, arguments))
    with _started(child):
        yield child


@contextmanager
def forked_until(
    commands: Commands, step: int, *arguments: str, **settings: object
) -> Iterator[ForkServerProcess]:
    """Start `nexus`; it kills itself before it touches a file of its folder for the nth time."""
    environment = commands.environment_with(settings)
    told = (str(commands.folder), environment, arguments, step)
    child = FORKS.Process(target=_nexus_until, args=told)
    with _started(child):
        yield child


@contextmanager
def forked_until_delta(
    commands: Commands, step: int, *arguments: str
) -> Iterator[ForkServerProcess]:
    """Start `nexus`; it kills itself before or behind a commit of a Delta table, or soon after.

    Steps are the begin and the end of each commit, and each touch of the manifest.
    """
    told = (str(commands.folder), commands.environment_with({}), arguments, step)
    child = FORKS.Process(target=_nexus_until_delta, args=told)
    with _started(child):
        yield child


@contextmanager
def forked_update(
    commands: Commands, now: datetime, **settings: object
) -> Iterator[ForkServerProcess]:
    """Start an update as if it were `now`; it is killed at the end of the block if it runs."""
    environment = commands.environment_with(settings)
    child = FORKS.Process(target=_update, args=(str(commands.folder), environment, now))
    with _started(child):
        yield child


def set_clock(clock: Path, now: datetime) -> None:
    """Let it be `now` for the workers that go by this clock, a file."""
    written = clock.with_suffix(".new")
    written.write_text(now.isoformat(), encoding="utf-8")
    written.replace(clock)


@contextmanager
def forked_worker(
    commands: Commands, clock: Path, **settings: object
) -> Iterator[ForkServerProcess]:
    """Start a worker that goes by a clock; it is killed at the end of the block if it runs."""
    environment = commands.environment_with(settings)
    child = FORKS.Process(target=_work, args=(str(commands.folder), environment, str(clock)))
    with _started(child):
        yield child


@contextmanager
def _started(child: ForkServerProcess) -> Iterator[None]:
    child.start()
    # Else the start of another child, in another thread, may take this one's exit code away.
    process._children.discard(child)  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        yield
    finally:
        child.kill()
        child.join()


def _nexus(folder: str, environment: Mapping[str, str], arguments: tuple[str, ...]) -> None:
    from data_nexus.cli.main import main  # noqa: PLC0415 - loaded where it runs

    with placed(folder, environment):
        main(list(arguments))


def _nexus_until(
    folder: str, environment: Mapping[str, str], arguments: tuple[str, ...], step: int
) -> None:
    reach = _killed_at(step)

    def watch(event: str, told: tuple[object, ...]) -> None:
        if _is_touch(event, told) and str(told[0]).startswith(folder):
            reach()

    sys.addaudithook(watch)
    _nexus(folder, environment, arguments)


def _nexus_until_delta(
    folder: str, environment: Mapping[str, str], arguments: tuple[str, ...], step: int
) -> None:
    reach = _killed_at(step)

    def watch(event: str, told: tuple[object, ...]) -> None:
        if _is_touch(event, told) and "manifest.json" in str(told[0]):
            reach()

    def watch_calls(frame: FrameType, event: str, _: object) -> None:
        # The library writes without Python's knowledge, so its steps are those around it.
        if event in ("call", "return") and frame.f_code.co_name == "_commit_once":
            reach()

    sys.addaudithook(watch)
    sys.setprofile(watch_calls)
    _nexus(folder, environment, arguments)


def _killed_at(step: int) -> Callable[[], None]:
    """What is called at each step, and kills this process at the nth."""
    steps = count(1)

    def reach() -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return reach


def _is_touch(event: str, told: tuple[object, ...]) -> bool:
    is_write = event != "open" or (isinstance(told[2], int) and told[2] & _WRITES)
    return event in _TOUCHES and bool(is_write)


def _update(folder: str, environment: Mapping[str, str], now: datetime) -> None:
    from data_nexus.config import load_settings  # noqa: PLC0415
    from data_nexus.ingestion.nightly.update import update  # noqa: PLC0415
    from data_nexus.observe.logs import log_event  # noqa: PLC0415

    url = environment["DATABASE_URL"]
    _run(
        lambda drain: update(load_settings({}), url, None, log_event, drain, now=now),
        folder,
        environment,
    )


def _work(folder: str, environment: Mapping[str, str], clock: str) -> None:
    from data_nexus.config import load_settings  # noqa: PLC0415
    from data_nexus.ingestion.nightly.worker import work  # noqa: PLC0415
    from data_nexus.observe.logs import log_event  # noqa: PLC0415

    def now() -> datetime:
        return datetime.fromisoformat(Path(clock).read_text(encoding="utf-8"))

    _run(
        lambda drain: work(load_settings({}), None, log_event, drain, now),
        folder,
        environment,
    )


def _run(
    run: Callable[[Drain], Coroutine[Any, Any, RunReport]],
    folder: str,
    environment: Mapping[str, str],
) -> None:
    """Run what reports as its command does, and end as that."""
    from data_nexus.app.signals import draining_on_signals  # noqa: PLC0415
    from data_nexus.cli.exit_codes import exit_code_of  # noqa: PLC0415
    from data_nexus.errors import NexusError  # noqa: PLC0415
    from data_nexus.ingestion.fetching.drain import Drain  # noqa: PLC0415
    from data_nexus.observe.logs import log_event  # noqa: PLC0415

    async def reported() -> int:
        drain = Drain(log_event)
        with draining_on_signals(drain):
            report = await run(drain)
            print(json.dumps(report.as_dict()), flush=True)  # noqa: T201 - the child's own log
            return exit_code_of(report)

    with placed(folder, environment):
        try:
            code = asyncio.run(reported())
        except NexusError as error:
            code = error.exit_code
    sys.exit(code)


@contextmanager
def placed(folder: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Let a child stand where its command would: folder, environment, and a log to print to."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # What a Python reads as it starts, and this one has started long ago.
    if environment.get("PYTHONWARNINGS") == "error":
        warnings.simplefilter("error")
    with open("forked.log", "a", encoding="utf-8") as sys.stdout:  # noqa: PTH123
        sys.stderr = sys.stdout
        yield
