"""Read secrets from files that only their owner can read.

Services and containers are handed their secrets in files of root's that a group of theirs may read
(systemd's `LoadCredential=`, a Kubernetes Secret with `fsGroup`): those are read as well, as libpq
does with a key of root's.
"""

from __future__ import annotations

import errno
import os
import stat

from data_nexus.errors import UsageError

_LARGEST = 4096


def read_private(variable: str, name: str, what: str) -> str:
    """Return the text of the small file that a variable names, which holds `what` alone.

    Raises `UsageError` for a file that others can read, and for what is not a regular file of UTF-8
    text.
    """
    try:
        return _content(variable, name, what).decode("utf-8")
    except OSError as error:
        raise UsageError(f"{variable}: {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{variable}: {name} is not UTF-8 text") from None


def _content(variable: str, name: str, what: str) -> bytes:
    """Return the bytes of a small regular file; a pipe or a device is neither opened nor read."""
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{variable}: {name} is not a regular file")
        if status.st_mode & _others_rights(status):
            raise UsageError(f"{variable}: others can read {name}; run: chmod 600 {name}")
        content = os.read(descriptor, _LARGEST + 1)
    finally:
        os.close(descriptor)
    if len(content) > _LARGEST:
        raise UsageError(f"{variable}: {name} is larger than 4 kB; it must hold {what} alone")
    return content


def _others_rights(status: os.stat_result) -> int:
    """Return the bits of the mode that none of may be set."""
    is_handed_out = status.st_uid == 0 != os.geteuid()
    return stat.S_IRWXO | (stat.S_IWGRP | stat.S_IXGRP if is_handed_out else stat.S_IRWXG)
