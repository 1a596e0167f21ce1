"""Read the names that a person may type, and keep a list of them beside the embedded database.

The embedded server runs only while a command does, so that a shell which completes a word has the
list alone. It is a help for typing: no command reads it for anything else. Another server is asked,
and is not waited for longer than a second.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from pathlib import Path

import msgspec
from psycopg.rows import tuple_row

from data_nexus.config import read_regular
from data_nexus.database.connection import PostgresConnection

_PATIENCE_SEC = 1.0
_PART = 1 << 16


class KnownNames(msgspec.Struct, frozen=True):
    """Symbols with their exchange, and watchlists, both sorted."""

    symbols: list[str] = []
    watchlists: list[str] = []

    @property
    def exchanges(self) -> list[str]:
        """The exchanges of the symbols."""
        return sorted({symbol.rpartition(".")[2] for symbol in self.symbols})


def read_names(database: PostgresConnection) -> KnownNames:
    """Return the names that the database knows now."""
    found = database.rows("known_names", {}, tuple_row)
    return KnownNames(
        symbols=sorted(name for kind, name in found if kind == "symbol"),
        watchlists=sorted(name for kind, name in found if kind == "watchlist"),
    )


def keep_names(database: PostgresConnection, file: Path) -> None:
    """Write the names of now to a file of the user's own; do without if it cannot be written."""
    text = msgspec.json.encode(read_names(database))
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        with suppress(OSError):
            draft.write_bytes(text)
            draft.chmod(0o600)
            draft.replace(file)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def kept_names(file: Path) -> KnownNames:
    """Return the names in a file; none where there is no such file, or no sound one."""
    try:
        return msgspec.json.decode(read_regular(file), type=KnownNames)
    except (OSError, msgspec.MsgspecError):
        return KnownNames()


def names_in_time(database: PostgresConnection) -> KnownNames:
    """Return the names that a child process reads; none if that takes too long or fails.

    It is killed then: only so does a deadline hold for all that a connection may wait for, names of
    hosts included.
    """
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(database, sink)
    os.close(sink)
    try:
        return msgspec.json.decode(
            _read_until(source, time.monotonic() + _PATIENCE_SEC), type=KnownNames
        )
    except msgspec.MsgspecError:
        return KnownNames()
    finally:
        os.close(source)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _answer(database: PostgresConnection, sink: int) -> None:
    """Write what was read, and end this process whatever happens."""
    try:
        with os.fdopen(sink, "wb") as file:
            file.write(msgspec.json.encode(read_names(database)))
    finally:
        os._exit(0)


def _read_until(source: int, deadline: float) -> bytes:
    """Return all that comes from a pipe until its end, or until the deadline."""
    text = bytearray()
    while select.select([source], [], [], max(0.0, deadline - time.monotonic()))[0]:
        part = os.read(source, _PART)
        if not part:
            break
        text += part
    return bytes(text)
