"""Read the names that a person may type, and keep a list of them beside the embedded database.

The embedded server runs only while a command does, so that a shell which completes a word has the
list alone. It is a help for typing: no command reads it for anything else.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec
from psycopg.rows import tuple_row

from data_nexus.config import read_regular
from data_nexus.database.connection import PostgresConnection


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
