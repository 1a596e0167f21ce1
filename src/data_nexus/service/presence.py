"""Let the daemons of a home be found: each holds a lock on a file with its process number."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data_nexus.database.embedded.locks import take_lock
from data_nexus.errors import UsageError

_FOLDER = "daemons"


@contextmanager
def announced(home: Path) -> Iterator[None]:
    """Let this process be found as a daemon of a home while the block lasts."""
    folder = home / _FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = folder / str(os.getpid())
    descriptor = take_lock(own, fcntl.LOCK_EX)
    try:
        yield
    finally:
        own.unlink(missing_ok=True)
        os.close(descriptor)


def signal_daemons(home: Path, number: signal.Signals) -> list[int]:
    """Send a signal to the daemons of a home; return their process numbers.

    What a killed one has left is cleared away. Raises `UsageError` for one of another user.
    """
    found: list[int] = []
    for path in sorted((home / _FOLDER).glob("[1-9]*")):
        try:
            left = take_lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                os.kill(int(path.name), number)
            except PermissionError:
                text = f"the daemon {path.name} is another user's; run it as that user"
                raise UsageError(text) from None
            found.append(int(path.name))
        else:
            with suppress(OSError):
                path.unlink()
            os.close(left)
    return found
