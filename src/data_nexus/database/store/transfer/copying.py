"""Copy all tables from one database into another, and prove that they are equal.

The target's tables are made by the same migrations, so that a server of any supported version will
do. Rows travel in PostgreSQL's binary form, read in one snapshot and written in one transaction:
the target has all of them or none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row, tuple_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.errors import StorageUnavailable, UsageError

# Each database has its own.
_VERSION = "alembic_version"


@dataclass(frozen=True, slots=True)
class TableToCopy:
    """A table and the columns that are copied."""

    name: str
    columns: list[str]


@dataclass(frozen=True, slots=True)
class TableCopied:
    """A table of the target with its rows, and their checksum whatever their order."""

    name: str
    rows: int
    checksum: str


def own_tables(database: PostgresConnection, names: Sequence[str]) -> list[TableToCopy]:
    """Return which tables of these names there are."""
    found = database.rows("tables_of_schema", {"schema": database.schema}, class_row(TableToCopy))
    return [table for table in found if table.name in names]


def other_tables(database: PostgresConnection, names: Sequence[str]) -> list[str]:
    """Return the tables beside those of these names: a person's own, which are not copied."""
    found = database.rows("tables_of_schema", {"schema": database.schema}, class_row(TableToCopy))
    return [table.name for table in found if table.name not in (*names, _VERSION)]


def require_vacant(target: PostgresConnection, names: Sequence[str]) -> None:
    """Raise `UsageError` for a target in which a table of these names holds rows."""
    tables = own_tables(target, names)
    with target.connect() as connection:
        filled = [table.name for table in tables if _has_rows(connection, target.schema, table)]
    if filled:
        raise UsageError(
            f"the target has rows in {', '.join(filled)}: nothing was copied; name another"
            " database, or another schema by NEXUS_SCHEMA"
        )


def copy_tables(
    source: PostgresConnection,
    target: PostgresConnection,
    names: Sequence[str],
    announce: Callable[[str], None],
) -> list[TableCopied]:
    """Copy all rows of these tables, and compare counts and checksums before anything is kept.

    `announce` receives the name of each table before it is copied. Raises `StorageUnavailable`, and
    keeps nothing, if a table is not equal in the end.
    """
    copied = []
    with source.reading() as reading, target.connect() as writing:
        for connection in (reading, writing):
            connection.execute(query("prepare_copying"))
        there = {table.name for table in own_tables(target, names)}
        for table in own_tables(source, names):
            announce(table.name)
            if table.name not in there:
                raise StorageUnavailable(
                    f"the target lacks {table.name}; upgrade it, then run it again"
                )
            _copy(reading, writing, (source.schema, target.schema), table)
            found = _summed(writing, target.schema, table)
            if found != _summed(reading, source.schema, table):
                raise StorageUnavailable(
                    f"{table.name} is not equal in the target: nothing was kept; run it again"
                )
            copied.append(found)
        _continue_numbers(reading, writing, source.schema, target.schema)
    _analyze(target, copied)
    return copied


def _has_rows(connection: psycopg.Connection, schema: str, table: TableToCopy) -> bool:
    text = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(schema, table.name))
    return connection.execute(text).fetchone() == (True,)


def _copy(
    reading: psycopg.Connection,
    writing: psycopg.Connection,
    schemas: tuple[str, str],
    table: TableToCopy,
) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    source, target = (sql.Identifier(schema, table.name) for schema in schemas)
    # By a query: a table that others have split into parts is read whole.
    sending = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)").format(columns, source)
    taking = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(target, columns)
    with reading.cursor().copy(sending) as sent, writing.cursor().copy(taking) as taken:
        for part in sent:
            taken.write(part)


def _summed(connection: psycopg.Connection, schema: str, table: TableToCopy) -> TableCopied:
    """Count the rows and sum their hashes: equal rows have equal sums in any order."""
    text = sql.SQL(
        "SELECT count(*), coalesce(sum("
        ' hashtextextended((ROW({})::text) COLLATE "C", 0)::numeric), 0)::text FROM {}'
    ).format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)), sql.Identifier(schema, table.name)
    )
    rows, checksum = connection.execute(text).fetchone() or (0, "0")
    return TableCopied(table.name, rows, checksum)


def _continue_numbers(
    reading: psycopg.Connection, writing: psycopg.Connection, source: str, target: str
) -> None:
    """Let the target's numbers go on where the source's are: no id is given twice."""
    last = {
        (place.rpartition(".")[2], name): value for place, name, value in _numbered(reading, source)
    }
    for place, name, _ in _numbered(writing, target):
        value = last.get((place.rpartition(".")[2], name))
        if value is not None:
            asked = {"place": place, "name": name, "last_value": value}
            writing.execute(query("continue_numbers"), asked)


def _numbered(connection: psycopg.Connection, schema: str) -> list[tuple[Any, ...]]:
    cursor = connection.cursor(row_factory=tuple_row)
    return cursor.execute(query("numbered_columns"), {"schema": schema}).fetchall()


def _analyze(target: PostgresConnection, copied: Sequence[TableCopied]) -> None:
    """Let the target's planner know the tables."""
    with target.connect() as connection:
        connection.execute(query("prepare_copying"))
        for table in copied:
            place = sql.Identifier(target.schema, table.name)
            connection.execute(sql.SQL("ANALYZE {}").format(place))
