"""Hold the locks of a home: files that only their owner and root can open.

The kernel releases the locks of a killed command. They are closed on exec, as all descriptors that
Python opens, so the server, a detached process with its own session, never holds them.
"""

from __future__ import annotations

import fcntl
import logging
import os
import stat
import threading
from pathlib import Path

_LOG = logging.getLogger("data_nexus")
_FLAGS = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def take_lock(path: Path, operation: int, silent_sec: float = 5.0) -> int:
    """Open and lock a file; closing the descriptor releases it.

    Whoever waits longer than `silent_sec` reads in the log what for, and which process holds it.
    """
    while True:
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            _keep_private(descriptor, path.parent)
            _wait(path, descriptor, operation, silent_sec)
            # `remove` may have deleted the file while this call waited for it.
            if path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def holders(descriptor: int) -> list[int]:
    """Return the processes that hold a lock on a file, as far as the kernel says."""
    # The device is left out: some file systems show another one there.
    number = f":{os.fstat(descriptor).st_ino}"
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    fields = (line.split() for line in lines if " -> " not in line)
    found = {int(each[4]) for each in fields if len(each) > 5 and each[5].endswith(number)}
    return sorted(found - {0, os.getpid()})


def _keep_private(descriptor: int, folder: Path) -> None:
    """Give a lock the owner of its folder: `sudo nexus` must not lock a user out of a home."""
    status, owner = os.fstat(descriptor), folder.stat()
    if os.geteuid() == 0 and status.st_uid != owner.st_uid:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    if stat.S_IMODE(status.st_mode) != 0o600 and os.geteuid() in (0, status.st_uid):
        os.fchmod(descriptor, 0o600)


def _wait(path: Path, descriptor: int, operation: int, silent_sec: float) -> None:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        if operation & fcntl.LOCK_NB:
            raise
        timer = threading.Timer(silent_sec, _say, (path, descriptor))
        timer.daemon = True
        timer.start()
        try:
            fcntl.flock(descriptor, operation)
        finally:
            timer.cancel()


def _say(path: Path, descriptor: int) -> None:
    named = ", ".join(f"process {pid} ({_program(pid)})" for pid in holders(descriptor))
    _LOG.warning("waiting for %s, which is held by %s", path, named or "another process")


def _program(pid: int) -> str:
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "ended"
    return "".join(c for c in name if c.isprintable())
