"""Report findings: the rules that the bars and actions of assets break together."""

from __future__ import annotations

from typing import Any

from psycopg.rows import dict_row

from data_nexus.database.connection import PostgresConnection


def read_findings(
    database: PostgresConnection, exchange: str | None = None
) -> list[dict[str, Any]]:
    """Return the findings of one exchange or of all, by ticker and rule."""
    return database.rows("read_findings", {"exchange": exchange}, dict_row)
