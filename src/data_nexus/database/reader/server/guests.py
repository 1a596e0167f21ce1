"""Let other programs read the embedded database for a while, by a password of their own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.errors import NexusError

# The reading user of `sql_rights.sql`; the only one that the loopback address lets in.
GUEST = "nexus_reader"


@contextmanager
def admitted_guests(database: PostgresConnection) -> Iterator[str]:
    """Give the password by which the reading user logs in while the block lasts.

    The server is sent a verifier only (SCRAM-SHA-256): neither its log nor its tables hold the
    password. At the end the password is void, and sessions that came by it are ended.
    """
    password = secrets.token_urlsafe(18)
    with database.connect() as connection:
        connection.execute(query("create_reading_user"))
        connection.execute(
            query("note_guests"),
            {"verifier": _verifier(connection, password), "schema": database.schema},
        )
        connection.execute(query("admit_guests"))
    try:
        yield password
    finally:
        # A server that is gone lets no one in.
        with suppress(NexusError, psycopg.Error):
            # One after the other: who is cut must not come in again.
            for name in ("dismiss_guests", "cut_guests"):
                with database.connect() as connection:
                    connection.execute(query(name))


def _verifier(connection: psycopg.Connection, password: str) -> str:
    made = connection.pgconn.encrypt_password(password.encode(), GUEST.encode(), b"scram-sha-256")
    return made.decode()
