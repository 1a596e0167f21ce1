"""Let a server keep its log for a stream of backups, from where that has arrived."""

from __future__ import annotations

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query


def keep_log(database: PostgresConnection, slot: str, prefix: str) -> bool:
    """Let the server keep the log for the stream of a slot; return whether none of it is missing.

    A stream of that slot that goes on is ended, and those of other slots with the prefix that have
    ended are forgotten.
    """
    with database.connect() as connection:
        connection.execute(query("end_left_stream"), {"slot": slot})
        connection.execute(query("forget_other_streams"), {"slots": f"{prefix}%", "slot": slot})
        state = connection.execute(query("stream_state"), {"slot": slot}).fetchone()
        return state is not None and state[0] != "lost"


def begin_log(database: PostgresConnection, slot: str) -> None:
    """Let the server keep the log from now on; of what it kept before, nothing is left."""
    with database.connect() as connection:
        if connection.execute(query("stream_state"), {"slot": slot}).fetchone() is not None:
            connection.execute(query("drop_stream"), {"slot": slot})
        connection.execute(query("begin_stream"), {"slot": slot})


def note_life(database: PostgresConnection) -> None:
    """Leave a moment in the log, so that a database that rests can be restored to any moment."""
    with database.connect() as connection:
        connection.execute(query("note_life"))
