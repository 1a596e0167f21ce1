"""A watch over alerts in a process of its own, on a database whose state the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import process
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from data_nexus.config import Settings
from data_nexus.events import ignore
from data_nexus.service.alerting import AlertWatch
from tests.support.programs.forked_commands import FORKS

_HASTY: dict[str, Any] = {"poll_seconds": 0.1, "backoff_seconds": 0.01}


@contextmanager
def forked_watch(url: str, free: Path, **settings: Any) -> Iterator[ForkServerProcess]:  # noqa: ANN401
    """Start a watch; the share of the disk that is free stands in a file."""
    child = FORKS.Process(target=_watch, args=(url, str(free), {**_HASTY, **settings}))
    child.start()
    process._children.discard(child)  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        yield child
    finally:
        child.kill()
        child.join()


def _watch(url: str, free: str, given: dict[str, Any]) -> None:
    settings = Settings(**given)

    def free_share(_: Path) -> float:
        return float(Path(free).read_text(encoding="utf-8"))

    asyncio.run(AlertWatch(lambda: settings, url, ignore, free=free_share).run())
