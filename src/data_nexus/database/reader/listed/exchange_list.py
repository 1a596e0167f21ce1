"""Count what the database holds of each exchange."""

from __future__ import annotations

from psycopg.rows import class_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.domain.listings.exchange_lists import HeldExchange


def held_exchanges(database: PostgresConnection) -> list[HeldExchange]:
    """Return the exchanges with assets, by code."""
    return database.rows("held_exchanges", {}, class_row(HeldExchange))
