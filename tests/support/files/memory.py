"""The file system in memory, where tests put what need not outlive them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made in it has names of its own
# For the databases and the folders of some runs side by side.
_ROOM_BYTES = 8 << 30


def folder_in_memory() -> Path | None:
    """That file system's folder where it has much room, else None.

    A database is a thousand files: on a disk, making and dropping them cost more than the tests.
    """
    room = shutil.disk_usage(_MEMORY).free if os.access(_MEMORY, os.W_OK) else 0
    return _MEMORY if room > _ROOM_BYTES else None
