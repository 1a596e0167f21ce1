"""Notify systemd of the state of the process: ready, alive, stopping.

Source: the manual page sd_notify(3): a datagram to the socket that `NOTIFY_SOCKET` names; a name
that begins with `@` is of the abstract namespace.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress


def notify(state: str) -> None:
    """Send a state such as `READY=1`; without systemd nothing happens."""
    if not (place := os.environ.get("NOTIFY_SOCKET", "")):
        return
    address = "\0" + place[1:] if place.startswith("@") else place
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.sendto(state.encode(), address)


def reloading() -> str:
    """Return the state of a process that reads its settings again, until it is ready once more."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"
