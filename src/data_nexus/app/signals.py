"""Drain a run at the first SIGINT or SIGTERM, and end the process at the second."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from data_nexus.ingestion.fetching.drain import Drain

Result = TypeVar("Result")
DRAINED = {"SIGINT": 130, "SIGTERM": 75}
_AT_ONCE = {signal.SIGINT: 130, signal.SIGTERM: 143}


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
