"""List dead letters, put their assets back into the queue, or give the assets up."""

from __future__ import annotations

from typing import Any

from psycopg.rows import dict_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query


def list_dead_letters(
    database: PostgresConnection, asset_ids: list[int] | None = None
) -> list[dict[str, Any]]:
    """Return the dead letters, the latest first; of some assets or of all."""
    return database.rows("list_dead_letters", {"asset_ids": asset_ids}, dict_row)


def retry_dead_letters(database: PostgresConnection, asset_ids: list[int] | None) -> int:
    """Put parked assets back into the queue; return how many."""
    return _change(database, "retry_dead_letters", asset_ids)


def drop_dead_letters(database: PostgresConnection, asset_ids: list[int] | None) -> int:
    """Give assets up: their dead letters go and they are paused; return how many."""
    return _change(database, "drop_dead_letters", asset_ids)


def _change(database: PostgresConnection, name: str, asset_ids: list[int] | None) -> int:
    with database.connect() as connection:
        return connection.execute(query(name), {"asset_ids": asset_ids}).rowcount
