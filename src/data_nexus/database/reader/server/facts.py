"""Report what a server is: version, extensions, settings, clock, and the room that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from data_nexus.database.connection import PostgresConnection

# Measured with its index; the log of a load comes on top.
BYTES_A_BAR = 110
# Of a history of 20 years, where nothing is loaded yet.
_USUAL_BARS = 5_000
_LONGEST_BARS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a server says of itself; None is what this role may not see.

    `folder` holds its data, on this machine if `is_here`. `available` are the extensions for large
    databases that it could have. `connections` of `max_connections` are taken.
    """

    version: str
    moment: datetime
    bytes: int
    extensions: list[str]
    available: list[str]
    is_durable: bool
    is_vacuumed: bool
    max_connections: int
    connections: int
    folder: str | None
    wal_bytes: int
    is_here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsToCome:
    """The assets that wait for their first bars, and those that have bars: `rows` altogether."""

    lacking: int
    loaded: int
    rows: int | None

    @property
    def bytes(self) -> int:
        """The room that the missing bars will take, index included."""
        known = (self.rows or 0) // self.loaded if self.loaded else 0
        return self.lacking * min(known or _USUAL_BARS, _LONGEST_BARS) * BYTES_A_BAR


def server_facts(database: PostgresConnection) -> ServerFacts:
    """Return what the server says of itself."""
    return database.rows("server_facts", {}, class_row(ServerFacts))[0]


def bars_to_come(database: PostgresConnection) -> BarsToCome:
    """Return what the assets that wait for their first bars will bring."""
    return database.rows("bars_to_come", {}, class_row(BarsToCome))[0]
