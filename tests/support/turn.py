"""Owns who may run beside whom where several processes share the tests.

A test that measures time or memory is marked `alone`: while it runs, no other test does.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Two files that every process has. Only their locks are used.
_ROOM, _DOOR = Path(__file__), Path(__file__).with_name("tables.py")


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """Wait until a test may run; then no test that is `alone` runs beside another.

    Who is to be alone holds the door until the room is empty, so that nobody enters before it.
    """
    with _opened(_ROOM) as room:
        with _opened(_DOOR) as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A file whose lock ends here, even if a child that was forked has it open still."""
    opened = os.open(path, os.O_RDONLY)
    try:
        yield opened
    finally:
        fcntl.flock(opened, fcntl.LOCK_UN)
        os.close(opened)
