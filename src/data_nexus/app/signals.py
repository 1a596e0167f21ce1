"""Drain a run at the first SIGINT or SIGTERM, and end the process at the second."""

from __future__ import annotations

import asyncio
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from data_nexus.ingestion.fetching.drain import Drain

DRAINED = {"SIGINT": 130, "SIGTERM": 75}
_AT_ONCE = {signal.SIGINT: 130, signal.SIGTERM: 143}
_STDERR = 2
_LAST_WORDS = b"ended at once by a second signal; what was committed stays\n"


@contextmanager
def draining_on_signals(drain: Drain) -> Iterator[None]:
    """Let SIGINT and SIGTERM drain the run while the block lasts (inside the event loop)."""
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


def _say_last() -> None:
    """Say on stderr how the process ends, below what stands there, if that can be written now."""
    line_end = b"\n" if os.isatty(_STDERR) else b""
    with suppress(OSError):
        if select.select([], [_STDERR], [], 0)[1]:
            os.write(_STDERR, line_end + _LAST_WORDS)
