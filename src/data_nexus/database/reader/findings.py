"""Owns reading what was found of assets: the rules that their bars and actions break together."""

from __future__ import annotations

from typing import Any

from psycopg.rows import dict_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query


def read_findings(
    database: PostgresConnection, exchange: str | None = None
) -> list[dict[str, Any]]:
    """Return the findings of one exchange or of all, by ticker and rule."""
    with database.connect() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        return cursor.execute(query("read_findings"), {"exchange": exchange}).fetchall()
