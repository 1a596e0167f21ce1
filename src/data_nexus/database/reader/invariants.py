"""Check the invariants: what is true of a database at any moment, as queries for breaches."""

from __future__ import annotations

from dataclasses import dataclass

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query


@dataclass(frozen=True, slots=True)
class Invariant:
    """A promise, and the query that counts where it is broken."""

    name: str
    query: str


INVARIANTS = (
    Invariant("no cursor is ahead of its rows", "broken_cursors"),
    Invariant("every received row is accounted for", "broken_sums"),
    Invariant("every answer recorded is in the sync log", "broken_log"),
    Invariant("no fence of the log is ahead of its asset", "broken_fences"),
)


def broken_invariants(database: PostgresConnection) -> dict[str, int]:
    """Return each invariant with the number of places where it is broken."""
    with database.connect() as connection:
        counts = {}
        for invariant in INVARIANTS:
            row = connection.execute(query(invariant.query)).fetchone()
            counts[invariant.name] = int(row[0]) if row else 0
    return counts
