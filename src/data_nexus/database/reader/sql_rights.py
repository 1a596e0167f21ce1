"""Give a person's own SQL a session that can read tables, and as little else as can be had.

On the embedded server it is a user of its own, who may read all tables and nothing else: no file,
no program, and no statement leads back to more rights. On another server it is the user of
DATABASE_URL in a transaction that only reads; if that user may reach files and programs of the
server, its rights are put off for the transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import IsolationLevel
from psycopg import conninfo as libpq
from psycopg.rows import class_row

from data_nexus.database.connection import PostgresConnection, conninfo, set_meanings
from data_nexus.database.connection.troubles import storage_errors
from data_nexus.database.queries import query
from data_nexus.errors import UsageError

_READER = "nexus_reader"
_READING = ("select", "with", "values", "table", "show", "explain")
_FIRST_WORD = re.compile(r"(?:\s|\(|--[^\n]*(?:\n|$)|/\*.*?\*/)*(\w*)", re.DOTALL)
# By these a statement takes back the rights that its session has put off; U& spells any name in
# another way.
_LEADS_BACK = re.compile(r"set_config|session_authorization|u&\s*[\"']", re.IGNORECASE)


@contextmanager
def reading_sql(database: PostgresConnection, text: str) -> Iterator[psycopg.Connection]:
    """Give a connection for one SQL query of a person's; see above for what it can do.

    Raises `UsageError` where rights to files and programs cannot be put off, or where the query
    might take them back.
    """
    with storage_errors(), database.connect() as connection:
        rights = connection.cursor(row_factory=class_row(_Rights)).execute(query("read_rights"))
        found = rights.fetchone() or _Rights()
        if not (found.is_superuser and found.is_embedded):
            connection.rollback()
            _only_read(connection)
            if found.reaches_server:
                _put_off_rights(connection, text)
            yield connection
            return
        if not found.has_reading_user:
            connection.execute(query("create_reading_user"))
    with storage_errors(), _as_reader(database) as connection:
        _only_read(connection)
        yield connection


@dataclass(frozen=True, slots=True)
class _Rights:
    is_superuser: bool = False
    reaches_server: bool = False
    is_embedded: bool = False
    has_reading_user: bool = False


def _only_read(connection: psycopg.Connection) -> None:
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True


@contextmanager
def _as_reader(database: PostgresConnection) -> Iterator[psycopg.Connection]:
    target = conninfo(database.url, database.schema, role="sql")
    with psycopg.connect(libpq.make_conninfo(target, user=_READER)) as connection:
        set_meanings(connection)
        yield connection


def _put_off_rights(connection: psycopg.Connection, text: str) -> None:
    first = _FIRST_WORD.match(text)
    if first is None or first[1].lower() not in _READING:
        raise UsageError(
            "only reading is possible: a query begins with SELECT, WITH, VALUES, TABLE, SHOW or"
            " EXPLAIN"
        )
    if found := _LEADS_BACK.search(text):
        raise UsageError(f"only reading is possible: {found[0]} may change the session")
    try:
        connection.execute(query("become_reader"))
    except psycopg.errors.InsufficientPrivilege:
        raise UsageError(
            "the user of DATABASE_URL may reach files and programs of the server: for SQL, connect"
            " as a user that can only read (GRANT SELECT ON ALL TABLES IN SCHEMA … TO …)"
        ) from None
