"""Drain a run at the first SIGINT or SIGTERM, and end the process at the second."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

from data_nexus.ingestion.fetching.drain import Drain

Result = TypeVar("Result")
DRAINED = {"SIGINT": 130, "SIGTERM": 75}
_AT_ONCE = {signal.SIGINT: 130, signal.SIGTERM: 143}
_STDERR = 2
_LAST_WORDS = b"ended at once by a second signal; what was committed stays\n"


@contextmanager
def draining_on_signals(drain: Drain) -> Iterator[None]:
    """Let SIGINT and SIGTERM drain the run while the block lasts (inside the event loop).

    Outside of the main thread, as in a notebook, signals are for others.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        if drain.reason is not None:
            # No clean-up: open transactions roll back, and the leases are freed as orphans.
            _say_last()
            os._exit(_AT_ONCE[number])
        drain.request(number.name)

    for number in _AT_ONCE:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in _AT_ONCE:
            loop.remove_signal_handler(number)


def outside_a_loop(work: Callable[[], Result]) -> Result:
    """Do work that runs an event loop of its own: in a thread where one runs, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(work).result()


def _say_last() -> None:
    """Say on stderr how the process ends, below what stands there, if that can be written now."""
    line_end = b"\n" if os.isatty(_STDERR) else b""
    with suppress(OSError):
        if select.select([], [_STDERR], [], 0)[1]:
            os.write(_STDERR, line_end + _LAST_WORDS)
