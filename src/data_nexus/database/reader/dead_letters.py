"""Owns what people do with dead letters: look, put back into the queue, give up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg.rows import dict_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.domain.symbol import Symbol


def list_dead_letters(
    database: PostgresConnection, asset_ids: list[int] | None = None
) -> list[dict[str, Any]]:
    """Return the dead letters, the latest first; of some assets or of all."""
    with database.connect() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        return cursor.execute(query("list_dead_letters"), {"asset_ids": asset_ids}).fetchall()


def retry_dead_letters(database: PostgresConnection, asset_ids: list[int] | None) -> int:
    """Put parked assets back into the queue; return how many."""
    return _change(database, "retry_dead_letters", asset_ids)


def drop_dead_letters(database: PostgresConnection, asset_ids: list[int] | None) -> int:
    """Give assets up: their letters go and they rest; return how many."""
    return _change(database, "drop_dead_letters", asset_ids)


def find_asset_ids(database: PostgresConnection, symbols: Sequence[Symbol]) -> dict[Symbol, int]:
    """Return the ids of the known ones among `symbols`."""
    parameters = {
        "symbols": [symbol.code for symbol in symbols],
        "exchanges": [symbol.exchange for symbol in symbols],
    }
    with database.connect() as connection:
        rows = connection.execute(query("find_assets"), parameters).fetchall()
    return {Symbol(row[1], row[2]): row[0] for row in rows}


def _change(database: PostgresConnection, name: str, asset_ids: list[int] | None) -> int:
    with database.connect() as connection:
        return connection.execute(query(name), {"asset_ids": asset_ids}).rowcount
