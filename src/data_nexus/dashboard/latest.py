"""Keep what was read last, so that any number of pages costs the database one read at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")
# So many times its age a value is still given while the next one is being read.
_STALE = 10


@dataclass(slots=True)
class Latest(Generic[Value]):
    """What `read` returns, at most `age_sec` old while nothing is slow; it is read in a thread.

    While a newer value is on its way the last one is given, up to ten times that age: then the
    newer one is awaited, and its error is raised.
    """

    read: Callable[[], Value]
    age_sec: float
    clock: Callable[[], float] = time.monotonic
    _value: Value | None = None
    _read_at: float = float("-inf")
    _reading: asyncio.Task[Value] | None = field(default=None)

    async def get(self) -> Value:
        """Return the value."""
        age = self.clock() - self._read_at
        if self._value is not None and age < self.age_sec:
            return self._value
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._renewed(), name="reading the latest")
            self._reading.add_done_callback(_note_error)
        if self._value is not None and age < self.age_sec * _STALE:
            return self._value
        return await asyncio.shield(self._reading)

    def forget(self) -> None:
        """Let the next one who asks wait for a new value: something was changed."""
        self._value, self._reading = None, None

    async def _renewed(self) -> Value:
        value = await asyncio.to_thread(self.read)
        # One that was begun before a change is not kept.
        if self._reading is asyncio.current_task():
            self._value, self._read_at = value, self.clock()
        return value


def _note_error(task: asyncio.Task[Value]) -> None:
    """Take an error for which no page waits: the next read meets it again."""
    if not task.cancelled():
        task.exception()
