"""Plain looks at a database: SQL of the tests' own, nothing of the engine in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg
from psycopg import sql

Row = tuple[Any, ...]
TABLES = (
    "assets",
    "market_data",
    "market_data_revisions",
    "rebasings",
    "rejected_rows",
    "dead_letters",
    "sync_log",
    "runs",
)


def rows(url: str, query: LiteralString, *parameters: object) -> list[Row]:
    """A query's rows, read in a transaction of their own; nothing for a statement without rows."""
    with psycopg.connect(url) as connection:
        cursor = connection.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []


def value(url: str, query: LiteralString, *parameters: object) -> Any:  # noqa: ANN401 - any column
    """The first value of a query's first row."""
    return rows(url, query, *parameters)[0][0]


def execute(url: str, *statements: LiteralString) -> None:
    """Run statements in one transaction."""
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)


def snapshot(url: str, *tables: str) -> dict[str, list[Row]]:
    """All rows of the tables, with the transaction that wrote each and the place where it lies.

    Two snapshots are equal exactly if nothing was written in between: an update that changes no
    value still makes a new row version.
    """
    query = sql.SQL("SELECT xmin::text, ctid::text, * FROM {} ORDER BY ctid")
    with psycopg.connect(url) as connection:
        return {
            table: connection.execute(query.format(sql.Identifier(table))).fetchall()
            for table in tables or TABLES
        }


def add_assets(url: str, *codes: str, exchange: str = "US", **columns: Any) -> list[int]:  # noqa: ANN401
    """Insert assets that share the given columns; their ids, in the order of the codes."""
    names = ["symbol", "exchange", *columns]
    query = sql.SQL("INSERT INTO assets ({}) VALUES ({}) RETURNING id").format(
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(sql.Placeholder() * len(names)),
    )
    ids = []
    with psycopg.connect(url) as connection:
        for code in codes:
            row = connection.execute(query, [code, exchange, *columns.values()]).fetchone()
            ids.append(row[0] if row else 0)
    return ids


def eventually(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until it holds; fail if it does not within the time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it did not come true within {seconds} s"
        time.sleep(0.01)
