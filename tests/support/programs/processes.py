"""What a process holds, as the kernel tells."""

from __future__ import annotations

import os
from pathlib import Path


def memory_kb(pid: int) -> int:
    """What a process holds in memory."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0])


def open_files(pid: int) -> int:
    """How many files, sockets and pipes a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - their number is all
