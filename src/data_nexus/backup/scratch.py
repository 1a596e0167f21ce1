"""Give a home for a while, deleted with its cluster even after whoever had it was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data_nexus.database.embedded import remove
from data_nexus.errors import NexusError

_PREFIX = "nexus-drill-"


@contextmanager
def scratch_home() -> Iterator[Path]:
    """Give an empty home below `TMPDIR`, through which the server's account can pass.

    It is locked for as long as the block lasts: what is not locked was left behind, and is deleted.
    """
    _drop_left()
    home = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        home.chmod(0o711)
        yield home
    finally:
        _drop(home)
        os.close(lock)


def _drop_left() -> None:
    """Delete the homes of this user that killed commands have left, and end their servers."""
    for home in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            status = home.lstat()
            # One that was made this instant is not locked yet, and has its first mode.
            if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) != 0o711:
                continue
            lock = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _drop(home)
            finally:
                os.close(lock)


def _drop(home: Path) -> None:
    with suppress(NexusError):
        remove(home)
    shutil.rmtree(home, ignore_errors=True)
