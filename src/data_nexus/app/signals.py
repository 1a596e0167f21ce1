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
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from data_nexus.ingestion.fetching.drain import Drain

Result = TypeVar("Result")
DRAINED = {"SIGINT": 130, "SIGTERM": 75}
_AT_ONCE = {signal.SIGINT: 130, signal.SIGTERM: 143}
_STDERR = 2
_LAST_WORDS = b"ended at once by a second signal; what was committed stays\n"


@dataclass(slots=True)
class _Caller:
    """Whoever waits in another thread for a run, and how to drain it once it has begun."""

    has_left: bool = False
    drain: Callable[[], object] | None = None

    def leave(self) -> None:
        """Wait no longer: let the run drain."""
        self.has_left = True
        if self.drain is not None:
            with suppress(RuntimeError):  # its loop is closed: it is over
                self.drain()


_CALLER: ContextVar[_Caller | None] = ContextVar("caller", default=None)


@contextmanager
def draining_on_signals(drain: Drain) -> Iterator[None]:
    """Let SIGINT and SIGTERM drain the run while the block lasts (inside the event loop).

    Outside of the main thread signals are for others: there it drains when its caller waits no
    longer.
    """
    if threading.current_thread() is not threading.main_thread():
        with _draining_with(_CALLER.get() or _Caller(), drain):
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


@contextmanager
def reloading_on_signal(reload: asyncio.Event, drain: Drain) -> Iterator[None]:
    """Let SIGHUP ask for a reload while the block lasts (inside the event loop).

    One that comes because a terminal was closed drains the run instead.
    """
    loop, had_terminal = asyncio.get_running_loop(), os.isatty(_STDERR)

    def on_signal() -> None:
        if had_terminal and not os.isatty(_STDERR):
            drain.request("SIGHUP")
        else:
            reload.set()

    loop.add_signal_handler(signal.SIGHUP, on_signal)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


@contextmanager
def _draining_with(caller: _Caller, drain: Drain) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    caller.drain = lambda: loop.call_soon_threadsafe(drain.request, "SIGINT")
    if caller.has_left:
        drain.request("SIGINT")
    try:
        yield
    finally:
        caller.drain = None


def in_a_thread(work: Callable[[], Result]) -> Result:
    """Do a run's work in a thread; an interrupt of the wait for it drains it, and is raised.

    Signals and a running event loop stay those of the caller, a script or a notebook.
    """
    caller = _Caller()

    def working() -> Result:
        _CALLER.set(caller)
        return work()

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(working)
        try:
            return running.result()
        finally:
            caller.leave()


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


@contextmanager
def ended_by_signal() -> Iterator[threading.Event]:
    """Give an event that SIGINT and SIGTERM set, for work that looks at it from time to time."""
    ended = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: ended.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield ended
    finally:
        for number, action in before.items():
            signal.signal(number, action)
