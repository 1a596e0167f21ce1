"""Owns `nexus` in processes forked from one that has the modules loaded already.

A kill costs a hundredth of a second instead of a second, so that hundreds of them fit in a test.
The command is the same, and so is what SIGKILL does to it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import process
from multiprocessing.context import ForkServerProcess

from tests.support.commands import Commands

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["data_nexus.cli.main", "data_nexus.cli.backfill"])


@contextmanager
def forked(commands: Commands, *arguments: str, **settings: object) -> Iterator[ForkServerProcess]:
    """Start `nexus` where the commands are; it is killed at the end of the block if it runs."""
    environment = commands.environment_with(settings)
    child = _FORKS.Process(target=_nexus, args=(str(commands.folder), environment, arguments))
    child.start()
    # Else the start of another child, in another thread, may take this one's exit code away.
    process._children.discard(child)  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        yield child
    finally:
        child.kill()
        child.join()


def _nexus(folder: str, environment: Mapping[str, str], arguments: tuple[str, ...]) -> None:
    from data_nexus.cli.main import main  # noqa: PLC0415 - loaded where it runs

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    with open("forked.log", "a", encoding="utf-8") as sys.stdout:  # noqa: PTH123
        sys.stderr = sys.stdout
        main(list(arguments))
